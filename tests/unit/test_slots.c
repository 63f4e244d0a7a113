/* How cores and GPUs become slots, on machines made up here. Real ones: tests/io/test_topology.c.
 */
#include "tests/lib/test.h"

#include "common/limits.h"
#include "common/rng.h"
#include "worker/topology/topology_private.h"

/* --- made-up machines --- */

/* Nodes 0 to nodes-1, `per_package` of them in a package; each core has one cpu. */
static void make_machine(struct topology *t, unsigned nodes, unsigned per_package, unsigned cores)
{
    *t = (struct topology){ .source = "made up", .core_count = nodes * cores, .nodes_used = nodes };
    t->nodes = arena_alloc(&t->arena, nodes * sizeof *t->nodes);
    t->cores = arena_alloc(&t->arena, t->core_count * sizeof *t->cores);
    t->gpus = arena_alloc(&t->arena, GPUS_MAX * sizeof *t->gpus);
    for (unsigned n = 0; n < nodes; n++)
        t->nodes[n] = (struct topology_node){
            .os_index = (int)n,
            .package = (int)(n / per_package),
            .first_core = n * cores,
            .core_count = cores,
        };
    for (unsigned c = 0; c < t->core_count; c++) {
        unsigned *cpu = arena_alloc(&t->arena, sizeof *cpu);
        *cpu = c;
        t->cores[c] = (struct topology_core){ cpu, 1 };
    }
}

/* A GPU behind switch `sw` of a node (-1: nobody knows where). */
static struct topology_gpu *add_gpu(struct topology *t, enum gpu_vendor vendor, int node,
                                    uint64_t sw)
{
    struct topology_gpu *gpu = &t->gpus[t->gpu_count];
    bool is_known = node >= 0 && (size_t)node < t->nodes_used;
    uint64_t *path = arena_alloc(&t->arena, 4 * sizeof *path);
    *gpu = (struct topology_gpu){
        .pci = arena_format(&t->arena, "0000:%02zx:00.0", t->gpu_count),
        .pci_ids = "10de:0001",
        .vendor = vendor,
        .uuid = arena_format(&t->arena, "GPU-%zu000", t->gpu_count),
        .node = node,
        .package = is_known ? t->nodes[node].package : -1,
        .slot = -1,
        .path = path,
        .path_len = node >= 0 ? 4 : 1,
    };
    path[1] = (uint64_t)(gpu->package + 2);
    path[2] = (uint64_t)(node + 2);
    path[3] = sw + 1;
    t->gpu_count++;
    return gpu;
}

static void share(struct topology *t, unsigned gpus_per_slot, unsigned cores_per_slot,
                  unsigned slots_max)
{
    struct topology_rules rules = { .gpus_per_slot = gpus_per_slot,
                                    .cores_per_slot = cores_per_slot,
                                    .slots_max = slots_max };
    struct errmsg msg = { "" };
    gpu_number(t);
    if (topology_share(t, &rules, &msg))
        fail_msg("refused: %s", msg.text);
}

static err share_fails(struct topology *t, unsigned gpus_per_slot, unsigned cores_per_slot,
                       struct errmsg *msg)
{
    struct topology_rules rules = { .gpus_per_slot = gpus_per_slot,
                                    .cores_per_slot = cores_per_slot };
    return topology_share(t, &rules, msg);
}

/* The slots as text: "cpus@nodes:gpu,gpu " each. */
static void expect_slots(struct topology *t, const char *wanted)
{
    const char *got = "";
    for (size_t s = 0; s < t->slot_count; s++) {
        const struct topology_slot *slot = &t->slots[s];
        assert_int_equal(slot->index, s);
        got = arena_format(&t->arena, "%s%s%s@%s", got, s ? " " : "",
                           topology_list_text(slot->cpus, slot->cpu_count, &t->arena),
                           topology_list_text(slot->nodes, slot->node_count, &t->arena));
        for (size_t k = 0; k < slot->gpu_count; k++)
            got = arena_format(&t->arena, "%s%s%d", got, k ? "," : ":",
                               (int)(slot->gpus[k] - t->gpus));
    }
    assert_string_equal(got, wanted);
}

