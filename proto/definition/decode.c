/* Strict decoding of definitions: exactly the keys that encode writes, each of its type and in its
 * range. The first failure is kept; what follows it reads nothing. */
#include "proto/definition/definition.h"

#include <jansson.h>
#include <math.h>

struct reader {
    struct arena *arena;
    struct errmsg *msg;
    const char *what; /* "model definition" */
    err failure;
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void fail(struct reader *r, const char *key, const char *expected)
{
    if (!r->failure)
        r->failure = err_say(r->msg, ERR_INVALID, "%s: %s: expected %s", r->what, key, expected);
}

/* The object has these keys and no others. */
static bool has_keys(struct reader *r, const char *where, const json_t *object,
                     const char *const *keys, size_t count)
{
    if (r->failure)
        return false;
    if (!json_is_object(object)) {
        fail(r, where, "an object");
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!json_object_get(object, keys[i])) {
            fail(r, keys[i], "to be there");
            return false;
        }
    }
    if (json_object_size(object) != count) {
        fail(r, where, "no other keys than the known ones");
        return false;
    }
    return true;
}

static const char *copy_text(struct reader *r, const json_t *value)
{
    return arena_strndup(r->arena, json_string_value(value), json_string_length(value));
}

static const char *get_text(struct reader *r, const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_string(value)) {
        fail(r, key, "text");
        return "";
    }
    return copy_text(r, value);
}

static const char *get_text_or_null(struct reader *r, const json_t *object, const char *key)
{
    return json_is_null(json_object_get(object, key)) ? NULL : get_text(r, object, key);
}

static uint64_t get_u64(struct reader *r, const json_t *object, const char *key, uint64_t min,
                        uint64_t max)
{
    const json_t *value = json_object_get(object, key);
    json_int_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < 0 || (uint64_t)number < min || (uint64_t)number > max) {
        fail(r, key, "a whole number in range");
        return 0;
    }
    return (uint64_t)number;
}

static double get_real(struct reader *r, const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_number(value)) {
        fail(r, key, "a number");
        return 0;
    }
    return json_number_value(value);
}

/* A share of instances. */
static double get_share(struct reader *r, const json_t *object, const char *key)
{
    double value = get_real(r, object, key);
    if (!(value >= 0 && value <= 1))
        fail(r, key, "a number from 0 to 1");
    return value;
}

/* The index of the text among `names`. */
static unsigned get_choice(struct reader *r, const json_t *object, const char *key, unsigned count,
                           const char *(*name)(unsigned))
{
    const char *text = get_text(r, object, key);
    for (unsigned i = 0; i < count; i++) {
        if (strcmp(name(i), text) == 0)
            return i;
    }
    fail(r, key, "a known word");
    return 0;
}

static const char *const *get_words(struct reader *r, const json_t *object, const char *key,
                                    size_t *count)
{
    const json_t *list = json_object_get(object, key);
    if (!json_is_array(list) || json_array_size(list) > MODEL_WORDS_MAX) {
        fail(r, key, "a list of words");
        return NULL;
    }
    *count = json_array_size(list);
    const char **words = arena_alloc(r->arena, (*count + 1) * sizeof(*words));
    for (size_t i = 0; i < *count; i++) {
        const json_t *word = json_array_get(list, i);
        if (!json_is_string(word)) {
            fail(r, key, "a list of words");
            return NULL;
        }
        words[i] = copy_text(r, word);
    }
    return words;
}

static const struct env_entry *get_env(struct reader *r, const json_t *object, size_t *count)
{
    const json_t *list = json_object_get(object, "env");
    if (!json_is_array(list) || json_array_size(list) > MODEL_ENV_MAX) {
        fail(r, "env", "a list of pairs");
        return NULL;
    }
    *count = json_array_size(list);
    struct env_entry *env = arena_alloc(r->arena, (*count + 1) * sizeof(*env));
    for (size_t i = 0; i < *count; i++) {
        const json_t *pair = json_array_get(list, i);
        const json_t *name = json_array_get(pair, 0), *value = json_array_get(pair, 1);
        if (json_array_size(pair) != 2 || !json_is_string(name) || !json_is_string(value)) {
            fail(r, "env", "pairs of a name and a value");
            return NULL;
        }
        env[i] = (struct env_entry){ copy_text(r, name), copy_text(r, value) };
    }
    return env;
}

/* Text that is itself one JSON object of scalars. */
static const char *get_scalars(struct reader *r, const json_t *object, const char *key)
{
    const char *text = get_text(r, object, key);
    json_t *inner = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    bool fine = json_is_object(inner);
    const char *name;
    json_t *value;
    json_object_foreach(inner, name, value) fine =
        fine && !json_is_object(value) && !json_is_array(value);
    json_decref(inner);
    if (!fine)
        fail(r, key, "an object of scalars, as text");
    return text;
}

