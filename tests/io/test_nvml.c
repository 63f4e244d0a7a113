/* What NVIDIA's library says, through a stand-in for it. */
#include "tests/lib/test.h"

#include "worker/topology/nvml.h"
#include "worker/topology/topology.h"

static int set_up(void **state)
{
    *state = calloc(1, sizeof(struct arena));
    return unsetenv("FAKE_NVML");
}

static int tear_down(void **state)
{
    arena_release(*state);
    free(*state);
    return unsetenv("FAKE_NVML");
}

static void lists_what_the_driver_has(void **state)
{
    struct nvml_gpus list;
    struct errmsg msg = { 0 };
    assert_int_equal(nvml_list(FAKE_NVML, *state, &list, &msg), OK);
    assert_int_equal(list.count, 4);
    assert_int_equal(list.refused, 0);
    assert_string_equal(list.gpus[2].pci, "0000:41:00.0");
    assert_string_equal(list.gpus[2].uuid, "GPU-00000041-0000-0000-0000-000000000000");
    assert_string_equal(list.gpus[2].name, "Fake H100");
    assert_true(list.gpus[2].memory_bytes == UINT64_C(80) << 30);
}

static void can_be_listed_again(void **state)
{
    struct nvml_gpus list;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(nvml_list(FAKE_NVML, *state, &list, NULL), OK);
        assert_int_equal(list.count, 4);
    }
}

static void no_library_is_not_found(void **state)
{
    struct nvml_gpus list;
    struct errmsg msg = { 0 };
    assert_int_equal(nvml_list("libno-such-nvml.so.1", *state, &list, &msg), ERR_NOT_FOUND);
    assert_non_null(strstr(msg.text, "libno-such-nvml.so.1"));
    assert_int_equal(list.count, 0);
}

static void another_library_is_unsupported(void **state)
{
    struct nvml_gpus list;
    struct errmsg msg = { 0 };
    assert_int_equal(nvml_list("libc.so.6", *state, &list, &msg), ERR_UNSUPPORTED);
    assert_non_null(strstr(msg.text, "nvmlInit_v2"));
}

static void failures_carry_the_librarys_reason(void **state)
{
    static const struct {
        const char *wrong, *reason;
    } cases[] = {
        { "init", "Driver Not Loaded" },
        { "count", "Insufficient Permissions" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct nvml_gpus list;
        struct errmsg msg = { 0 };
        setenv("FAKE_NVML", cases[i].wrong, 1);
        assert_int_equal(nvml_list(FAKE_NVML, *state, &list, &msg), ERR_IO);
        assert_non_null(strstr(msg.text, cases[i].reason));
        assert_int_equal(list.count, 0);
    }
}

static void a_gpu_of_somebody_else_is_left_out(void **state)
{
    struct nvml_gpus list;
    setenv("FAKE_NVML", "refuse", 1);
    assert_int_equal(nvml_list(FAKE_NVML, *state, &list, NULL), OK);
    assert_int_equal(list.count, 3);
    assert_int_equal(list.refused, 1);
    assert_string_equal(list.gpus[1].pci, "0000:41:00.0");
}

/* The file has four GPUs where the stand-in has them, and no UUIDs. */
static bool open_four_gpus(struct topology *t)
{
    char path[512];
    snprintf(path, sizeof path, "%s/eco/hwloc_2pkg_4gpu.xml", test_shared());
    if (access(path, R_OK))
        return false;
    struct topology_source source = { .xml_path = path, .nvml_path = FAKE_NVML };
    struct topology_rules rules = topology_rules_default();
    assert_int_equal(topology_open(&source, &rules, t, NULL), OK);
    return true;
}

static void slots_go_by_uuid_where_nvml_knows_it(void **state)
{
    struct topology t;
    if (!open_four_gpus(&t))
        skip();
    assert_int_equal(t.slot_count, 4);
    char **env = topology_slot_env(&t.slots[3], *state);
    assert_string_equal(env[0], "CUDA_DEVICE_ORDER=PCI_BUS_ID");
    assert_string_equal(env[1], "CUDA_VISIBLE_DEVICES=GPU-00000042-0000-0000-0000-000000000000");
    assert_true(t.gpus[3].memory_bytes == UINT64_C(80) << 30);
    topology_release(&t);
}

/* CUDA counts only the GPUs that the driver gives out, so a refused one takes no number. */
static void a_refused_gpu_is_ignored_and_not_counted(void **state)
{
    (void)state;
    struct topology t;
    setenv("FAKE_NVML", "refuse", 1);
    if (!open_four_gpus(&t))
        skip();
    assert_int_equal(t.slot_count, 3);
    assert_string_equal(t.gpus[1].ignored, "the driver does not give it to this process");
    assert_string_equal(t.slots[1].gpus[0]->pci, "0000:41:00.0");
    assert_int_equal(t.slots[1].gpus[0]->index, 1);
    topology_release(&t);
}

static void without_a_driver_slots_go_by_index(void **state)
{
    struct topology t;
    setenv("FAKE_NVML", "init", 1);
    if (!open_four_gpus(&t))
        skip();
    char **env = topology_slot_env(&t.slots[3], *state);
    assert_string_equal(env[1], "CUDA_VISIBLE_DEVICES=3");
    assert_int_equal(t.note_count, 1);
    assert_non_null(strstr(t.notes[0], "Driver Not Loaded"));
    topology_release(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lists_what_the_driver_has, set_up, tear_down),
        cmocka_unit_test_setup_teardown(can_be_listed_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_library_is_not_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_library_is_unsupported, set_up, tear_down),
        cmocka_unit_test_setup_teardown(failures_carry_the_librarys_reason, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_gpu_of_somebody_else_is_left_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(slots_go_by_uuid_where_nvml_knows_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_refused_gpu_is_ignored_and_not_counted, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(without_a_driver_slots_go_by_index, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("nvml", tests, NULL, NULL);
}