static bool has_note(const struct topology *t, const char *part)
{
    for (size_t i = 0; i < t->note_count; i++) {
        if (strstr(t->notes[i], part))
            return true;
    }
    return false;
}

/* --- slots with GPUs --- */

static void a_gpu_gets_the_cores_of_its_node(void **state)
{
    (void)state;
    struct topology t;
    make_machine(&t, 2, 1, 4);
    add_gpu(&t, GPU_NVIDIA, 1, 0);
    add_gpu(&t, GPU_NVIDIA, 0, 1);
    share(&t, 1, 1, 0);
    expect_slots(&t, "4-7@1:0 0-3@0:1");
    assert_int_equal(t.note_count, 0);
    topology_release(&t);
}

static void the_remainder_of_cores_is_spread(void **state)
{
    (void)state;
    struct topology t;
    make_machine(&t, 1, 1, 8);
    for (uint64_t i = 0; i < 3; i++)
        add_gpu(&t, GPU_NVIDIA, 0, i);
    share(&t, 1, 1, 0);
    expect_slots(&t, "0-1@0:0 2-4@0:1 5-7@0:2");
    topology_release(&t);
}

static void too_few_cores_are_shared(void **state)
{
    (void)state;
    struct topology t;
    make_machine(&t, 2, 1, 2);
    for (uint64_t i = 0; i < 3; i++)
        add_gpu(&t, GPU_NVIDIA, 0, i);
    add_gpu(&t, GPU_NVIDIA, 1, 3);
    share(&t, 1, 1, 0);
    expect_slots(&t, "0-1@0:0 0-1@0:1 0-1@0:2 2-3@1:3");
    assert_true(t.slots[0].shares_cores);
    assert_false(t.slots[3].shares_cores);
    assert_true(has_note(&t, "node 0: 3 slots share 2 cores"));
    topology_release(&t);
}

static void gpus_that_nobody_can_place_alternate_between_nodes(void **state)
{
    (void)state;
    struct topology t;
    make_machine(&t, 2, 1, 4);
    for (uint64_t i = 0; i < 4; i++)
        add_gpu(&t, GPU_NVIDIA, -1, i);
    share(&t, 1, 1, 0);
    expect_slots(&t, "0-1@0:0 4-5@1:1 2-3@0:2 6-7@1:3");
    assert_true(has_note(&t, "nothing says where"));
    topology_release(&t);
}

/* Where GPUs crowd one node, those without a place go to the other. */
static void gpus_without_a_place_go_where_there_is_room(void **state)
{
    (void)state;
    struct topology t;
    make_machine(&t, 2, 1, 4);
    add_gpu(&t, GPU_NVIDIA, -1, 0);
    add_gpu(&t, GPU_NVIDIA, 0, 1);
    add_gpu(&t, GPU_NVIDIA, 0, 2);
    share(&t, 1, 1, 0);
    expect_slots(&t, "4-7@1:0 0-1@0:1 2-3@0:2");
    topology_release(&t);
}

/* Node 9 is the GPU's, and none of its cores is ours: the package's other node is next best. */
static void a_node_without_cores_borrows_from_its_package(void **state)
{
    (void)state;
    struct topology t;
    make_machine(&t, 4, 2, 4);
    struct topology_gpu *gpu = add_gpu(&t, GPU_NVIDIA, 2, 0);
    gpu->node = 9;
    share(&t, 1, 1, 0);
    expect_slots(&t, "8-11@2:0");
    assert_true(has_note(&t, "since this process may use none beside its GPUs"));
    topology_release(&t);
}

static void cores_far_from_any_gpu_stay_free(void **state)
{
    (void)state;
    struct topology t;
    make_machine(&t, 2, 1, 4);
    add_gpu(&t, GPU_NVIDIA, 0, 0);
    share(&t, 1, 1, 0);
    expect_slots(&t, "0-3@0:0");
    assert_true(has_note(&t, "node 1: 4 of 4 cores in no slot"));
    topology_release(&t);
}

