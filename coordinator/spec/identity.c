#include "coordinator/spec/identity.h"

#include <inttypes.h>
#include <stdlib.h>

#include "proto/definition/json_text.h"

/* ---- The files of a command ---- */

struct named_file {
    const char *name; /* as written: relative to the sweep file */
    char digest[DIGEST_HEX_BYTES];
};

struct named_files {
    struct named_file *list; /* by name, each once */
    size_t count;
};

static int by_file_name(const void *a, const void *b)
{
    const struct named_file *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static void drop_repeated(struct named_files *f)
{
    size_t kept = 0;
    for (size_t i = 0; i < f->count; i++) {
        if (kept == 0 || strcmp(f->list[kept - 1].name, f->list[i].name) != 0)
            f->list[kept++] = f->list[i];
    }
    f->count = kept;
}

/* Those words that were resolved beside the sweep file. */
static err read_files(const struct spec_command *command, struct content *content,
                      struct arena *arena, struct named_files *out, struct errmsg *msg)
{
    *out = (struct named_files){ arena_alloc(arena, (command->count + 1) * sizeof(*out->list)), 0 };
    for (size_t i = 0; i < command->count; i++) {
        if (command->words[i] == command->written[i])
            continue;
        struct digest digest;
        err e = content_digest(content, command->words[i], &digest, msg);
        if (e)
            return e;
        struct named_file *file = &out->list[out->count++];
        file->name = command->written[i];
        digest_hex(&digest, file->digest);
    }
    qsort(out->list, out->count, sizeof(*out->list), by_file_name);
    drop_repeated(out);
    return OK;
}

static void put_files(struct buf *out, const char *key, const struct named_files *f)
{
    json_key(out, key);
    buf_append_byte(out, '{');
    for (size_t i = 0; i < f->count; i++)
        json_put_text(out, f->list[i].name, f->list[i].digest);
    buf_append_byte(out, '}');
}

/* One short text for all of them; NULL: there are none. */
static const char *revision_of(const struct named_files *f, struct arena *arena)
{
    if (f->count == 0)
        return NULL;
    struct digester *d = digester_new();
    for (size_t i = 0; i < f->count; i++) {
        digester_add_str(d, f->list[i].name);
        digester_add_str(d, f->list[i].digest);
    }
    struct digest digest = digester_take(d);
    char hex[DIGEST_HEX_BYTES];
    digest_hex(&digest, hex);
    return arena_strdup(arena, hex);
}

/* ---- Members ---- */

/* Text that is JSON already. */
static void put_json(struct buf *out, const char *key, const char *json)
{
    json_key(out, key);
    buf_append_str(out, json);
}

static int by_env_name(const void *a, const void *b)
{
    const struct env_entry *x = a, *y = b;
    return strcmp(x->name, y->name);
}

/* By name: the order of the file does not matter to the model. */
static void put_env(struct buf *out, const struct spec_model *m, struct arena *arena)
{
    size_t count = m->definition.env_count;
    struct env_entry *env = arena_alloc(arena, (count + 1) * sizeof(*env));
    for (size_t i = 0; i < count; i++)
        env[i] = (struct env_entry){ m->definition.env[i].name, m->env_identity[i] };
    qsort(env, count, sizeof(*env), by_env_name);
    json_key(out, "env");
    buf_append_byte(out, '{');
    for (size_t i = 0; i < count; i++)
        json_put_text(out, env[i].name, env[i].value);
    buf_append_byte(out, '}');
}

static void put_sim(struct buf *out, const struct sim_parameters *s)
{
    json_key(out, "sim");
    buf_append_byte(out, '{');
    json_put_u64(out, "answer_bytes", s->answer_bytes);
    json_put_real(out, "crash_rate", s->crash_rate);
    json_put_u64(out, "duration_ms", (uint64_t)s->duration_ms);
    json_put_real(out, "duration_spread", s->duration_spread);
    json_put_real(out, "failure_rate", s->failure_rate);
    json_put_u64(out, "load_ms", (uint64_t)s->load_ms);
    json_put_real(out, "poison_rate", s->poison_rate);
    json_put_real(out, "quality", s->quality);
    json_put_u64(out, "seed", s->seed);
    buf_append_byte(out, '}');
}

/* ---- Identities ---- */

static void finish(struct buf *record, struct arena *arena, struct identity *out)
{
    out->record = span_of(arena_copy(arena, record->data, record->len), record->len);
    out->digest = digest_of(out->record);
    buf_release(record);
}

err identity_of_model(const struct spec_model *model, struct content *content, struct arena *arena,
                      struct identity *out, struct errmsg *msg)
{
    const struct model_definition *d = &model->definition;
    struct named_files files = { 0 };
    out->revision = model->revision;
    if (!model->revision) {
        err e = read_files(&model->command, content, arena, &files, msg);
        if (e == ERR_LIMIT)
            return err_say(msg, e, "%s; give the model a \"revision\" that stands for its files",
                           msg ? msg->text : "");
        if (e)
            return e;
        out->revision = revision_of(&files, arena);
    }
    struct buf record = { 0 };
    buf_append_byte(&record, '{');
    put_json(&record, "args", d->args);
    json_put_words(&record, "command", model->command.written, model->command.count);
    put_json(&record, "decoding", d->decoding);
    put_env(&record, model, arena);
    if (files.count > 0)
        put_files(&record, "files", &files);
    json_put_text(&record, "host", host_kind_text(d->host));
    json_put_text(&record, "name", d->name);
    json_put_text(&record, "precision", model->precision);
    json_put_text(&record, "revision", out->revision);
    if (d->host == HOST_SIM)
        put_sim(&record, &d->sim);
    buf_append_byte(&record, '}');
    finish(&record, arena, out);
    return OK;
}

err identity_of_task(const struct spec_suite *suite, const struct task *task,
                     const struct spec_command *scorer, struct content *content,
                     struct arena *arena, struct identity *out, struct errmsg *msg)
{
    char data[DIGEST_HEX_BYTES];
    digest_hex(&task->data, data);
    struct named_files files = { 0 };
    if (scorer) {
        err e = read_files(scorer, content, arena, &files, msg);
        if (e)
            return e;
    }
    struct buf record = { 0 };
    buf_append_byte(&record, '{');
    json_put_text(&record, "data", data);
    json_put_text(&record, "kind", suite->config.kind);
    json_put_text(&record, "metric", task->metric_name);
    json_put_text(&record, "path", task->path);
    json_put_words(&record, "scorer", scorer ? scorer->written : NULL, scorer ? scorer->count : 0);
    put_files(&record, "scorer_files", &files);
    json_put_u64(&record, "size", task->size);
    json_put_text(&record, "suite", suite->config.name);
    buf_append_byte(&record, '}');
    out->revision = NULL;
    finish(&record, arena, out);
    return OK;
}
