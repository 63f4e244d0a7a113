/* Machines as hwloc tells them: files of real ones, made-up ones, and the one we run on. */
#include "tests/lib/test.h"

#include "worker/topology/plan_print.h"
#include "worker/topology/topology.h"

#include <sched.h>

/* --- helpers --- */

static bool open_shared(const char *name, unsigned gpus_per_slot, char *const *environment,
                        struct topology *t)
{
    char path[512];
    struct errmsg msg = { "" };
    snprintf(path, sizeof path, "%s/%s", test_shared(), name);
    if (access(path, R_OK))
        return false;
    struct topology_source source = { .xml_path = path, .environment = environment };
    struct topology_rules rules = { .gpus_per_slot = gpus_per_slot, .cores_per_slot = 1 };
    if (topology_open(&source, &rules, t, &msg))
        fail_msg("refused: %s", msg.text);
    return true;
}

#define DGX2     "data/topologies/nvidia-dgx2.xml"
#define POWER8   "data/topologies/power8-4gpu.xml"
#define TWO_PACK "eco/hwloc_2pkg_4gpu.xml"

/* Or skip the test: the files are not part of the project. */
#define NEED_SHARED(name, gpus_per_slot, environment, t)                                           \
    do {                                                                                           \
        if (!open_shared((name), (gpus_per_slot), (environment), (t)))                             \
            skip();                                                                                \
    } while (0)

static void open_synthetic(const char *words, unsigned cores_per_slot, struct topology *t)
{
    struct errmsg msg = { "" };
    struct topology_source source = { .synthetic = words };
    struct topology_rules rules = { .gpus_per_slot = 1, .cores_per_slot = cores_per_slot };
    if (topology_open(&source, &rules, t, &msg))
        fail_msg("refused: %s", msg.text);
}

static void expect_cpus(const struct topology *t, size_t slot, const char *cpus, const char *nodes)
{
    struct arena arena = { 0 };
    const struct topology_slot *s = &t->slots[slot];
    assert_string_equal(topology_list_text(s->cpus, s->cpu_count, &arena), cpus);
    assert_string_equal(topology_list_text(s->nodes, s->node_count, &arena), nodes);
    arena_release(&arena);
}

static void expect_env(const struct topology_slot *slot, const char *last)
{
    struct arena arena = { 0 };
    char **env = topology_slot_env(slot, &arena);
    size_t count = 0;
    while (env[count])
        count++;
    assert_string_equal(env[count - 1], last);
    arena_release(&arena);
}

/* Every slot of a machine whose GPUs are all placed: memory and cores beside its GPUs. */
static void expect_local(const struct topology *t)
{
    for (size_t s = 0; s < t->slot_count; s++) {
        assert_int_equal(t->slots[s].node_count, 1);
        for (size_t k = 0; k < t->slots[s].gpu_count; k++)
            assert_int_equal(t->slots[s].gpus[k]->node, t->slots[s].nodes[0]);
    }
}

/* --- real machines --- */

static void dgx2_is_16_slots_on_2_nodes(void **state)
{
    (void)state;
    struct topology t;
    NEED_SHARED(DGX2, 1, NULL, &t);
    assert_string_equal(t.name, "NVIDIA DGX-2H");
    assert_int_equal(t.package_count, 2);
    assert_int_equal(t.node_count, 2);
    assert_int_equal(t.core_total, 4);
    assert_int_equal(t.gpu_count, 16); /* the NVSwitches are none */
    assert_int_equal(t.slot_count, 16);
    expect_local(&t);
    expect_cpus(&t, 0, "0-1", "0");
    expect_cpus(&t, 15, "24-25", "1");
    assert_true(t.slots[0].shares_cores); /* two cores of a node for eight slots */
    assert_string_equal(t.slots[0].gpus[0]->pci, "0000:34:00.0");
    assert_string_equal(t.slots[0].gpus[0]->model, "Tesla V100-SXM3-32GB-H");
    assert_string_equal(t.slots[15].gpus[0]->pci, "0000:e7:00.0");
    assert_int_equal(t.slots[15].gpus[0]->index, 15);
    expect_env(&t.slots[0], "CUDA_VISIBLE_DEVICES=GPU-d3977428-7a30-086b-2e20-5c1eeed647c6");
    topology_release(&t);
}