static void gpus_of_one_switch_go_together(void **state)
{
    (void)state;
    struct topology t;
    make_machine(&t, 1, 1, 3);
    for (uint64_t i = 0; i < 6; i++)
        add_gpu(&t, GPU_NVIDIA, 0, i / 3); /* three behind each of two switches */
    share(&t, 2, 1, 0);
    expect_slots(&t, "0@0:0,1 1@0:2,5 2@0:3,4");
    topology_release(&t);
}

static void a_slot_spans_nodes_only_if_no_node_has_enough(void **state)
{
    (void)state;
    struct topology t;
    make_machine(&t, 2, 1, 4);
    for (uint64_t i = 0; i < 6; i++)
        add_gpu(&t, GPU_NVIDIA, i < 3 ? 0 : 1, i);
    share(&t, 2, 1, 0);
    expect_slots(&t, "0-1@0:0,1 2-4@0-1:2,5 5-7@1:3,4");
    assert_true(has_note(&t, "slot 1 spans NUMA nodes 0-1"));
    topology_release(&t);
}

static void nodes_of_one_package_come_before_other_packages(void **state)
{
    (void)state;
    struct topology t;
    make_machine(&t, 4, 2, 2);
    for (int node = 0; node < 4; node++)
        add_gpu(&t, GPU_NVIDIA, node, 0);
    share(&t, 2, 1, 0);
    expect_slots(&t, "0-3@0-1:0,1 4-7@2-3:2,3");
    topology_release(&t);
}

static void gpus_that_make_no_full_slot_are_left_over(void **state)
{
    (void)state;
    struct topology t;
    make_machine(&t, 1, 1, 4);
    for (uint64_t i = 0; i < 4; i++)
        add_gpu(&t, GPU_NVIDIA, 0, i);
    share(&t, 3, 1, 0);
    expect_slots(&t, "0-3@0:0,1,2");
    assert_int_equal(t.gpus[3].slot, -1);
    assert_true(has_note(&t, "1 GPU is in no slot: 0000:03:00.0"));
    topology_release(&t);
}

static void vendors_are_never_mixed_in_a_slot(void **state)
{
    (void)state;
    struct topology t;
    make_machine(&t, 1, 1, 4);
    add_gpu(&t, GPU_NVIDIA, 0, 0);
    add_gpu(&t, GPU_AMD, 0, 0);
    add_gpu(&t, GPU_NVIDIA, 0, 0);
    add_gpu(&t, GPU_AMD, 0, 0);
    share(&t, 2, 1, 0);
    expect_slots(&t, "0-1@0:0,2 2-3@0:1,3");
    topology_release(&t);
}

static void ignored_gpus_are_in_no_slot(void **state)
{
    (void)state;
    struct topology t;
    make_machine(&t, 1, 1, 4);
    add_gpu(&t, GPU_OTHER, 0, 0)->ignored = "a display";
    add_gpu(&t, GPU_NVIDIA, 0, 0);
    share(&t, 1, 1, 0);
    expect_slots(&t, "0-3@0:1");
    assert_int_equal(t.gpus[1].index, 0);
    topology_release(&t);
}

static void a_cap_keeps_the_first_slots_and_gives_them_the_cores(void **state)
{
    (void)state;
    struct topology t;
    make_machine(&t, 1, 1, 4);
    for (uint64_t i = 0; i < 4; i++)
        add_gpu(&t, GPU_NVIDIA, 0, i);
    share(&t, 1, 1, 2);
    expect_slots(&t, "0-1@0:0 2-3@0:1");
    assert_true(has_note(&t, "2 GPUs are in no slot: 0000:02:00.0 0000:03:00.0"));
    topology_release(&t);
}

static void more_gpus_a_slot_than_there_are_is_refused(void **state)
{
    (void)state;
    struct topology t;
    struct errmsg msg;
    make_machine(&t, 1, 1, 4);
    assert_int_equal(share_fails(&t, 2, 1, &msg), ERR_INVALID);
    add_gpu(&t, GPU_NVIDIA, 0, 0);
    add_gpu(&t, GPU_AMD, 0, 0);
    assert_int_equal(share_fails(&t, 2, 1, &msg), ERR_INVALID);
    assert_string_equal(msg.text, "--gpus-per-slot 2: made up has 1 GPU of one kind to give; ask "
                                  "for at most that many (--plan lists them)");
    topology_release(&t);
}

