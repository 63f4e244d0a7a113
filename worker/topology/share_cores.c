/* Which cores, cpus and memory nodes a slot gets. */
#include "common/check.h"
#include "common/limits.h"
#include "worker/topology/topology_private.h"

#include <stdlib.h>
#include <string.h>

/* Neighbouring cores of one node: a slot has at most one run in each node. */
struct run {
    size_t first, count;
};

static int compare_unsigned(const void *a, const void *b)
{
    unsigned left = *(const unsigned *)a, right = *(const unsigned *)b;
    return (left > right) - (left < right);
}

/* Write the slot's cores, cpus and nodes. runs: one a node of the topology. */
static void settle(struct topology *t, struct topology_slot *slot, const struct run *runs)
{
    size_t cpu_count = 0, node_count = 0;
    for (size_t n = 0; n < t->nodes_used; n++) {
        node_count += runs[n].count ? 1 : 0;
        slot->core_count += runs[n].count;
        for (size_t c = 0; c < runs[n].count; c++)
            cpu_count += t->cores[runs[n].first + c].cpu_count;
    }
    unsigned *cpus = arena_alloc(&t->arena, cpu_count * sizeof *cpus);
    unsigned *nodes = arena_alloc(&t->arena, node_count * sizeof *nodes);
    for (size_t n = 0; n < t->nodes_used; n++) {
        if (runs[n].count && t->nodes[n].os_index >= 0)
            nodes[slot->node_count++] = (unsigned)t->nodes[n].os_index;
        for (size_t c = 0; c < runs[n].count; c++) {
            const struct topology_core *core = &t->cores[runs[n].first + c];
            memcpy(cpus + slot->cpu_count, core->cpus, core->cpu_count * sizeof *cpus);
            slot->cpu_count += core->cpu_count;
        }
    }
    qsort(cpus, slot->cpu_count, sizeof *cpus, compare_unsigned);
    qsort(nodes, slot->node_count, sizeof *nodes, compare_unsigned);
    slot->cpus = cpus;
    slot->nodes = nodes;
}

/* Say which nodes have cores in no slot. used: how many of each node's cores are in one. */
static void note_idle(struct topology *t, const size_t *used)
{
    for (size_t n = 0; n < t->nodes_used; n++) {
        size_t idle = t->nodes[n].core_count - used[n];
        if (idle)
            topology_note(t, "node %d: %zu of %zu cores in no slot", t->nodes[n].os_index, idle,
                          t->nodes[n].core_count);
    }
}

/* --- slots with GPUs --- */

/* How many of a slot's GPUs count for a node: weights[slot * nodes_used + node]. */
static unsigned *weights_of(struct topology *t)
{
    unsigned *weights = arena_alloc(&t->arena, t->slot_count * t->nodes_used * sizeof *weights);
    for (size_t s = 0; s < t->slot_count; s++) {
        for (size_t k = 0; k < t->slots[s].gpu_count; k++) {
            for (size_t n = 0; n < t->nodes_used; n++) {
                if (t->slots[s].gpus[k]->node >= 0 &&
                    t->slots[s].gpus[k]->node == t->nodes[n].os_index)
                    weights[s * t->nodes_used + n]++;
            }
        }
    }
    return weights;
}

static bool is_homeless(const struct topology *t, const unsigned *weights, size_t slot)
{
    for (size_t n = 0; n < t->nodes_used; n++) {
        if (weights[slot * t->nodes_used + n])
            return false;
    }
    return true;
}

static size_t load_of(const struct topology *t, const unsigned *weights, size_t node)
{
    size_t load = 0;
    for (size_t s = 0; s < t->slot_count; s++)
        load += weights[s * t->nodes_used + node];
    return load;
}

/* The node with the most cores a GPU, or of several the one with fewest GPUs, among those of a
 * package (-1: of the machine); nodes_used if the package has none. */
static size_t least_loaded(const struct topology *t, const unsigned *weights, int package)
{
    size_t best = t->nodes_used, best_load = 0;
    for (size_t n = 0; n < t->nodes_used; n++) {
        if (package >= 0 && t->nodes[n].package != package)
            continue;
        size_t load = load_of(t, weights, n) + 1;
        size_t here = best == t->nodes_used ? 0 : load * t->nodes[best].core_count;
        size_t there = best_load * t->nodes[n].core_count;
        if (best == t->nodes_used || here < there || (here == there && load < best_load)) {
            best = n;
            best_load = load;
        }
    }
    return best;
}

/* A slot whose GPUs are attached nowhere that we know, or where we may use no core. */
static void find_home(struct topology *t, unsigned *weights, size_t s)
{
    const struct topology_slot *slot = &t->slots[s];
    int package = slot->gpus[0]->package;
    size_t node = least_loaded(t, weights, package);
    if (node == t->nodes_used)
        node = least_loaded(t, weights, -1);
    weights[s * t->nodes_used + node] = (unsigned)slot->gpu_count;
    if (t->nodes_used > 1)
        topology_note(t, "slot %zu: its cores are on node %d, %s", s, t->nodes[node].os_index,
                      slot->gpus[0]->node >= 0 ? "since this process may use none beside its GPUs"
                                               : "since nothing says where its GPUs are attached");
}