static void dgx2_by_fours_is_a_slot_a_switch(void **state)
{
    (void)state;
    static const char *const firsts[] = { "0000:34:00.0", "0000:57:00.0", "0000:b7:00.0",
                                          "0000:e0:00.0" };
    struct topology t;
    NEED_SHARED(DGX2, 4, NULL, &t);
    assert_int_equal(t.slot_count, 4);
    expect_local(&t);
    for (size_t s = 0; s < 4; s++)
        assert_string_equal(t.slots[s].gpus[0]->pci, firsts[s]);
    expect_cpus(&t, 1, "1", "0"); /* enough cores now: one each */
    assert_false(t.slots[1].shares_cores);
    topology_release(&t);
}

static void expect_gangs(const struct topology *t, const char *lines)
{
    struct buf out = { 0 };
    plan_print_text(t, &out);
    const char *at = strstr(buf_cstr(&out), "gangs of ");
    assert_non_null(at);
    if (strncmp(at, lines, strlen(lines)) != 0)
        fail_msg("expected %s at %s", lines, at);
    buf_release(&out);
}

static void gangs_are_of_neighbours(void **state)
{
    (void)state;
    struct topology t;
    NEED_SHARED(DGX2, 1, NULL, &t);
    expect_gangs(&t, "gangs of 2: slots 0-1 2-3 4-5 6-7 8-9 10-11 12-13 14-15\n"
                     "gangs of 4: slots 0-3 4-7 8-11 12-15\n"
                     "gangs of 8: slots 0-7 8-15\n"
                     "gangs of 16: slots 0-15\n");
    topology_release(&t);
    NEED_SHARED(POWER8, 1, NULL, &t);
    expect_gangs(&t, "gangs of 2: slots 0-1 2-3\ngangs of 4: slots 0-3\n");
    topology_release(&t);
}

/* A gang's model is bound to all that its slots have, and sees their GPUs and no others. */
static void a_gang_has_what_its_slots_have(void **state)
{
    (void)state;
    struct topology t;
    struct arena arena = { 0 };
    NEED_SHARED(POWER8, 1, NULL, &t);
    const unsigned slots[] = { 2, 1 };
    struct topology_slot gang = topology_join(&t, slots, 2, &arena);
    assert_int_equal(gang.index, 2);
    assert_int_equal(gang.core_count, t.slots[1].core_count + t.slots[2].core_count);
    assert_int_equal(gang.cpu_count, t.slots[1].cpu_count + t.slots[2].cpu_count);
    assert_int_equal(gang.node_count, 2);
    assert_true(gang.nodes[0] < gang.nodes[1]);
    for (size_t i = 1; i < gang.cpu_count; i++)
        assert_true(gang.cpus[i - 1] < gang.cpus[i]);
    assert_int_equal(gang.gpu_count, 2);
    assert_ptr_equal(gang.gpus[0], t.slots[1].gpus[0]); /* in PCI order, whoever leads */
    arena_release(&arena);
    topology_release(&t);
}

static void dgx2_can_be_one_slot(void **state)
{
    (void)state;
    struct topology t;
    NEED_SHARED(DGX2, 16, NULL, &t);
    assert_int_equal(t.slot_count, 1);
    assert_int_equal(t.slots[0].gpu_count, 16);
    expect_cpus(&t, 0, "0-1,24-25", "0-1");
    topology_release(&t);
}

static void power8_is_4_slots_on_2_nodes(void **state)
{
    (void)state;
    struct topology t;
    NEED_SHARED(POWER8, 1, NULL, &t);
    assert_string_equal(t.name, "drac-12.grenoble.grid5000.fr");
    assert_int_equal(t.gpu_count, 4); /* CUDA, NVML and OpenCL name each; it is one */
    assert_int_equal(t.slot_count, 4);
    expect_local(&t);
    expect_cpus(&t, 0, "0-1,8-9", "0");
    expect_cpus(&t, 1, "16-17,24-25", "0");
    expect_cpus(&t, 2, "80-81,88-89", "1");
    expect_cpus(&t, 3, "96-97,104-105", "1");
    assert_string_equal(t.slots[2].gpus[0]->pci, "000a:01:00.0");
    assert_true(t.slots[2].gpus[0]->memory_bytes == UINT64_C(16671616) << 10);
    expect_env(&t.slots[0], "CUDA_VISIBLE_DEVICES=GPU-77bf6b9a-6906-5a93-d28b-b77d2c23d1d2");
    topology_release(&t);
}

