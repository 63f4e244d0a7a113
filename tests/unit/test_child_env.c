/* What a model finds in its environment. */
#include "tests/lib/test.h"

#include "worker/child/child_env.h"

/* The list, a line each. */
static void expect(const struct child_env_parts *parts, const char *wanted)
{
    struct arena arena = { 0 };
    const char *got = "";
    for (char **line = child_env_build(parts, &arena); *line; line++)
        got = arena_format(&arena, "%s%s\n", got, *line);
    assert_string_equal(got, wanted);
    arena_release(&arena);
}

static void no_parts_are_an_empty_environment(void **state)
{
    (void)state;
    expect(&(struct child_env_parts){ 0 }, "");
}

static void harmless_variables_pass(void **state)
{
    (void)state;
    char *worker[] = { "TZ=UTC",     "PATH=/bin",      "LC_ALL=C",     "HOME=/home/ada",
                       "LANG=de_DE", "LC_CTYPE=en_US", "TZDIR=/zones", NULL };
    expect(&(struct child_env_parts){ .worker = worker },
           "HOME=/home/ada\nLANG=de_DE\nLC_ALL=C\nLC_CTYPE=en_US\nPATH=/bin\nTZ=UTC\n");
}

static char *dangerous[] = {
    "LD_PRELOAD=/evil.so",
    "LD_AUDIT=/evil.so",
    "LD_LIBRARY_PATH=/lib/x",
    "HWLOC_XMLFILE=/fake.xml",
    "HF_TOKEN=t0p",
    "OPENAI_API_KEY=k",
    "DB_SECRET=s",
    "WORLD_SIZE=8",
    "RANK=3",
    "LOCAL_RANK=3",
    "MASTER_ADDR=h",
    "MASTER_PORT=1",
    "SLURM_JOB_ID=1",
    "SLURM_PROCID=3",
    "CUDA_VISIBLE_DEVICES=0,1",
    "BASH_FUNC_x%%=() { :; }",
    "LC_SECRET_TOKEN=x",
    NULL,
};

static void nothing_else_passes(void **state)
{
    (void)state;
    expect(&(struct child_env_parts){ .worker = dangerous }, "");
}

static void the_model_may_name_what_it_needs(void **state)
{
    (void)state;
    char *model[] = { "HF_TOKEN", "LD_LIBRARY_PATH", "NOT_SET_HERE", NULL };
    expect(&(struct child_env_parts){ .worker = dangerous, .model = model },
           "HF_TOKEN=t0p\nLD_LIBRARY_PATH=/lib/x\n");
}

static void a_name_lets_no_longer_name_through(void **state)
{
    (void)state;
    char *worker[] = { "HF_TOKEN_2=no", "HF_TOKE=no", NULL };
    char *model[] = { "HF_TOKEN", NULL };
    expect(&(struct child_env_parts){ .worker = worker, .model = model }, "");
}

static void the_model_may_set_and_override(void **state)
{
    (void)state;
    char *worker[] = { "HOME=/home/ada", NULL };
    char *model[] = { "HOME=/tmp/m", "BATCH=8", "EMPTY=", "EQUATION=a=b", NULL };
    expect(&(struct child_env_parts){ .worker = worker, .model = model },
           "BATCH=8\nEMPTY=\nEQUATION=a=b\nHOME=/tmp/m\n");
}

static void no_model_escapes_its_slot(void **state)
{
    (void)state;
    char *model[] = { "CUDA_VISIBLE_DEVICES=0,1,2,3", "MUSTER_FD=9", NULL };
    char *slot[] = { "CUDA_VISIBLE_DEVICES=GPU-7", "MUSTER_FD=7", NULL };
    char *fixed[] = { "MUSTER_FD=3", NULL };
    expect(
        &(struct child_env_parts){
            .worker = dangerous, .model = model, .slot = slot, .fixed = fixed },
        "CUDA_VISIBLE_DEVICES=GPU-7\nMUSTER_FD=3\n");
}

static void each_name_comes_once(void **state)
{
    (void)state;
    char *worker[] = { "PATH=/first", "PATH=/second", NULL };
    char *model[] = { "A=1", "A=2", "=strange", NULL };
    expect(&(struct child_env_parts){ .worker = worker, .model = model }, "A=2\nPATH=/first\n");
}

static void names_are_sorted_as_names(void **state)
{
    (void)state;
    char *model[] = { "AB=1", "A=2", "A-B=3", NULL }; /* "-" is below "=", "B" above */
    expect(&(struct child_env_parts){ .model = model }, "A=2\nA-B=3\nAB=1\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_parts_are_an_empty_environment),
        cmocka_unit_test(harmless_variables_pass),
        cmocka_unit_test(nothing_else_passes),
        cmocka_unit_test(the_model_may_name_what_it_needs),
        cmocka_unit_test(a_name_lets_no_longer_name_through),
        cmocka_unit_test(the_model_may_set_and_override),
        cmocka_unit_test(no_model_escapes_its_slot),
        cmocka_unit_test(each_name_comes_once),
        cmocka_unit_test(names_are_sorted_as_names),
    };
    return cmocka_run_group_tests_name("child_env", tests, NULL, NULL);
}