/* The cores of a node among its slots: one each, the rest by GPUs, the remainder spread. Too few
 * cores: the slots use all of them together, so that none waits while another idles. */
static void divide_node(struct topology *t, const unsigned *weights, size_t n, struct run *runs)
{
    const struct topology_node *node = &t->nodes[n];
    size_t sharers = 0, before = 0, place = 0, total = load_of(t, weights, n);
    for (size_t s = 0; s < t->slot_count; s++)
        sharers += weights[s * t->nodes_used + n] ? 1 : 0;
    bool shared = sharers > node->core_count;
    if (shared)
        topology_note(t, "node %d: %zu slots share %zu core%s", node->os_index, sharers,
                      node->core_count, node->core_count == 1 ? "" : "s");

    for (size_t s = 0; s < t->slot_count; s++) {
        size_t weight = weights[s * t->nodes_used + n];
        if (!weight)
            continue;
        struct run *run = &runs[s * t->nodes_used + n];
        if (shared) {
            *run = (struct run){ node->first_core, node->core_count };
            t->slots[s].shares_cores = true;
            continue;
        }
        size_t rest = node->core_count - sharers;
        size_t first = place + rest * before / total;
        before += weight;
        place++;
        *run = (struct run){ node->first_core + first, place + rest * before / total - first };
    }
}

void share_cores_by_gpus(struct topology *t)
{
    size_t cells = t->slot_count * t->nodes_used;
    struct run *runs = arena_alloc(&t->arena, cells * sizeof *runs);
    size_t *used = arena_alloc(&t->arena, t->nodes_used * sizeof *used);
    unsigned *weights = weights_of(t);
    for (size_t s = 0; s < t->slot_count; s++) {
        if (is_homeless(t, weights, s))
            find_home(t, weights, s);
    }
    for (size_t n = 0; n < t->nodes_used; n++) {
        divide_node(t, weights, n, runs);
        used[n] = load_of(t, weights, n) ? t->nodes[n].core_count : 0;
    }
    for (size_t s = 0; s < t->slot_count; s++)
        settle(t, &t->slots[s], &runs[s * t->nodes_used]);
    note_idle(t, used);
}

/* --- slots without GPUs --- */

typedef bool same_group_f(const struct topology_node *a, const struct topology_node *b);

static bool same_node(const struct topology_node *a, const struct topology_node *b)
{
    return a == b;
}

static bool same_package(const struct topology_node *a, const struct topology_node *b)
{
    return a->package == b->package;
}

static bool same_machine(const struct topology_node *a, const struct topology_node *b)
{
    (void)a;
    (void)b;
    return true;
}

/* The cores of the nodes from n on that belong together; *out_next: the node behind them. */
static struct run next_group(const struct topology *t, size_t n, same_group_f *same,
                             size_t *out_next)
{
    struct run group = { t->nodes[n].first_core, 0 };
    size_t next = n;
    while (next < t->nodes_used && same(&t->nodes[n], &t->nodes[next]))
        group.count += t->nodes[next++].core_count;
    *out_next = next;
    return group;
}

static size_t largest_group(const struct topology *t, same_group_f *same)
{
    size_t largest = 0;
    for (size_t n = 0; n < t->nodes_used;) {
        struct run group = next_group(t, n, same, &n);
        largest = group.count > largest ? group.count : largest;
    }
    return largest;
}

static void settle_range(struct topology *t, struct run range, size_t *used)
{
    struct run *runs = arena_alloc(&t->arena, t->nodes_used * sizeof *runs);
    for (size_t n = 0; n < t->nodes_used; n++) {
        const struct topology_node *node = &t->nodes[n];
        size_t first = range.first > node->first_core ? range.first : node->first_core;
        size_t range_end = range.first + range.count;
        size_t node_end = node->first_core + node->core_count;
        size_t end = range_end < node_end ? range_end : node_end;
        if (first < end)
            runs[n] = (struct run){ first, end - first };
        used[n] += runs[n].count;
    }
    settle(t, &t->slots[t->slot_count++], runs);
}

void share_cores_alone(struct topology *t, size_t per_slot, size_t slots_max)
{
    same_group_f *same = same_node;
    check(per_slot > 0);
    if (largest_group(t, same) < per_slot)
        same = same_package;
    if (largest_group(t, same) < per_slot)
        same = same_machine;

    size_t *used = arena_alloc(&t->arena, t->nodes_used * sizeof *used);
    t->slots = arena_alloc(&t->arena, t->core_count / per_slot * sizeof *t->slots);
    for (size_t n = 0; n < t->nodes_used;) {
        struct run group = next_group(t, n, same, &n);
        for (; group.count >= per_slot && t->slot_count < slots_max; group.count -= per_slot) {
            settle_range(t, (struct run){ group.first, per_slot }, used);
            group.first += per_slot;
        }
    }
    note_idle(t, used);
}