static void power8_by_twos_is_a_slot_a_node(void **state)
{
    (void)state;
    struct topology t;
    NEED_SHARED(POWER8, 2, NULL, &t);
    assert_int_equal(t.slot_count, 2);
    expect_local(&t);
    expect_cpus(&t, 1, "80-81,88-89,96-97,104-105", "1");
    topology_release(&t);
}

static void power8_by_fours_is_one_slot_and_says_that_it_spans(void **state)
{
    (void)state;
    struct topology t;
    NEED_SHARED(POWER8, 4, NULL, &t);
    assert_int_equal(t.slot_count, 1);
    assert_int_equal(t.slots[0].core_count, 8);
    assert_int_equal(t.note_count, 1);
    assert_string_equal(t.notes[0], "slot 0 spans NUMA nodes 0-1: no one node has 4 free GPUs");
    topology_release(&t);
}

static void what_slurm_gave_is_kept(void **state)
{
    (void)state;
    char variable[] = "CUDA_VISIBLE_DEVICES=1,2";
    char *environment[] = { variable, NULL };
    struct topology t;
    NEED_SHARED(TWO_PACK, 1, environment, &t);
    assert_int_equal(t.slot_count, 2);
    expect_cpus(&t, 0, "0-3", "0"); /* alone on its node, it gets all of it */
    expect_env(&t.slots[0], "CUDA_VISIBLE_DEVICES=1");
    expect_env(&t.slots[1], "CUDA_VISIBLE_DEVICES=2");
    assert_string_equal(t.gpus[0].ignored, "not in CUDA_VISIBLE_DEVICES");
    topology_release(&t);
}

static void no_visible_gpu_leaves_slots_of_cores(void **state)
{
    (void)state;
    char variable[] = "CUDA_VISIBLE_DEVICES=";
    char *environment[] = { variable, NULL };
    struct topology t;
    NEED_SHARED(TWO_PACK, 1, environment, &t);
    assert_int_equal(t.slot_count, 8);
    assert_int_equal(t.slots[0].gpu_count, 0);
    expect_env(&t.slots[0], "ROCR_VISIBLE_DEVICES=");
    topology_release(&t);
}

/* --- made-up machines --- */

static void a_core_is_all_its_hardware_threads(void **state)
{
    (void)state;
    struct topology t;
    open_synthetic("pack:2 numa:2 core:8 pu:2", 1, &t);
    assert_int_equal(t.package_count, 2);
    assert_int_equal(t.node_count, 4);
    assert_int_equal(t.core_total, 32);
    assert_int_equal(t.slot_count, 32);
    expect_cpus(&t, 0, "0-1", "0");
    expect_cpus(&t, 31, "62-63", "3");
    topology_release(&t);
}

