/* The cluster file. */
#include "coordinator/simulate/cluster.h"

#include <stdlib.h>

#include "common/check.h"
#include "common/io/file.h"
#include "common/limits.h"
#include "common/text.h"
#include "coordinator/spec/spec.h"
#include "proto/definition/definition.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MS           1000000ll

static const int64_t DURATION_MS_MAX = 7ll * 24 * 3600 * 1000; /* a week */
static const int64_t LATENCY_MS_MAX = 1000; /* beats must arrive while their leases last */
static const double SPREAD_MAX = 3;         /* one in 4,096 takes 35,000 times the median */
static const double FACTOR_MIN = 0.001, FACTOR_MAX = 1000;

static const struct cluster_timing timing_default = { .load_ns = 60000 * MS,
                                                      .instance_ns = 400 * MS,
                                                      .spread = 0.5 };

struct loader {
    struct yaml_doc doc;
    struct cluster *cluster;
};

static void read_u32(struct loader *l, const struct yaml_node *node, uint64_t min, uint64_t max,
                     uint32_t *out)
{
    uint64_t value = *out;
    yaml_whole(&l->doc, node, min, max, &value);
    *out = (uint32_t)value;
}

static void read_ns(struct loader *l, const struct yaml_node *node, int64_t min_ms, int64_t max_ms,
                    int64_t *out_ns)
{
    int64_t ms;
    if (yaml_duration_ms(&l->doc, node, min_ms, max_ms, &ms))
        *out_ns = ms * MS;
}

/* ---- Workers ---- */

static void read_slow(struct loader *l, const struct yaml_node *node, struct cluster_group *g)
{
    static const char *const keys[] = { "every", "factor" };
    if (!node || !yaml_mapping(&l->doc, node, keys, COUNT(keys)))
        return;
    read_u32(l, yaml_require(&l->doc, node, "every", "which worker is slow: 20 for one in 20"), 1,
             WORKERS_MAX, &g->slow_every);
    yaml_real(&l->doc, yaml_require(&l->doc, node, "factor", "how many times slower"), 1,
              FACTOR_MAX, &g->slow_factor);
}

static void read_die(struct loader *l, const struct yaml_node *node, struct cluster_group *g)
{
    static const char *const keys[] = { "share", "after" };
    if (!node || !yaml_mapping(&l->doc, node, keys, COUNT(keys)))
        return;
    yaml_real(&l->doc, yaml_require(&l->doc, node, "share", "the share of the workers"), 0, 1,
              &g->die_share);
    read_ns(l, yaml_require(&l->doc, node, "after", "the time by which they are gone"), 1,
            DURATION_MS_MAX, &g->die_after_ns);
}

static void read_group(struct loader *l, const struct yaml_node *node, struct cluster_group *g)
{
    static const char *const keys[] = {
        "count", "slots",      "gpus_per_slot", "cpus_per_slot", "memory_per_slot",
        "gpu",   "gpu_memory", "speed",         "slow",          "die"
    };
    *g = (struct cluster_group){ .count = 1,
                                 .slots = 1,
                                 .gpus_per_slot = 1,
                                 .cpus_per_slot = 8,
                                 .gpu = "",
                                 .speed = 1,
                                 .slow_factor = 1 };
    if (!yaml_mapping(&l->doc, node, keys, COUNT(keys)))
        return;
    struct yaml_doc *doc = &l->doc;
    read_u32(l, yaml_require(doc, node, "count", "the number of workers"), 1, WORKERS_MAX,
             &g->count);
    read_u32(l, yaml_require(doc, node, "slots", "the slots of one worker"), 1, SLOTS_MAX,
             &g->slots);
    read_u32(l, yaml_find(node, "gpus_per_slot"), 0, MODEL_GPUS_MAX, &g->gpus_per_slot);
    read_u32(l, yaml_find(node, "cpus_per_slot"), 1, MODEL_CPUS_MAX, &g->cpus_per_slot);
    yaml_bytes(doc, yaml_find(node, "memory_per_slot"), 1, MODEL_MEMORY_BYTES_MAX,
               &g->memory_per_slot);
    yaml_text(doc, yaml_find(node, "gpu"), &g->gpu);
    yaml_bytes(doc, yaml_find(node, "gpu_memory"), 1, MODEL_MEMORY_BYTES_MAX, &g->gpu_memory);
    yaml_real(doc, yaml_find(node, "speed"), FACTOR_MIN, FACTOR_MAX, &g->speed);
    read_slow(l, yaml_find(node, "slow"), g);
    read_die(l, yaml_find(node, "die"), g);
}

static void check_totals(struct loader *l, const struct yaml_node *node)
{
    uint64_t workers = 0, slots = 0;
    for (size_t i = 0; i < l->cluster->group_count; i++) {
        const struct cluster_group *g = &l->cluster->groups[i];
        workers += g->count;
        slots += (uint64_t)g->count * g->slots;
    }
    if (workers > WORKERS_MAX)
        yaml_problem(&l->doc, node, "expected at most %d workers together, found %llu", WORKERS_MAX,
                     (unsigned long long)workers);
    if (slots > CLUSTER_SLOTS_MAX)
        yaml_problem(&l->doc, node, "expected at most %d slots together, found %llu",
                     CLUSTER_SLOTS_MAX, (unsigned long long)slots);
}

