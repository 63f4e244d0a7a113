/* The sweep file as a whole, its settings, and what suites and models have in common. */
#include "coordinator/spec/spec.h"

#include <stdlib.h>

#include "common/check.h"
#include "common/io/file.h"
#include "common/text.h"
#include "coordinator/spec/spec_private.h"
#include "coordinator/spec/text_key.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { TIMEOUT_DEFAULT_MS = 120 * 1000, STRIKES_DEFAULT = 3, SEED_DEFAULT = 1 };
static const double SPECULATION_DEFAULT = 0.05;

static const char *const rule_texts[SPEC_RULE_COUNT] = {
#define X(name, text) [name] = text,
    SPEC_RULE_LIST(X)
#undef X
};

static const char *const role_texts[SPEC_ROLE_COUNT] = {
#define X(name, text) [name] = text,
    SPEC_ROLE_LIST(X)
#undef X
};

const char *spec_rule_text(enum spec_rule rule)
{
    return rule_texts[rule];
}

const char *spec_role_text(enum spec_role role)
{
    return role_texts[role];
}

/* ---- What suites and models have in common ---- */

void *spec_alloc(struct loader *l, size_t bytes)
{
    return arena_alloc(&l->spec->arena, bytes);
}

/* A sweep's is a folder's too: "." and ".." would be others. */
static bool is_name(const char *text, const char *punctuation)
{
    size_t len = strlen(text);
    if (strspn(text, ".") == len)
        return false;
    for (const char *c = text; *c; c++) {
        bool is_letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z');
        if (!is_letter && !(*c >= '0' && *c <= '9') && !strchr(punctuation, *c))
            return false;
    }
    return len <= NAME_BYTES_MAX;
}

bool spec_read_name(struct loader *l, const struct yaml_node *node, const char *punctuation,
                    struct map *taken, const char **out)
{
    const char *name;
    if (!yaml_text(&l->doc, node, &name))
        return false;
    if (!is_name(name, punctuation)) {
        yaml_problem(&l->doc, node,
                     "expected a name of 1 to %d letters, digits and any of \"%s\", found \"%.*s\"",
                     NAME_BYTES_MAX, punctuation, (int)text_cut(span_str(name), 60).len, name);
        return false;
    }
    *out = name;
    if (!taken)
        return true;
    const struct yaml_node *first = map_find(taken, text_key(name));
    if (first) {
        yaml_problem(&l->doc, node, "the name \"%s\" is taken (line %u); names must differ", name,
                     first->line);
        return false;
    }
    map_put(taken, text_key(name), (void *)(uintptr_t)node); /* only read again */
    return true;
}

void spec_read_globs(struct loader *l, const struct yaml_node *node, struct spec_globs *out)
{
    const char *const expected = "a list of globs over task paths, such as \"image/**\"";
    struct spec_globs g = { 0 };
    if (!yaml_texts(&l->doc, node, expected, GLOBS_MAX, &g.patterns, &g.count))
        return;
    for (size_t i = 0; i < g.count; i++) {
        if (g.patterns[i][0] == '\0') {
            yaml_problem(&l->doc, node->entries[i].node,
                         "expected a glob such as \"image/**\", found an empty text");
        }
    }
    g.line = node->line;
    *out = g;
}

const char *spec_absolute(struct loader *l, const char *name)
{
    char *joined = file_join(l->spec->folder, name);
    const char *path = arena_strdup(&l->spec->arena, joined);
    free(joined);
    return path;
}

void spec_read_path(struct loader *l, const struct yaml_node *node, const char **out)
{
    const char *name;
    if (!yaml_text(&l->doc, node, &name))
        return;
    const char *path = spec_absolute(l, name);
    if (!file_exists(path)) {
        yaml_problem(&l->doc, node, "there is no file or folder \"%s\"", path);
        return;
    }
    *out = path;
}

bool spec_globs_match(const struct spec_globs *g, const char *task_path)
{
    for (size_t i = 0; i < g->count; i++) {
        if (text_glob(g->patterns[i], task_path))
            return true;
    }
    return g->count == 0;
}

/* ---- The file ---- */

/* Who gets what of the slots; when it should be done. */
static void read_share(struct loader *l, const struct yaml_node *node, struct spec_settings *out)
{
    static const char *const fair_words[] = { "sweeps", "models" };
    uint64_t priority = out->share.priority;
    size_t fair = 0;
    spec_read_name(l, yaml_find(node, "user"), "._@-", NULL, &out->share.user);
    yaml_real(&l->doc, yaml_find(node, "weight"), 1.0 / WEIGHT_MAX, WEIGHT_MAX, &out->share.weight);
    yaml_whole(&l->doc, yaml_find(node, "priority"), 0, PRIORITY_MAX, &priority);
    yaml_deadline(&l->doc, yaml_find(node, "deadline"), &out->deadline);
    yaml_choice(&l->doc, yaml_find(node, "fair"), fair_words, COUNT(fair_words), &fair);
    out->share.priority = (uint32_t)priority;
    out->share.fair_models = fair == 1;
}