/* --- slots without GPUs --- */

static void slots_of_cores_never_span_nodes_when_they_fit(void **state)
{
    (void)state;
    struct topology t;
    make_machine(&t, 2, 1, 5);
    share(&t, 1, 2, 0);
    expect_slots(&t, "0-1@0 2-3@0 5-6@1 7-8@1");
    assert_true(has_note(&t, "node 0: 1 of 5 cores in no slot"));
    topology_release(&t);
}

static void larger_slots_of_cores_span_a_package_first(void **state)
{
    (void)state;
    struct topology t;
    make_machine(&t, 4, 2, 4);
    share(&t, 1, 6, 0);
    expect_slots(&t, "0-5@0-1 8-13@2-3");
    assert_true(has_note(&t, "slot 0 spans NUMA nodes 0-1"));
    topology_release(&t);
}

static void the_largest_slot_has_all_cores(void **state)
{
    (void)state;
    struct topology t;
    struct errmsg msg;
    make_machine(&t, 4, 2, 4);
    share(&t, 1, 16, 0);
    expect_slots(&t, "0-15@0-3");
    t.slot_count = 0;
    assert_int_equal(share_fails(&t, 1, 17, &msg), ERR_INVALID);
    assert_int_equal(share_fails(&t, 1, 0, &msg), ERR_INVALID);
    topology_release(&t);
}

static void no_gpus_may_be_wanted_on_a_machine_with_gpus(void **state)
{
    (void)state;
    struct topology t;
    make_machine(&t, 1, 1, 2);
    add_gpu(&t, GPU_NVIDIA, 0, 0);
    share(&t, 0, 1, 0);
    expect_slots(&t, "0@0 1@0");
    assert_true(has_note(&t, "1 GPU is in no slot"));
    topology_release(&t);
}

static void slots_are_capped(void **state)
{
    (void)state;
    struct topology t;
    struct errmsg msg;
    make_machine(&t, 2, 1, SLOTS_MAX);
    share(&t, 1, 1, 3);
    expect_slots(&t, "0@0 1@0 2@0");
    t.slot_count = 0;
    share(&t, 1, 1, 0);
    assert_int_equal(t.slot_count, SLOTS_MAX);
    struct topology_rules rules = { .gpus_per_slot = 1,
                                    .cores_per_slot = 1,
                                    .slots_max = SLOTS_MAX + 1 };
    assert_int_equal(topology_share(&t, &rules, &msg), ERR_LIMIT);
    topology_release(&t);
}

/* --- memory --- */

/* Four slots, the memory of each of which is checked; 0: not limited. */
static void expect_shares(struct topology t, const struct topology_rules *rules, uint64_t each)
{
    struct topology_slot slots[4] = { 0 };
    t.slots = slots;
    t.slot_count = 4;
    share_memory(&t, rules);
    for (size_t s = 0; s < t.slot_count; s++)
        assert_int_equal(slots[s].memory_bytes, each);
    arena_release(&t.arena);
}

static void slots_share_memory_equally(void **state)
{
    (void)state;
    const uint64_t gib = 1ull << 30;
    const struct topology_rules found = topology_rules_default();
    const struct topology_rules given = { .has_memory = true, .memory_bytes = 400 };
    const struct topology_rules unlimited = { .has_memory = true };
    expect_shares((struct topology){ .memory_bytes = 0 }, &found, 0);
    expect_shares((struct topology){ .memory_bytes = 64 * gib }, &found, 16 * gib);
    expect_shares((struct topology){ .memory_bytes = 64 * gib }, &given, 100);
    expect_shares((struct topology){ .memory_bytes = 64 * gib }, &unlimited, 0);
    expect_shares((struct topology){ .memory_bytes = 3 }, &found, 1); /* 0 would be no limit */
}