static void read_workers(struct loader *l, const struct yaml_node *node)
{
    if (!yaml_list(&l->doc, node, "a list of groups of workers", CLUSTER_GROUPS_MAX))
        return;
    struct cluster *c = l->cluster;
    c->groups = arena_alloc(&c->arena, node->count * sizeof(*c->groups));
    c->group_count = node->count;
    for (size_t i = 0; i < node->count; i++)
        read_group(l, node->entries[i].node, &c->groups[i]);
    check_totals(l, node);
}

/* ---- Models ---- */

static void read_rule(struct loader *l, const struct yaml_node *node, struct cluster_rule *r)
{
    static const char *const keys[] = { "match",  "load",        "instance",
                                        "spread", "task_spread", "inflight" };
    *r = (struct cluster_rule){
        .match = "*", .load_ns = -1, .instance_ns = -1, .spread = -1, .task_spread = -1
    };
    if (!yaml_mapping(&l->doc, node, keys, COUNT(keys)))
        return;
    yaml_text(&l->doc, yaml_find(node, "match"), &r->match);
    read_ns(l, yaml_find(node, "load"), 0, DURATION_MS_MAX, &r->load_ns);
    read_ns(l, yaml_find(node, "instance"), 1, DURATION_MS_MAX, &r->instance_ns);
    yaml_real(&l->doc, yaml_find(node, "spread"), 0, SPREAD_MAX, &r->spread);
    yaml_real(&l->doc, yaml_find(node, "task_spread"), 0, SPREAD_MAX, &r->task_spread);
    read_u32(l, yaml_find(node, "inflight"), 1, CONCURRENCY_MAX, &r->inflight);
}

static void read_rules(struct loader *l, const struct yaml_node *node)
{
    if (!yaml_list(&l->doc, node, "a list of timings of models", CLUSTER_RULES_MAX))
        return;
    struct cluster *c = l->cluster;
    c->rules = arena_alloc(&c->arena, node->count * sizeof(*c->rules));
    c->rule_count = node->count;
    for (size_t i = 0; i < node->count; i++)
        read_rule(l, node->entries[i].node, &c->rules[i]);
}

struct cluster_timing cluster_timing_of(const struct cluster *c, const char *model)
{
    struct cluster_timing t = timing_default;
    for (size_t i = 0; i < c->rule_count; i++) {
        const struct cluster_rule *r = &c->rules[i];
        if (strcmp(r->match, "*") != 0 && !text_glob(r->match, model))
            continue;
        t.load_ns = r->load_ns >= 0 ? r->load_ns : t.load_ns;
        t.instance_ns = r->instance_ns >= 0 ? r->instance_ns : t.instance_ns;
        t.spread = r->spread >= 0 ? r->spread : t.spread;
        t.task_spread = r->task_spread >= 0 ? r->task_spread : t.task_spread;
        t.inflight = r->inflight > 0 ? r->inflight : t.inflight;
    }
    return t;
}

/* ---- The file ---- */

static void read_root(struct loader *l)
{
    static const char *const keys[] = { "workers", "network", "models", "seed" };
    static const char *const network_keys[] = { "latency" };
    const struct yaml_node *root = l->doc.root;
    if (!root) {
        problems_add(l->doc.problems, 1,
                     "%s:1: the file is empty: expected a mapping with the key workers",
                     l->doc.name);
        return;
    }
    if (!yaml_mapping(&l->doc, root, keys, COUNT(keys)))
        return;
    read_workers(l, yaml_require(&l->doc, root, "workers", "a list of groups of workers"));
    const struct yaml_node *network = yaml_find(root, "network");
    if (network && yaml_mapping(&l->doc, network, network_keys, COUNT(network_keys)))
        read_ns(l, yaml_find(network, "latency"), 0, LATENCY_MS_MAX, &l->cluster->latency_ns);
    read_rules(l, yaml_find(root, "models"));
    yaml_whole(&l->doc, yaml_find(root, "seed"), 0, INT64_MAX, &l->cluster->seed);
}

static const char *process_env(void *owner, const char *name)
{
    (void)owner;
    return getenv(name);
}

err cluster_parse(const char *name, struct span text, struct cluster *out,
                  struct problems *problems)
{
    check(!problems_any(problems));
    *out = (struct cluster){ .latency_ns = MS, .seed = 1 };
    struct loader l = { .cluster = out,
                        .doc = { .name = arena_strdup(&out->arena, name),
                                 .arena = &out->arena,
                                 .problems = problems,
                                 .env = process_env } };
    err e = yaml_parse(&l.doc, text);
    if (!e)
        read_root(&l);
    if (!e && problems_any(problems))
        e = ERR_INVALID;
    if (e)
        cluster_release(out);
    return e;
}

err cluster_load(const char *path, struct cluster *out, struct problems *problems)
{
    *out = (struct cluster){ 0 };
    struct buf text = { 0 };
    struct errmsg msg = { "" };
    err e = file_read(path, SWEEP_FILE_BYTES_MAX, &text, &msg);
    if (e)
        problems_add(problems, 0, "%s: %s", path, msg.text);
    else
        e = cluster_parse(path, buf_span(&text), out, problems);
    buf_release(&text);
    return e;
}

void cluster_release(struct cluster *c)
{
    arena_release(&c->arena);
    *c = (struct cluster){ 0 };
}