static void read_settings(struct loader *l, const struct yaml_node *node, struct spec_settings *out)
{
    static const char *const keys[] = { "timeout",  "strikes", "limit",      "seed",
                                        "rule",     "user",    "weight",     "priority",
                                        "deadline", "fair",    "speculation" };
    if (!yaml_mapping(&l->doc, node, keys, COUNT(keys)))
        return;
    uint64_t strikes = out->strikes, limit = out->limit;
    size_t rule = out->rule;
    yaml_duration_ms(&l->doc, yaml_find(node, "timeout"), 1, MODEL_TIMEOUT_MS_MAX,
                     &out->timeout_ms);
    yaml_whole(&l->doc, yaml_find(node, "strikes"), 1, STRIKES_MAX, &strikes);
    yaml_whole(&l->doc, yaml_find(node, "limit"), 1, TASK_INSTANCES_MAX, &limit);
    yaml_whole(&l->doc, yaml_find(node, "seed"), 0, INT64_MAX, &out->seed);
    yaml_choice(&l->doc, yaml_find(node, "rule"), rule_texts, COUNT(rule_texts), &rule);
    yaml_real(&l->doc, yaml_find(node, "speculation"), 0, 1, &out->speculation);
    read_share(l, node, out);
    out->strikes = (uint32_t)strikes;
    out->limit = (uint32_t)limit;
    out->rule = (enum spec_rule)rule;
}

static void read_suites(struct loader *l, const struct yaml_node *node)
{
    if (!yaml_list(&l->doc, node, "a list of suites", SUITES_MAX))
        return;
    struct spec *s = l->spec;
    s->suites = spec_alloc(l, node->count * sizeof(*s->suites));
    s->suite_count = node->count;
    for (size_t i = 0; i < node->count; i++)
        spec_read_suite(l, node->entries[i].node, &s->suites[i]);
}

static void read_models(struct loader *l, const struct yaml_node *node)
{
    if (!yaml_list(&l->doc, node, "a list of models", MODELS_MAX))
        return;
    struct spec *s = l->spec;
    s->models = spec_alloc(l, node->count * sizeof(*s->models));
    s->model_count = node->count;
    for (size_t i = 0; i < node->count; i++)
        spec_read_model(l, node->entries[i].node, &s->models[i]);
}

static void read_root(struct loader *l)
{
    static const char *const keys[] = { "name", "settings", "suites", "models" };
    const struct yaml_node *root = l->doc.root;
    if (!root) {
        problems_add(l->doc.problems, 1,
                     "%s:1: the file is empty: expected a mapping with the keys name, suites "
                     "and models",
                     l->doc.name);
        return;
    }
    if (!yaml_mapping(&l->doc, root, keys, COUNT(keys)))
        return;
    struct spec *s = l->spec;
    spec_read_name(l, yaml_require(&l->doc, root, "name", "the name of the sweep"), "._-", NULL,
                   &s->name);
    read_settings(l, yaml_find(root, "settings"), &s->settings);
    read_suites(l, yaml_require(&l->doc, root, "suites", "a list of suites"));
    read_models(l, yaml_require(&l->doc, root, "models", "a list of models"));
}

/* The folder of the file, absolute. */
static err find_folder(const char *path, struct spec *s, struct errmsg *msg)
{
    char *dir = file_dir_of(path);
    char *real = file_real(dir, msg);
    free(dir);
    if (!real)
        return ERR_NOT_FOUND;
    s->folder = arena_strdup(&s->arena, real);
    free(real);
    if (!text_is_utf8(span_str(s->folder)))
        return err_say(msg, ERR_INVALID, "the name of its folder is not UTF-8");
    return OK;
}

static const char *process_env(void *owner, const char *name)
{
    (void)owner;
    return getenv(name);
}

static err parse(struct loader *l, struct span text)
{
    err e = yaml_parse(&l->doc, text);
    if (e)
        return e;
    read_root(l);
    map_release(&l->suite_names);
    map_release(&l->model_names);
    return problems_any(l->doc.problems) ? ERR_INVALID : OK;
}

err spec_load(const char *path, struct spec_env env, struct spec *out, struct problems *problems)
{
    *out = (struct spec){
        .settings = { .timeout_ms = TIMEOUT_DEFAULT_MS,
                      .strikes = STRIKES_DEFAULT,
                      .seed = SEED_DEFAULT,
                      .rule = SPEC_RULE_CORRECTED,
                      .speculation = SPECULATION_DEFAULT,
                      .share = { .user = "", .weight = 1, .priority = PRIORITY_DEFAULT } }
    };
    check(!problems_any(problems));
    out->path = arena_strdup(&out->arena, path);
    struct loader l = { .spec = out,
                        .doc = { .name = out->path,
                                 .arena = &out->arena,
                                 .problems = problems,
                                 .env = env.get ? env.get : process_env,
                                 .env_owner = env.owner } };
    struct buf text = { 0 };
    struct errmsg msg = { "" };
    err e = file_read(path, SWEEP_FILE_BYTES_MAX, &text, &msg);
    if (!e)
        e = find_folder(path, out, &msg);
    if (e)
        problems_add(problems, 0, "%s: %s", path, msg.text);
    else
        e = parse(&l, buf_span(&text));
    if (e)
        spec_release(out);
    buf_release(&text);
    return e;
}

void spec_release(struct spec *s)
{
    arena_release(&s->arena);
    *s = (struct spec){ 0 };
}
