/* One element of `models:`. */
#include "coordinator/spec/spec_private.h"

#include "common/text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { LOAD_TIMEOUT_DEFAULT_MS = 10 * 60 * 1000 };
static const double sim_quality_default = 0.8;

static const char *const host_words[HOST_KIND_COUNT] = {
#define X(name, text) [name] = text,
    HOST_LIST(X)
#undef X
};

static const char *const role_words[SPEC_ROLE_COUNT] = {
#define X(name, text) [name] = text,
    SPEC_ROLE_LIST(X)
#undef X
};

/* ---- The environment ---- */

static bool is_secret(const char *name)
{
    return text_ends_with(name, "KEY") || text_ends_with(name, "TOKEN") ||
           text_ends_with(name, "SECRET") || text_ends_with(name, "PASSWORD");
}

static bool is_env_name(const char *name)
{
    return *name && !(*name >= '0' && *name <= '9') &&
           name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")] ==
               '\0';
}

static void check_env_name(struct loader *l, const struct yaml_entry *entry)
{
    if (!is_env_name(entry->key)) {
        yaml_problem(&l->doc, entry->node,
                     "expected letters, digits and \"_\" as the name of an environment variable");
    } else if (strncmp(entry->key, "MUSTER_", 7) == 0) {
        yaml_problem(&l->doc, entry->node, "names that begin with MUSTER_ are muster's own");
    }
}

static void read_env(struct loader *l, const struct yaml_node *node, struct spec_model *out)
{
    if (!yaml_free_mapping(&l->doc, node, "a mapping from names to texts"))
        return;
    if (node->count > MODEL_ENV_MAX) {
        yaml_problem(&l->doc, node, "expected at most %d variables, found %zu", MODEL_ENV_MAX,
                     node->count);
        return;
    }
    struct env_entry *env = spec_alloc(l, (node->count + 1) * sizeof(*env));
    const char **identity = spec_alloc(l, (node->count + 1) * sizeof(*identity));
    for (size_t i = 0; i < node->count; i++) {
        const struct yaml_entry *entry = &node->entries[i];
        check_env_name(l, entry);
        env[i] = (struct env_entry){ entry->key, "" };
        yaml_text(&l->doc, entry->node, &env[i].value);
        bool as_written = is_secret(entry->key) && entry->node->kind == NODE_SCALAR;
        identity[i] = as_written ? entry->node->text : env[i].value;
    }
    out->definition.env = env;
    out->definition.env_count = node->count;
    out->env_identity = identity;
}

/* ---- Resources and the sim's parameters ---- */

/* What is asked of GPUs that the model does not take would be ignored in silence. */
static void refuse_without_gpus(struct loader *l, const struct yaml_node *resources,
                                const char *key)
{
    const struct yaml_node *node = yaml_find(resources, key);
    if (node)
        yaml_problem(&l->doc, node, "means nothing with \"gpus: 0\"; say how many GPUs it takes");
}

static void read_gpus(struct loader *l, const struct yaml_node *node, struct spec_model *out)
{
    if (out->definition.resources.gpus == 0) {
        refuse_without_gpus(l, node, "gpu_memory");
        refuse_without_gpus(l, node, "gpu_types");
        return;
    }
    yaml_bytes(&l->doc, yaml_find(node, "gpu_memory"), 1, MODEL_MEMORY_BYTES_MAX,
               &out->gpus.memory_bytes);
    yaml_texts(&l->doc, yaml_find(node, "gpu_types"), "a list of types, such as A100",
               GPU_TYPES_NAMED_MAX, &out->gpus.types, &out->gpus.type_count);
}

static void read_resources(struct loader *l, const struct yaml_node *node, struct spec_model *model)
{
    static const char *const keys[] = { "gpus", "cpus", "memory", "gpu_memory", "gpu_types" };
    struct model_resources *out = &model->definition.resources;
    if (!node || !yaml_mapping(&l->doc, node, keys, COUNT(keys)))
        return;
    uint64_t gpus = out->gpus, cpus = out->cpus;
    yaml_whole(&l->doc, yaml_find(node, "gpus"), 0, MODEL_GPUS_MAX, &gpus);
    yaml_whole(&l->doc, yaml_find(node, "cpus"), 1, MODEL_CPUS_MAX, &cpus);
    yaml_bytes(&l->doc, yaml_find(node, "memory"), 1, MODEL_MEMORY_BYTES_MAX, &out->memory_bytes);
    out->gpus = (uint32_t)gpus;
    out->cpus = (uint32_t)cpus;
    read_gpus(l, node, model);
}