static void slots_of_cores_stay_on_their_node(void **state)
{
    (void)state;
    static const struct {
        unsigned cores;
        size_t slots;
        const char *last_cpus, *last_nodes;
    } cases[] = {
        { 3, 8, "54-59", "3" },    { 8, 4, "48-63", "3" },   { 9, 2, "32-49", "2-3" },
        { 16, 2, "32-63", "2-3" }, { 17, 1, "0-33", "0-2" }, { 32, 1, "0-63", "0-3" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct topology t;
        open_synthetic("pack:2 numa:2 core:8 pu:2", cases[i].cores, &t);
        assert_int_equal(t.slot_count, cases[i].slots);
        expect_cpus(&t, t.slot_count - 1, cases[i].last_cpus, cases[i].last_nodes);
        topology_release(&t);
    }
}

/* --- a made-up file --- */

static void write_package(FILE *f, unsigned p)
{
    unsigned cpus = 0x0fu << (4 * p), nodes = 1u << p;
    fprintf(f,
            "<object type=\"Package\" os_index=\"%u\" cpuset=\"0x%x\" complete_cpuset=\"0x%x\" "
            "nodeset=\"0x%x\" complete_nodeset=\"0x%x\" gp_index=\"%u\">\n"
            "<object type=\"NUMANode\" os_index=\"%u\" cpuset=\"0x%x\" complete_cpuset=\"0x%x\" "
            "nodeset=\"0x%x\" complete_nodeset=\"0x%x\" gp_index=\"%u\"/>\n",
            p, cpus, cpus, nodes, nodes, 10 + p, p, cpus, cpus, nodes, nodes, 20 + p);
    for (unsigned c = 4 * p; c < 4 * p + 4; c++)
        fprintf(f,
                "<object type=\"Core\" os_index=\"%u\" cpuset=\"0x%x\" complete_cpuset=\"0x%x\" "
                "nodeset=\"0x%x\" complete_nodeset=\"0x%x\" gp_index=\"%u\">"
                "<object type=\"PU\" os_index=\"%u\" cpuset=\"0x%x\" complete_cpuset=\"0x%x\" "
                "nodeset=\"0x%x\" complete_nodeset=\"0x%x\" gp_index=\"%u\"/></object>\n",
                c, 1u << c, 1u << c, nodes, nodes, 30 + c, c, 1u << c, 1u << c, nodes, nodes,
                40 + c);
    fprintf(f, "</object>\n");
}

/* Two packages of four cores, of which cpus 6 and 7 are another job's. PCI is attached to nothing
 * in particular, as in a virtual machine: graphics of the processor, a management chip, two GPUs,
 * a network card. The host's name would turn a terminal's text around. */
static char *write_server(const char *dir)
{
    static const char *const devices[][2] = {
        { "0000:00:02.0", "0300 [8086:3e92]" }, { "0000:03:00.0", "0300 [1a03:2000]" },
        { "0000:41:00.0", "0302 [10de:2330]" }, { "0000:42:00.0", "0302 [10de:2330]" },
        { "0000:43:00.0", "0200 [8086:1521]" },
    };
    char path[512];
    snprintf(path, sizeof path, "%s/server.xml", dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fprintf(f, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
               "<!DOCTYPE topology SYSTEM \"hwloc2.dtd\">\n<topology version=\"2.0\">\n"
               "<object type=\"Machine\" os_index=\"0\" cpuset=\"0xff\" complete_cpuset=\"0xff\" "
               "allowed_cpuset=\"0x3f\" nodeset=\"0x3\" complete_nodeset=\"0x3\" "
               "allowed_nodeset=\"0x3\" gp_index=\"1\">\n"
               "<info name=\"HostName\" value=\"node\xe2\x80\xae&quot;7&quot;\"/>\n");
    write_package(f, 0);
    write_package(f, 1);
    fprintf(f, "<object type=\"Bridge\" gp_index=\"100\" bridge_type=\"0-1\" depth=\"0\" "
               "bridge_pci=\"0000:[00-43]\">\n");
    for (unsigned i = 0; i < sizeof devices / sizeof devices[0]; i++)
        fprintf(f,
                "<object type=\"PCIDev\" gp_index=\"%u\" pci_busid=\"%s\" "
                "pci_type=\"%s [0000:0000] 00\" pci_link_speed=\"1.0\"/>\n",
                101 + i, devices[i][0], devices[i][1]);
    fprintf(f, "</object></object></topology>\n");
    assert_int_equal(fclose(f), 0);
    char *copy = strdup(path);
    assert_non_null(copy);
    return copy;
}

static void open_server(struct topology *t)
{
    char *dir = test_dir(), *path = write_server(dir);
    struct topology_source source = { .xml_path = path };
    struct topology_rules rules = topology_rules_default();
    struct errmsg msg = { "" };
    if (topology_open(&source, &rules, t, &msg))
        fail_msg("refused: %s", msg.text);
    free(path);
    test_rm_rf(dir);
}

static void displays_are_no_gpus(void **state)
{
    (void)state;
    struct topology t;
    open_server(&t);
    assert_int_equal(t.gpu_count, 4);
    assert_string_equal(t.gpus[0].ignored, "integrated graphics");
    assert_string_equal(t.gpus[1].ignored, "display of a management controller (ASPEED)");
    assert_null(t.gpus[2].ignored);
    assert_int_equal(t.gpus[2].index, 0);
    assert_string_equal(t.gpus[3].pci_ids, "10de:2330");
    assert_int_equal(t.slot_count, 2);
    topology_release(&t);
}

static void cores_of_another_job_are_left_alone(void **state)
{
    (void)state;
    struct topology t;
    open_server(&t);
    assert_int_equal(t.core_total, 8);
    assert_int_equal(t.core_count, 6);
    assert_int_equal(t.gpus[2].node, -1);
    expect_cpus(&t, 0, "0-3", "0"); /* nobody knows where the GPUs are: a node each */
    expect_cpus(&t, 1, "4-5", "1");
    topology_release(&t);
}

static void the_plan_reads_well(void **state)
{
    (void)state;
    struct topology t;
    struct buf out = { 0 };
    open_server(&t);
    t.source = "file server.xml";
    plan_print_text(&t, &out);
    assert_string_equal(
        buf_cstr(&out),
        "machine node\\u{202E}\"7\" (file server.xml): 2 packages, 2 NUMA nodes, 8 cores (6 for "
        "this process), 2 GPUs, 2 ignored; 2 slots\n"
        "ignored 0000:00:02.0 [8086:3e92]: integrated graphics\n"
        "ignored 0000:03:00.0 [1a03:2000]: display of a management controller (ASPEED)\n"
        "slot 0: node 0; 4 cores, cpus 0-3; gpu 0000:41:00.0 nvidia:0; "
        "CUDA_DEVICE_ORDER=PCI_BUS_ID CUDA_VISIBLE_DEVICES=0\n"
        "slot 1: node 1; 2 cores, cpus 4-5; gpu 0000:42:00.0 nvidia:1; "
        "CUDA_DEVICE_ORDER=PCI_BUS_ID CUDA_VISIBLE_DEVICES=1\n"
        "gangs of 2: slots 0-1\n"
        "note slot 0: its cores are on node 0, since nothing says where its GPUs are attached\n"
        "note slot 1: its cores are on node 1, since nothing says where its GPUs are attached\n");
    buf_release(&out);
    topology_release(&t);
}

static void the_plan_is_json_for_programs(void **state)
{
    (void)state;
    struct topology t;
    struct buf out = { 0 };
    open_server(&t);
    t.source = "file server.xml";
    t.gpu_count = 3; /* the last one says nothing new */
    t.slot_count = 1;
    t.note_count = 1;
    t.memory_bytes = 8192;
    t.memory_by = "a cgroup";
    plan_print_json(&t, &out);
    assert_string_equal(
        buf_cstr(&out),
        "{\"machine\":{\"name\":\"node\xe2\x80\xae\\\"7\\\"\",\"product\":null,"
        "\"source\":\"file server.xml\",\"packages\":2,\"nodes\":2,\"cores\":8,"
        "\"cores_usable\":6,\"memory_bytes\":8192,\"memory_by\":\"a cgroup\"},\"gpus\":["
        "{\"pci\":\"0000:00:02.0\",\"pci_ids\":\"8086:3e92\",\"vendor\":\"intel\",\"index\":null,"
        "\"uuid\":null,\"model\":null,\"memory_bytes\":0,\"node\":null,\"package\":null,"
        "\"slot\":null,\"ignored\":\"integrated graphics\"},"
        "{\"pci\":\"0000:03:00.0\",\"pci_ids\":\"1a03:2000\",\"vendor\":\"other\",\"index\":null,"
        "\"uuid\":null,\"model\":null,\"memory_bytes\":0,\"node\":null,\"package\":null,"
        "\"slot\":null,\"ignored\":\"display of a management controller (ASPEED)\"},"
        "{\"pci\":\"0000:41:00.0\",\"pci_ids\":\"10de:2330\",\"vendor\":\"nvidia\",\"index\":0,"
        "\"uuid\":null,\"model\":null,\"memory_bytes\":0,\"node\":null,\"package\":null,"
        "\"slot\":0,\"ignored\":null}],\"slots\":["
        "{\"index\":0,\"cores\":4,\"shares_cores\":false,\"cpus\":[0,1,2,3],\"nodes\":[0],"
        "\"memory_bytes\":null,\"gpus\":[\"0000:41:00.0\"],\"env\":{\"CUDA_DEVICE_ORDER\":\"PCI_"
        "BUS_ID\","
        "\"CUDA_VISIBLE_DEVICES\":\"0\"}}],\"gangs\":[],\"notes\":[\"slot 0: its cores are on node "
        "0, since "
        "nothing says where its GPUs are attached\"]}\n");
    buf_release(&out);
    topology_release(&t);
}

/* --- this machine --- */

static void open_live(struct topology *t)
{
    struct topology_source source = { .environment = NULL };
    struct topology_rules rules = { .gpus_per_slot = 0, .cores_per_slot = 1 };
    struct errmsg msg = { "" };
    if (topology_open(&source, &rules, t, &msg))
        fail_msg("refused: %s", msg.text);
}

static void this_machine_has_a_slot_at_least(void **state)
{
    (void)state;
    struct topology t;
    open_live(&t);
    assert_string_equal(t.source, "this machine");
    assert_true(t.slot_count >= 1);
    assert_true(t.slots[0].cpu_count >= 1);
    topology_release(&t);
}

static void the_affinity_of_this_process_is_respected(void **state)
{
    (void)state;
    struct topology t;
    cpu_set_t before, one;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    unsigned cpu = 0;
    while (!CPU_ISSET(cpu, &before))
        cpu++;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    open_live(&t);
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
    assert_int_equal(t.slot_count, 1);
    assert_int_equal(t.slots[0].cpu_count, 1);
    assert_int_equal(t.slots[0].cpus[0], cpu);
    topology_release(&t);
}

/* --- what cannot be read --- */

static void expect_refused(const char *xml, const char *synthetic, err expected, const char *part)
{
    struct topology t;
    struct errmsg msg = { "" };
    struct topology_source source = { .xml_path = xml, .synthetic = synthetic };
    struct topology_rules rules = topology_rules_default();
    assert_int_equal(topology_open(&source, &rules, &t, &msg), expected);
    assert_non_null(strstr(msg.text, part));
    assert_null(t.arena.chunks);
}

static void bad_sources_are_refused_by_name(void **state)
{
    (void)state;
    char *dir = test_dir();
    char path[512];
    snprintf(path, sizeof path, "%s/t.xml", dir);
    expect_refused(path, NULL, ERR_NOT_FOUND, path);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs("<html>no topology</html>\n", f);
    assert_int_equal(fclose(f), 0);
    expect_refused(path, NULL, ERR_CORRUPT, path);
    expect_refused(NULL, "pack:two", ERR_INVALID, "pack:two");
    test_rm_rf(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dgx2_is_16_slots_on_2_nodes),
        cmocka_unit_test(dgx2_by_fours_is_a_slot_a_switch),
        cmocka_unit_test(gangs_are_of_neighbours),
        cmocka_unit_test(a_gang_has_what_its_slots_have),
        cmocka_unit_test(dgx2_can_be_one_slot),
        cmocka_unit_test(power8_is_4_slots_on_2_nodes),
        cmocka_unit_test(power8_by_twos_is_a_slot_a_node),
        cmocka_unit_test(power8_by_fours_is_one_slot_and_says_that_it_spans),
        cmocka_unit_test(what_slurm_gave_is_kept),
        cmocka_unit_test(no_visible_gpu_leaves_slots_of_cores),
        cmocka_unit_test(a_core_is_all_its_hardware_threads),
        cmocka_unit_test(slots_of_cores_stay_on_their_node),
        cmocka_unit_test(displays_are_no_gpus),
        cmocka_unit_test(cores_of_another_job_are_left_alone),
        cmocka_unit_test(the_plan_reads_well),
        cmocka_unit_test(the_plan_is_json_for_programs),
        cmocka_unit_test(this_machine_has_a_slot_at_least),
        cmocka_unit_test(the_affinity_of_this_process_is_respected),
        cmocka_unit_test(bad_sources_are_refused_by_name),
    };
    return cmocka_run_group_tests_name("topology", tests, NULL, NULL);
}