static struct model_resources get_resources(struct reader *r, const json_t *object)
{
    static const char *const keys[] = { "gpus", "cpus", "memory_bytes" };
    struct model_resources out = { 0 };
    const json_t *inner = json_object_get(object, "resources");
    if (!has_keys(r, "resources", inner, keys, COUNT(keys)))
        return out;
    out.gpus = (uint32_t)get_u64(r, inner, "gpus", 0, MODEL_GPUS_MAX);
    out.cpus = (uint32_t)get_u64(r, inner, "cpus", 1, MODEL_CPUS_MAX);
    out.memory_bytes = get_u64(r, inner, "memory_bytes", 0, MODEL_MEMORY_BYTES_MAX);
    return out;
}

static struct sim_parameters get_sim(struct reader *r, const json_t *object)
{
    static const char *const keys[] = {
        "seed",        "quality",         "failure_rate", "crash_rate",  "poison_rate",
        "duration_ms", "duration_spread", "load_ms",      "answer_bytes"
    };
    struct sim_parameters out = { 0 };
    const json_t *inner = json_object_get(object, "sim");
    if (!has_keys(r, "sim", inner, keys, COUNT(keys)))
        return out;
    out.seed = get_u64(r, inner, "seed", 0, INT64_MAX);
    out.quality = get_share(r, inner, "quality");
    out.failure_rate = get_share(r, inner, "failure_rate");
    out.crash_rate = get_share(r, inner, "crash_rate");
    out.poison_rate = get_share(r, inner, "poison_rate");
    out.duration_ms = (int64_t)get_u64(r, inner, "duration_ms", 0, MODEL_TIMEOUT_MS_MAX);
    out.duration_spread = get_real(r, inner, "duration_spread");
    if (!(out.duration_spread >= 0 && out.duration_spread <= SIM_SPREAD_MAX))
        fail(r, "duration_spread", "a number in range");
    out.load_ms = (int64_t)get_u64(r, inner, "load_ms", 0, MODEL_TIMEOUT_MS_MAX);
    out.answer_bytes = (uint32_t)get_u64(r, inner, "answer_bytes", 0, ANSWER_BYTES_MAX);
    return out;
}

static const char *host_name(unsigned i)
{
    return host_kind_text((enum host_kind)i);
}

static void read_model(struct reader *r, const json_t *root, struct model_definition *m)
{
    static const char *const keys[] = { "name",      "host",     "command",    "env",
                                        "args",      "decoding", "timeout_ms", "load_timeout_ms",
                                        "resources", "sim" };
    /* "sim" stands last, and is there for HOST_SIM alone. */
    const json_t *host = json_object_get(root, "host");
    bool is_sim =
        json_is_string(host) && strcmp(json_string_value(host), host_kind_text(HOST_SIM)) == 0;
    if (!has_keys(r, "the definition", root, keys, COUNT(keys) - (is_sim ? 0 : 1)))
        return;
    m->name = get_text(r, root, "name");
    m->host = (enum host_kind)get_choice(r, root, "host", HOST_KIND_COUNT, host_name);
    m->command = get_words(r, root, "command", &m->command_count);
    m->env = get_env(r, root, &m->env_count);
    m->args = get_scalars(r, root, "args");
    m->decoding = get_scalars(r, root, "decoding");
    m->timeout_ms = (int64_t)get_u64(r, root, "timeout_ms", 1, MODEL_TIMEOUT_MS_MAX);
    m->load_timeout_ms = (int64_t)get_u64(r, root, "load_timeout_ms", 1, MODEL_TIMEOUT_MS_MAX);
    m->resources = get_resources(r, root);
    if (is_sim)
        m->sim = get_sim(r, root);
    else if (m->command_count == 0)
        fail(r, "command", "at least one word");
}

static void read_suite(struct reader *r, const json_t *root, struct suite_config *s)
{
    static const char *const keys[] = { "name", "kind", "path", "sota" };
    const json_t *inner = json_object_get(root, "suite");
    if (!has_keys(r, "suite", inner, keys, COUNT(keys)))
        return;
    s->name = get_text(r, inner, "name");
    s->kind = get_text(r, inner, "kind");
    s->path = get_text(r, inner, "path");
    s->sota = get_text_or_null(r, inner, "sota");
}

/* The suite's scorers are this task's alone. Its path, taken as a glob, matches itself. */
static void give_scorer(struct reader *r, struct task_definition *t)
{
    if (!t->task.scorer)
        return;
    const char **glob = arena_alloc(r->arena, sizeof(*glob));
    const char **command = arena_alloc(r->arena, sizeof(*command));
    *glob = t->task.path;
    *command = t->task.scorer;
    t->suite.scorer_globs = glob;
    t->suite.scorers = command;
    t->suite.scorer_count = 1;
}