static void read_sim(struct loader *l, const struct yaml_node *node, struct sim_parameters *out)
{
    static const char *const keys[] = { "seed",        "quality",  "failure_rate",    "crash_rate",
                                        "poison_rate", "duration", "duration_spread", "load",
                                        "answer_bytes" };
    *out = (struct sim_parameters){ .seed = 1, .quality = sim_quality_default };
    if (!yaml_mapping(&l->doc, node, keys, COUNT(keys)))
        return;
    struct yaml_doc *doc = &l->doc;
    yaml_whole(doc, yaml_find(node, "seed"), 0, INT64_MAX, &out->seed);
    yaml_real(doc, yaml_find(node, "quality"), 0, 1, &out->quality);
    yaml_real(doc, yaml_find(node, "failure_rate"), 0, 1, &out->failure_rate);
    yaml_real(doc, yaml_find(node, "crash_rate"), 0, 1, &out->crash_rate);
    yaml_real(doc, yaml_find(node, "poison_rate"), 0, 1, &out->poison_rate);
    yaml_duration_ms(doc, yaml_find(node, "duration"), 0, MODEL_TIMEOUT_MS_MAX, &out->duration_ms);
    yaml_real(doc, yaml_find(node, "duration_spread"), 0, SIM_SPREAD_MAX, &out->duration_spread);
    yaml_duration_ms(doc, yaml_find(node, "load"), 0, MODEL_TIMEOUT_MS_MAX, &out->load_ms);
    uint64_t answer_bytes = 0;
    yaml_bytes(doc, yaml_find(node, "answer_bytes"), 0, ANSWER_BYTES_MAX, &answer_bytes);
    out->answer_bytes = (uint32_t)answer_bytes;
}

static void read_estimate(struct loader *l, const struct yaml_node *node, struct spec_estimate *out)
{
    static const char *const keys[] = { "load", "instance" };
    if (!node || !yaml_mapping(&l->doc, node, keys, COUNT(keys)))
        return;
    yaml_duration_ms(&l->doc, yaml_find(node, "load"), 1, MODEL_TIMEOUT_MS_MAX, &out->load_ms);
    yaml_duration_ms(&l->doc, yaml_find(node, "instance"), 1, MODEL_TIMEOUT_MS_MAX,
                     &out->instance_ms);
}

/* ---- The model ---- */

/* Keys that mean nothing to a host are mistakes: they would else be ignored in silence. */
static void refuse_key(struct loader *l, const struct yaml_node *model, const char *key,
                       enum host_kind host)
{
    const struct yaml_node *node = yaml_find(model, key);
    if (node)
        yaml_problem(&l->doc, node, "a model with \"host: %s\" takes no \"%s\"", host_words[host],
                     key);
}

static void read_host(struct loader *l, const struct yaml_node *node, struct spec_model *out)
{
    size_t host;
    const struct yaml_node *kind = yaml_require(&l->doc, node, "host", "exec or sim");
    if (!yaml_choice(&l->doc, kind, host_words, HOST_KIND_COUNT, &host))
        return;
    out->definition.host = (enum host_kind)host;
    switch (out->definition.host) {
    case HOST_EXEC:
        refuse_key(l, node, "sim", HOST_EXEC);
        spec_read_command(l, yaml_require(&l->doc, node, "command", "the words of its command"),
                          &out->command);
        out->definition.command = out->command.words;
        out->definition.command_count = out->command.count;
        break;
    case HOST_SIM:
        refuse_key(l, node, "command", HOST_SIM);
        refuse_key(l, node, "env", HOST_SIM);
        read_sim(l, yaml_find(node, "sim"), &out->definition.sim);
        break;
    case HOST_KIND_COUNT: break;
    }
}