/* A model may say that it needs all that a container has, which is no multiple of its slots. */
static void all_slots_together_have_what_was_set(void **state)
{
    (void)state;
    const struct topology_rules found = topology_rules_default();
    const uint64_t set = 999999999999999;
    expect_shares((struct topology){ .memory_bytes = set, .memory_is_set = true }, &found,
                  set / 4 + 1);
}

/* Two machines of a kind never have the same memory to the page, and their slots are alike. */
static void shares_are_rounded_down_by_a_64th_at_most(void **state)
{
    (void)state;
    const struct topology_rules found = topology_rules_default();
    for (uint64_t bytes = 4; bytes < 1ull << 50; bytes += bytes / 3 + 1) {
        struct topology_slot slot = { 0 };
        struct topology t = { .slots = &slot, .slot_count = 1, .memory_bytes = bytes };
        share_memory(&t, &found);
        assert_in_range(slot.memory_bytes, bytes - bytes / 64, bytes);
    }
    expect_shares((struct topology){ .memory_bytes = 1081884672000 }, &found, 125ull << 31);
    expect_shares((struct topology){ .memory_bytes = 1081884500000 }, &found, 125ull << 31);
}

/* As `ulimit -v` limits each process, however many slots there are. */
static void a_process_limit_is_one_of_each_slot(void **state)
{
    (void)state;
    const struct topology_rules found = topology_rules_default();
    struct topology t = { .memory_bytes = 4000,
                          .process_memory_bytes = 100,
                          .process_memory_by = "RLIMIT_AS" };
    expect_shares(t, &found, 100);
    t.process_memory_bytes = 5000;
    expect_shares(t, &found, 1000);
}

static void a_gang_has_the_memory_of_its_slots(void **state)
{
    (void)state;
    const unsigned pair[] = { 0, 2 };
    struct topology t;
    struct arena arena = { 0 };
    make_machine(&t, 1, 1, 4);
    t.memory_bytes = 4096;
    share(&t, 1, 1, 0);
    assert_int_equal(topology_join(&t, pair, 2, &arena).memory_bytes, 2048);
    t.slots[2].memory_bytes = 0;
    assert_int_equal(topology_join(&t, pair, 2, &arena).memory_bytes, 0);
    arena_release(&arena);
    topology_release(&t);
}

/* --- any machine --- */

static void make_random_machine(struct topology *t, struct rng *rng)
{
    unsigned nodes = 1 + (unsigned)rng_below(rng, 8);
    make_machine(t, nodes, 1 + (unsigned)rng_below(rng, 3), 1 + (unsigned)rng_below(rng, 9));
    unsigned gpus = (unsigned)rng_below(rng, 12);
    for (unsigned i = 0; i < gpus; i++) {
        enum gpu_vendor vendor = rng_below(rng, 4) ? GPU_NVIDIA : GPU_AMD;
        struct topology_gpu *gpu =
            add_gpu(t, vendor, (int)rng_below(rng, nodes + 1) - 1, rng_below(rng, 3));
        if (rng_below(rng, 8) == 0)
            gpu->ignored = "by lot";
    }
}

static void check_gpus_once(const struct topology *t)
{
    size_t uses[GPUS_MAX] = { 0 };
    for (size_t s = 0; s < t->slot_count; s++) {
        for (size_t k = 0; k < t->slots[s].gpu_count; k++) {
            const struct topology_gpu *gpu = t->slots[s].gpus[k];
            assert_null(gpu->ignored);
            assert_int_equal(gpu->slot, s);
            assert_int_equal(gpu->vendor, t->slots[s].gpus[0]->vendor);
            assert_int_equal(++uses[gpu - t->gpus], 1);
        }
    }
    for (size_t i = 0; i < t->gpu_count; i++)
        assert_int_equal(uses[i], t->gpus[i].slot >= 0);
}

static void check_cores_once(const struct topology *t)
{
    size_t uses[1024] = { 0 };
    for (size_t s = 0; s < t->slot_count; s++) {
        assert_true(t->slots[s].cpu_count > 0);
        assert_int_equal(t->slots[s].cpu_count, t->slots[s].core_count);
        for (size_t c = 0; c < t->slots[s].cpu_count; c++) {
            assert_true(c == 0 || t->slots[s].cpus[c - 1] < t->slots[s].cpus[c]);
            size_t *used = &uses[t->slots[s].cpus[c]];
            assert_true((*used)++ == 0 || t->slots[s].shares_cores);
        }
    }
}

