/* What priorities cost the core: its look, once a beat, for work that keeps work of a higher
 * priority from slots.
 *
 *     bench_outrank          1,000 models on 10,000 slots
 *     bench_outrank small    100 models on 1,000 slots
 *
 * Half of the models have priority 0 and fill all slots; then the other half, which has priority 1,
 * is resumed. How much of that these models may have is the case. Printed is the CPU time of
 * core_step with nothing in it but the looks, and how many attempts they take back. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/check.h"
#include "common/io/clock.h"
#include "coordinator/core/core.h"

enum { SLOTS = 8, LOOKS = 10, MANY = 20000, SOME = 3000, NAME_BYTES = 16 };

#define MS 1000000ll

static const struct core_config config = { .epoch = 1,
                                           .seed = 1,
                                           .beat_ns = 1000 * MS,
                                           .lease_ns = 60000 * MS,
                                           .job_target_ns = 30000 * MS,
                                           .probe_ns = 5000 * MS,
                                           .backoff_ns = 500 * MS,
                                           .strikes_max = 3 };

/* What the models of the higher priority are like. */
static const struct high {
    const char *what;
    uint32_t instances;    /* of each: a slot's attempt's worth */
    uint32_t max_replicas; /* 0: as many as there are */
    const char *gpu_type;  /* half of the workers have A100, half H100; NULL: any will do */
    uint32_t gpus;
} cases[] = {
    { "one slot each, which they have", SOME, 1, NULL, 1 },
    { "more work than there are slots", MANY, 0, NULL, 1 },
    { "work for a part of the slots", SOME, 0, NULL, 1 },
    { "the same, of one type of GPU", SOME, 0, "H100", 1 },
    { "a type of GPU that nobody has", SOME, 0, "B200", 1 },
    { "gangs of two slots", SOME, 0, NULL, 2 },
};

struct bench {
    struct core *core;
    struct core_effects effects;
    int64_t now_ns;
    uint64_t revoked;
};

static void step(struct bench *b, struct core_event e)
{
    e.now_mono_ns = b->now_ns;
    core_step(b->core, &e, &b->effects);
    for (size_t i = 0; i < b->effects.count; i++)
        b->revoked += b->effects.items[i].kind == EFFECT_REVOKE;
    core_effects_clear(&b->effects);
}

static void add_model(struct bench *b, const struct high *high)
{
    struct core_need need = { .gpus = high ? high->gpus : 1, .cpus = 1 };
    if (high && high->gpu_type) {
        need.gpu_types = &high->gpu_type;
        need.gpu_type_count = 1;
    }
    uint32_t model = core_add_model(b->core, &need);
    uint32_t size = high ? high->instances : MANY;
    uint32_t task = core_add_task(b->core, size);
    struct bitmap ended;
    bitmap_init(&ended, size);
    core_add_cell(b->core, model, task, NULL, &ended, 0);
    bitmap_release(&ended);
    core_set_rules(b->core, model,
                   &(struct core_rules){ .priority = high ? 1 : 0,
                                         .max_replicas = high ? high->max_replicas : 0 });
    core_expect_model(b->core, model, 10000 * MS, 30000.0 * MS);
}

static void hello(struct bench *b, uint32_t worker)
{
    struct msg_slot slots[SLOTS];
    uint8_t id[WORKER_ID_BYTES] = { 0 };
    char name[NAME_BYTES];
    for (uint32_t i = 0; i < SLOTS; i++)
        slots[i] = (struct msg_slot){ .gpus = 1,
                                      .cpus = 8,
                                      .gpu_type = span_str(worker % 2 ? "H100" : "A100") };
    snprintf(name, sizeof(name), "node-%05u", worker);
    memcpy(id, &(uint32_t){ worker + 1 }, sizeof(worker));
    struct core_event e = { .kind = CORE_HELLO };
    e.as.hello.peer = worker + 1;
    e.as.hello.next_seq = 1;
    e.as.hello.name = span_str(name);
    e.as.hello.worker_id = id;
    e.as.hello.slots = slots;
    e.as.hello.slot_count = SLOTS;
    step(b, e);
}

static void order_all(struct bench *b, enum core_event_kind kind, uint32_t from, uint32_t to)
{
    struct core_event e = { .kind = kind };
    for (uint32_t i = from; i < to; i++) {
        e.as.order.model = i;
        step(b, e);
    }
}

static void run_case(const struct high *high, uint32_t models, uint32_t workers)
{
    struct bench b = { .core = core_new(&config), .now_ns = 1000 * MS };
    for (uint32_t i = 0; i < models; i++)
        add_model(&b, i < models / 2 ? NULL : high);
    order_all(&b, CORE_PAUSE_MODEL, models / 2, models);
    for (uint32_t i = 0; i < workers; i++)
        hello(&b, i);
    int64_t start_ns = clock_cpu_ns();
    order_all(&b, CORE_RESUME_MODEL, models / 2, models);
    double resume_ms = (double)(clock_cpu_ns() - start_ns) / 1e6, first_ms = 0, rest_ms = 0;
    for (int i = 0; i < LOOKS; i++) {
        b.now_ns += config.beat_ns;
        start_ns = clock_cpu_ns();
        step(&b, (struct core_event){ .kind = CORE_TIME });
        *(i == 0 ? &first_ms : &rest_ms) += (double)(clock_cpu_ns() - start_ns) / 1e6;
    }
    printf("%-32s %12.2f %12.2f %12.2f %10" PRIu64 "\n", high->what, first_ms,
           rest_ms / (LOOKS - 1), resume_ms / (models - models / 2), b.revoked);
    fflush(stdout);
    core_free(b.core);
    core_effects_release(&b.effects);
}

int main(int argc, char **argv)
{
    bool is_small = argc > 1 && strcmp(argv[1], "small") == 0;
    uint32_t models = is_small ? 100 : 1000, workers = is_small ? 125 : 1250;
    printf("One thread; virtual time; %u models, half of priority 1; %u slots of %u workers; ms of "
           "core_step.\n\n%-32s %12s %12s %12s %10s\n",
           models, workers * SLOTS, workers, "those of priority 1 have", "first look", "others",
           "a resume", "taken back");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        run_case(&cases[i], models, workers);
    return 0;
}
