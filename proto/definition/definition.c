/* Encoding, and the words of the enums. Decoding is in decode.c. */
#include "proto/definition/definition.h"

#include "proto/definition/json_text.h"

static const char *const host_texts[HOST_KIND_COUNT] = {
#define X(name, text) [name] = text,
    HOST_LIST(X)
#undef X
};

const char *host_kind_text(enum host_kind kind)
{
    return host_texts[kind];
}

/* A list of pairs and no object: the order of the file is kept. */
static void put_env(struct buf *out, const struct env_entry *env, size_t count)
{
    json_key(out, "env");
    buf_append_byte(out, '[');
    for (size_t i = 0; i < count; i++) {
        json_item(out);
        json_append_words(out, (const char *const[]){ env[i].name, env[i].value }, 2);
    }
    buf_append_byte(out, ']');
}

static void put_resources(struct buf *out, const struct model_resources *r)
{
    json_key(out, "resources");
    buf_append_byte(out, '{');
    json_put_u64(out, "gpus", r->gpus);
    json_put_u64(out, "cpus", r->cpus);
    json_put_u64(out, "memory_bytes", r->memory_bytes);
    buf_append_byte(out, '}');
}

static void put_sim(struct buf *out, const struct sim_parameters *s)
{
    json_key(out, "sim");
    buf_append_byte(out, '{');
    json_put_u64(out, "seed", s->seed);
    json_put_real(out, "quality", s->quality);
    json_put_real(out, "failure_rate", s->failure_rate);
    json_put_real(out, "crash_rate", s->crash_rate);
    json_put_real(out, "poison_rate", s->poison_rate);
    json_put_u64(out, "duration_ms", (uint64_t)s->duration_ms);
    json_put_real(out, "duration_spread", s->duration_spread);
    json_put_u64(out, "load_ms", (uint64_t)s->load_ms);
    json_put_u64(out, "answer_bytes", s->answer_bytes);
    buf_append_byte(out, '}');
}

void model_definition_encode(const struct model_definition *m, struct buf *out)
{
    buf_append_byte(out, '{');
    json_put_text(out, "name", m->name);
    json_put_text(out, "host", host_kind_text(m->host));
    json_put_words(out, "command", m->command, m->command_count);
    put_env(out, m->env, m->env_count);
    /* As text inside of text: what was written is what the model gets, to the byte. */
    json_put_text(out, "args", m->args);
    json_put_text(out, "decoding", m->decoding);
    json_put_u64(out, "timeout_ms", (uint64_t)m->timeout_ms);
    json_put_u64(out, "load_timeout_ms", (uint64_t)m->load_timeout_ms);
    put_resources(out, &m->resources);
    if (m->host == HOST_SIM)
        put_sim(out, &m->sim);
    buf_append_byte(out, '}');
}

static void put_suite(struct buf *out, const struct suite_config *s)
{
    json_key(out, "suite");
    buf_append_byte(out, '{');
    json_put_text(out, "name", s->name);
    json_put_text(out, "kind", s->kind);
    json_put_text(out, "path", s->path);
    json_put_text(out, "sota", s->sota);
    buf_append_byte(out, '}');
}

/* What the suite made of the metric's name, where that is not what the name alone says: "scored",
 * or the name of another metric. NULL: the name says it. */
static const char *scoring_of(const struct task *task)
{
    const struct metric *m = task->metric;
    const struct metric *named = metric_find(task->metric_name);
    if (!m || !named || m->kind == named->kind)
        return NULL;
    return m->kind == METRIC_SCORED ? DEFINITION_SCORED : m->name;
}

void task_definition_encode(const struct task_definition *t, struct buf *out)
{
    char data[DIGEST_HEX_BYTES];
    digest_hex(&t->task.data, data);
    buf_append_byte(out, '{');
    put_suite(out, &t->suite);
    json_put_text(out, "name", t->task.name);
    json_put_text(out, "path", t->task.path);
    json_put_text(out, "modality", modality_text(t->task.modality));
    json_put_text(out, "paradigm", paradigm_text(t->task.paradigm));
    json_put_text(out, "metric", t->task.metric_name);
    json_put_text(out, "scoring", scoring_of(&t->task));
    json_put_text(out, "scorer", t->task.scorer);
    json_put_words(out, "scorer_command", t->scorer, t->scorer_count);
    json_put_real(out, "sota", t->task.sota);
    json_put_u64(out, "size", t->task.size);
    json_put_text(out, "data", data);
    buf_append_byte(out, '}');
}