/* A slot has a core on each node where one of its GPUs is, and none elsewhere. */
static void check_local(const struct topology *t)
{
    for (size_t s = 0; s < t->slot_count; s++) {
        const struct topology_slot *slot = &t->slots[s];
        bool is_on[16] = { false }, is_placed = false;
        for (size_t k = 0; k < slot->gpu_count; k++) {
            if (slot->gpus[k]->node >= 0)
                is_on[slot->gpus[k]->node] = is_placed = true;
        }
        for (int node = 0; is_placed && node < (int)t->nodes_used; node++) {
            bool is_listed = false;
            for (size_t n = 0; n < slot->node_count; n++)
                is_listed = is_listed || slot->nodes[n] == (unsigned)node;
            assert_int_equal(is_listed, is_on[node]);
        }
    }
}

static size_t count_usable(const struct topology *t, enum gpu_vendor vendor)
{
    size_t count = 0;
    for (size_t i = 0; i < t->gpu_count; i++)
        count += t->gpus[i].vendor == vendor && !t->gpus[i].ignored;
    return count;
}

static void any_machine_is_shared_out_soundly(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 1);
    for (int round = 0; round < 3000; round++) {
        struct topology t;
        make_random_machine(&t, &rng);
        unsigned per_slot = (unsigned)rng_below(&rng, 5);
        struct topology_rules rules = { .gpus_per_slot = per_slot,
                                        .cores_per_slot = 1 + (unsigned)rng_below(&rng, 3) };
        size_t nvidia = count_usable(&t, GPU_NVIDIA), amd = count_usable(&t, GPU_AMD);
        gpu_number(&t);
        if (topology_share(&t, &rules, NULL) == OK) {
            check_gpus_once(&t);
            check_cores_once(&t);
            check_local(&t);
            if (per_slot && nvidia + amd)
                assert_int_equal(t.slot_count, nvidia / per_slot + amd / per_slot);
        }
        topology_release(&t);
    }
}

/* --- which PCI devices are GPUs --- */

