/* Any bytes as a cluster file, as `muster simulate` reads it. Taken and within its limits, or
 * refused with sentences that name the file and can be shown on a terminal. */
#include "tests/fuzz/fuzz.h"

#include <math.h>

#include "common/text.h"
#include "coordinator/simulate/cluster.h"

static void check_problems(const struct problems *p)
{
    struct buf text = { 0 };
    check(problems_any(p) && p->count > 0 && p->count <= PROBLEMS_MAX);
    problems_format(p, &text);
    check(text_is_utf8(buf_span(&text)));
    for (size_t i = 0; i < text.len; i++)
        check(text.data[i] >= 0x20 || text.data[i] == '\n');
    buf_release(&text);
}

static void check_cluster(const struct cluster *c)
{
    check(c->group_count > 0 && c->group_count <= CLUSTER_GROUPS_MAX);
    check(c->rule_count <= CLUSTER_RULES_MAX && c->latency_ns >= 0);
    uint64_t slots = 0;
    for (size_t i = 0; i < c->group_count; i++) {
        const struct cluster_group *g = &c->groups[i];
        check(g->count > 0 && g->slots > 0 && isfinite(g->speed) && g->speed > 0 && g->gpu);
        slots += (uint64_t)g->count * g->slots;
    }
    check(slots <= CLUSTER_SLOTS_MAX);
    struct cluster_timing t = cluster_timing_of(c, "model");
    check(t.load_ns >= 0 && t.instance_ns >= 0 && isfinite(t.spread) && isfinite(t.task_spread));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cluster cluster;
    struct problems problems = { 0 };
    err e = cluster_parse("FILE", span_of(data, size), &cluster, &problems);
    check((e == OK) == !problems_any(&problems));
    if (e) {
        check_problems(&problems);
    } else {
        check_cluster(&cluster);
        cluster_release(&cluster);
    }
    problems_release(&problems);
    return 0;
}