static void check_size(struct loader *l, const struct yaml_node *node, const struct spec_model *m)
{
    if (problems_any(l->doc.problems))
        return; /* it may not be whole */
    struct buf text = { 0 };
    model_definition_encode(&m->definition, &text);
    if (text.len > DEFINITION_BYTES_MAX) {
        yaml_problem(&l->doc, node,
                     "command, env, args and decoding come to %zu bytes together; the limit is %d",
                     text.len, DEFINITION_BYTES_MAX);
    }
    buf_release(&text);
}

static void set_defaults(const struct loader *l, struct spec_model *out)
{
    struct model_definition *d = &out->definition;
    d->args = "{}";
    d->decoding = "{}";
    d->timeout_ms = l->spec->settings.timeout_ms;
    d->load_timeout_ms = LOAD_TIMEOUT_DEFAULT_MS;
    d->resources.cpus = 1;
}

static void read_rules(struct loader *l, const struct yaml_node *node, struct spec_rules *out)
{
    static const char *const speculate_words[] = { "false", "true" };
    size_t speculate = 1;
    yaml_choice(&l->doc, yaml_find(node, "speculate"), speculate_words, COUNT(speculate_words),
                &speculate);
    out->never_copied = speculate == 0;
    uint64_t priority = PRIORITY_DEFAULT, concurrency = 0, max_replicas = 0;
    yaml_whole(&l->doc, yaml_find(node, "priority"), 0, PRIORITY_MAX, &priority);
    yaml_whole(&l->doc, yaml_find(node, "concurrency"), 1, CONCURRENCY_MAX, &concurrency);
    yaml_whole(&l->doc, yaml_find(node, "max_replicas"), 1, CONCURRENCY_MAX, &max_replicas);
    out->weight = 1;
    yaml_real(&l->doc, yaml_find(node, "weight"), 1.0 / WEIGHT_MAX, WEIGHT_MAX, &out->weight);
    out->priority = (uint32_t)priority;
    out->concurrency = (uint32_t)concurrency;
    out->max_replicas = (uint32_t)max_replicas;
}

void spec_read_model(struct loader *l, const struct yaml_node *node, struct spec_model *out)
{
    static const char *const keys[] = { "name",         "host",     "command",   "env",
                                        "args",         "decoding", "revision",  "precision",
                                        "role",         "tasks",    "resources", "timeout",
                                        "load_timeout", "estimate", "priority",  "concurrency",
                                        "max_replicas", "weight",   "speculate", "sim" };
    struct yaml_doc *doc = &l->doc;
    struct model_definition *d = &out->definition;
    if (!yaml_mapping(doc, node, keys, COUNT(keys)))
        return;
    set_defaults(l, out);
    out->line = node->line;
    size_t role = SPEC_ROLE_GENERALIST;
    spec_read_name(l, yaml_require(doc, node, "name", "a name for the model"), "._/-",
                   &l->model_names, &d->name);
    read_host(l, node, out);
    read_env(l, yaml_find(node, "env"), out);
    yaml_scalars(doc, yaml_find(node, "args"), &d->args);
    yaml_scalars(doc, yaml_find(node, "decoding"), &d->decoding);
    yaml_text(doc, yaml_find(node, "revision"), &out->revision);
    yaml_text(doc, yaml_find(node, "precision"), &out->precision);
    yaml_choice(doc, yaml_find(node, "role"), role_words, SPEC_ROLE_COUNT, &role);
    out->role = (enum spec_role)role;
    spec_read_globs(l, yaml_find(node, "tasks"), &out->tasks);
    read_resources(l, yaml_find(node, "resources"), out);
    yaml_duration_ms(doc, yaml_find(node, "timeout"), 1, MODEL_TIMEOUT_MS_MAX, &d->timeout_ms);
    yaml_duration_ms(doc, yaml_find(node, "load_timeout"), 1, MODEL_TIMEOUT_MS_MAX,
                     &d->load_timeout_ms);
    read_estimate(l, yaml_find(node, "estimate"), &out->estimate);
    read_rules(l, node, &out->rules);
    check_size(l, node, out);
}