static void gpus_are_told_from_displays(void **state)
{
    (void)state;
    static const struct {
        struct gpu_facts facts;
        const char *refusal;
    } cases[] = {
        { { 0x0302, 0x10de, 0x34, false, false }, NULL },
        { { 0x0300, 0x10de, 1, true, true }, NULL },
        { { 0x0300, 0x10de, 1, false, true }, "the vendor's compute library does not list it" },
        { { 0x0380, 0x1002, 1, false, false }, NULL },
        { { 0x1200, 0x1002, 1, false, false }, NULL },
        { { 0x0380, 0x8086, 0x3a, false, false }, NULL },
        { { 0x0300, 0x8086, 0, false, false }, "integrated graphics" },
        { { 0x0300, 0x8086, 0, true, true }, NULL },
        { { 0x0300, 0x1a03, 3, false, false }, "display of a management controller (ASPEED)" },
        { { 0x0300, 0x102b, 3, false, false }, "display of a management controller (Matrox)" },
        { { 0x0300, 0x1af4, 0, false, false }, "display of a virtual machine (virtio)" },
        { { 0x0300, 0xabcd, 0, false, false }, "a display, no GPU of NVIDIA, AMD or Intel" },
        { { 0x1200, 0x1da3, 9, false, false }, "an accelerator of an unknown kind" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *refusal = gpu_refusal(&cases[i].facts);
        if (cases[i].refusal)
            assert_string_equal(refusal, cases[i].refusal);
        else
            assert_null(refusal);
    }
}

static void only_displays_and_accelerators_are_looked_at(void **state)
{
    (void)state;
    static const uint16_t looked_at[] = { 0x0300, 0x0302, 0x0380, 0x1200 };
    static const uint16_t not [] = { 0x0200, 0x0680, 0x0108, 0x0604, 0x0000 };
    for (size_t i = 0; i < sizeof looked_at / sizeof looked_at[0]; i++)
        assert_true(gpu_is_candidate(looked_at[i]));
    for (size_t i = 0; i < sizeof not / sizeof not [0]; i++)
        assert_false(gpu_is_candidate(not [i]));
}

/* --- what the environment leaves us --- */

/* NVIDIA 0, AMD 1, NVIDIA 2, NVIDIA 3 (in no use), NVIDIA 4: CUDA numbers them 0, 1, 2. */
static void expect_visible(const char *variable, const char *remaining, bool has_note_wanted)
{
    struct topology t;
    char *environment[] = { strdup(variable), NULL };
    make_machine(&t, 1, 1, 1);
    for (int i = 0; i < 5; i++)
        add_gpu(&t, i == 1 ? GPU_AMD : GPU_NVIDIA, 0, 0);
    t.gpus[3].ignored = "by lot";
    t.gpus[4].uuid = "GPU-2fff";
    gpu_number(&t);
    gpu_apply_environment(&t, environment);
    const char *got = "";
    for (size_t i = 0; i < t.gpu_count; i++) {
        if (!t.gpus[i].ignored)
            got = arena_format(&t.arena, "%s%zu", got, i);
    }
    assert_string_equal(got, remaining);
    assert_int_equal(t.note_count > 0, has_note_wanted);
    topology_release(&t);
    free(environment[0]);
}

static void what_somebody_else_chose_is_respected(void **state)
{
    (void)state;
    static const struct {
        const char *variable, *remaining;
        bool has_note;
    } cases[] = {
        { "OTHER=1", "0124", false },
        { "CUDA_VISIBLE_DEVICES=0", "01", false },
        { "CUDA_VISIBLE_DEVICES=2,1", "124", false }, /* 2 is the GPU behind the ignored one */
        { "CUDA_VISIBLE_DEVICES=1, 2", "124", false },
        { "CUDA_VISIBLE_DEVICES=1,1", "12", false },
        { "CUDA_VISIBLE_DEVICES=GPU-0000", "01", false },
        { "CUDA_VISIBLE_DEVICES=GPU-0,2", "014", false }, /* the beginning of one UUID */
        { "CUDA_VISIBLE_DEVICES=GPU-2,0", "1", true },    /* ... of two */
        { "CUDA_VISIBLE_DEVICES=0,GPU-9,1", "01", true }, /* unknown: the list ends */
        { "CUDA_VISIBLE_DEVICES=0,3,1", "01", true },
        { "CUDA_VISIBLE_DEVICES=0,-1,1", "01", false },
        { "CUDA_VISIBLE_DEVICES=", "1", false },
        { "CUDA_VISIBLE_DEVICES=NoDevFiles", "1", false },
        { "CUDA_VISIBLE_DEVICES=MIG-2a", "1", true },
        { "NVIDIA_VISIBLE_DEVICES=none", "1", false },
        { "NVIDIA_VISIBLE_DEVICES=void", "1", false },
        { "NVIDIA_VISIBLE_DEVICES=all", "0124", false },
        { "ROCR_VISIBLE_DEVICES=0", "0124", false },
        { "ROCR_VISIBLE_DEVICES=", "024", false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_visible(cases[i].variable, cases[i].remaining, cases[i].has_note);
}

/* --- what a slot shows its model --- */

static void expect_env(const struct topology_gpu *const *gpus, size_t count, const char *wanted)
{
    struct arena arena = { 0 };
    struct topology_slot slot = { .gpus = gpus, .gpu_count = count };
    const char *got = "";
    for (char **line = topology_slot_env(&slot, &arena); *line; line++)
        got = arena_format(&arena, "%s%s\n", got, *line);
    assert_string_equal(got, wanted);
    arena_release(&arena);
}

static void a_slot_shows_its_gpus_by_one_vendors_variables(void **state)
{
    (void)state;
    struct topology_gpu a = { .vendor = GPU_NVIDIA, .index = 2, .uuid = "GPU-a" };
    struct topology_gpu b = { .vendor = GPU_NVIDIA, .index = 5, .uuid = "GPU-b" };
    struct topology_gpu nameless = { .vendor = GPU_NVIDIA, .index = 7 };
    struct topology_gpu amd = { .vendor = GPU_AMD, .index = 1, .uuid = "GPU-c" };
    struct topology_gpu intel = { .vendor = GPU_INTEL, .index = 3 };
    const struct topology_gpu *two[] = { &a, &b }, *partly[] = { &a, &nameless };
    const struct topology_gpu *red[] = { &amd }, *blue[] = { &intel };
    expect_env(two, 2, "CUDA_DEVICE_ORDER=PCI_BUS_ID\nCUDA_VISIBLE_DEVICES=GPU-a,GPU-b\n");
    expect_env(partly, 2, "CUDA_DEVICE_ORDER=PCI_BUS_ID\nCUDA_VISIBLE_DEVICES=2,7\n");
    expect_env(red, 1, "ROCR_VISIBLE_DEVICES=1\n");
    expect_env(blue, 1, "ZE_AFFINITY_MASK=3\n");
    expect_env(NULL, 0, "CUDA_VISIBLE_DEVICES=\nROCR_VISIBLE_DEVICES=\n");
}

static void lists_are_written_short(void **state)
{
    (void)state;
    static const struct {
        unsigned numbers[6];
        size_t count;
        const char *text;
    } cases[] = {
        { { 0 }, 0, "" },
        { { 7 }, 1, "7" },
        { { 0, 1 }, 2, "0-1" },
        { { 0, 2 }, 2, "0,2" },
        { { 0, 1, 2, 3, 8, 10 }, 6, "0-3,8,10" },
    };
    struct arena arena = { 0 };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(topology_list_text(cases[i].numbers, cases[i].count, &arena),
                            cases[i].text);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_gpu_gets_the_cores_of_its_node),
        cmocka_unit_test(the_remainder_of_cores_is_spread),
        cmocka_unit_test(too_few_cores_are_shared),
        cmocka_unit_test(gpus_that_nobody_can_place_alternate_between_nodes),
        cmocka_unit_test(gpus_without_a_place_go_where_there_is_room),
        cmocka_unit_test(a_node_without_cores_borrows_from_its_package),
        cmocka_unit_test(cores_far_from_any_gpu_stay_free),
        cmocka_unit_test(gpus_of_one_switch_go_together),
        cmocka_unit_test(a_slot_spans_nodes_only_if_no_node_has_enough),
        cmocka_unit_test(nodes_of_one_package_come_before_other_packages),
        cmocka_unit_test(gpus_that_make_no_full_slot_are_left_over),
        cmocka_unit_test(vendors_are_never_mixed_in_a_slot),
        cmocka_unit_test(ignored_gpus_are_in_no_slot),
        cmocka_unit_test(a_cap_keeps_the_first_slots_and_gives_them_the_cores),
        cmocka_unit_test(more_gpus_a_slot_than_there_are_is_refused),
        cmocka_unit_test(slots_of_cores_never_span_nodes_when_they_fit),
        cmocka_unit_test(larger_slots_of_cores_span_a_package_first),
        cmocka_unit_test(the_largest_slot_has_all_cores),
        cmocka_unit_test(no_gpus_may_be_wanted_on_a_machine_with_gpus),
        cmocka_unit_test(slots_are_capped),
        cmocka_unit_test(slots_share_memory_equally),
        cmocka_unit_test(all_slots_together_have_what_was_set),
        cmocka_unit_test(shares_are_rounded_down_by_a_64th_at_most),
        cmocka_unit_test(a_process_limit_is_one_of_each_slot),
        cmocka_unit_test(a_gang_has_the_memory_of_its_slots),
        cmocka_unit_test(any_machine_is_shared_out_soundly),
        cmocka_unit_test(gpus_are_told_from_displays),
        cmocka_unit_test(only_displays_and_accelerators_are_looked_at),
        cmocka_unit_test(what_somebody_else_chose_is_respected),
        cmocka_unit_test(a_slot_shows_its_gpus_by_one_vendors_variables),
        cmocka_unit_test(lists_are_written_short),
    };
    return cmocka_run_group_tests_name("slots", tests, NULL, NULL);
}