static int hex_value(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void get_digest(struct reader *r, const json_t *object, const char *key, struct digest *out)
{
    const char *text = get_text(r, object, key);
    bool fine = strlen(text) == 2 * DIGEST_BYTES;
    for (size_t i = 0; fine && i < DIGEST_BYTES; i++) {
        int high = hex_value(text[2 * i]), low = hex_value(text[2 * i + 1]);
        fine = high >= 0 && low >= 0;
        if (fine)
            out->bytes[i] = (uint8_t)(high << 4 | low);
    }
    if (!fine)
        fail(r, key, "32 hexadecimal digits");
}

static const char *modality_name(unsigned i)
{
    return modality_text((enum modality)i);
}

static const char *paradigm_name(unsigned i)
{
    return paradigm_text((enum paradigm)i);
}

/* The metric that `scoring` of definition.c meant. */
static const struct metric *read_metric(struct reader *r, const json_t *root, const char *name)
{
    const struct metric *named = metric_find(name);
    const char *scoring = get_text_or_null(r, root, "scoring");
    if (!named)
        fail(r, "metric", "the name of a metric");
    if (!named || !scoring)
        return named;
    if (strcmp(scoring, DEFINITION_SCORED) == 0) {
        struct metric *scored = arena_alloc(r->arena, sizeof(*scored));
        *scored = metric_as_scored(named);
        return scored;
    }
    const struct metric *other = metric_find(scoring);
    if (!other)
        fail(r, "scoring", "the name of a metric, or \"" DEFINITION_SCORED "\"");
    return other;
}

static void read_task(struct reader *r, const json_t *root, struct task_definition *t)
{
    static const char *const keys[] = { "suite",          "name",   "path",    "modality",
                                        "paradigm",       "metric", "scoring", "scorer",
                                        "scorer_command", "sota",   "size",    "data" };
    if (!has_keys(r, "the definition", root, keys, COUNT(keys)))
        return;
    struct task *task = &t->task;
    read_suite(r, root, &t->suite);
    task->name = get_text(r, root, "name");
    task->path = get_text(r, root, "path");
    task->modality = (enum modality)get_choice(r, root, "modality", MODALITY_COUNT, modality_name);
    task->paradigm = (enum paradigm)get_choice(r, root, "paradigm", PARADIGM_COUNT, paradigm_name);
    task->metric_name = get_text(r, root, "metric");
    task->metric = read_metric(r, root, task->metric_name);
    task->scorer = get_text_or_null(r, root, "scorer");
    t->scorer = get_words(r, root, "scorer_command", &t->scorer_count);
    if ((task->scorer != NULL) != (t->scorer_count > 0))
        fail(r, "scorer_command", "words if, and only if, there is a scorer");
    task->sota = json_is_null(json_object_get(root, "sota")) ? NAN : get_real(r, root, "sota");
    task->size = (uint32_t)get_u64(r, root, "size", 1, TASK_INSTANCES_MAX);
    get_digest(r, root, "data", &task->data);
    give_scorer(r, t);
}

/* The JSON value, which must be one object and nothing behind it; NULL after a failure. */
static json_t *parse(struct reader *r, struct span json)
{
    if (json.len > DEFINITION_BYTES_MAX) {
        r->failure = err_say(r->msg, ERR_LIMIT, "%s: %zu bytes, the limit is %d", r->what, json.len,
                             DEFINITION_BYTES_MAX);
        return NULL;
    }
    json_error_t error;
    json_t *root = json_loadb((const char *)json.data, json.len, JSON_REJECT_DUPLICATES, &error);
    if (!root)
        r->failure = err_say(r->msg, ERR_INVALID, "%s: no JSON: %s", r->what, error.text);
    return root;
}

err model_definition_decode(struct span json, struct arena *arena, struct model_definition *out,
                            struct errmsg *msg)
{
    struct reader r = { .arena = arena, .msg = msg, .what = "model definition" };
    *out = (struct model_definition){ 0 };
    json_t *root = parse(&r, json);
    if (root)
        read_model(&r, root, out);
    json_decref(root);
    if (r.failure)
        *out = (struct model_definition){ 0 };
    return r.failure;
}

err task_definition_decode(struct span json, struct arena *arena, struct task_definition *out,
                           struct errmsg *msg)
{
    struct reader r = { .arena = arena, .msg = msg, .what = "task definition" };
    *out = (struct task_definition){ 0 };
    json_t *root = parse(&r, json);
    if (root)
        read_task(&r, root, out);
    json_decref(root);
    if (r.failure)
        *out = (struct task_definition){ 0 };
    return r.failure;
}
