#include "tests/sim/world.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/check.h"
#include "common/digest.h"
#include "common/mem.h"

struct entry {
    struct heap_node node; /* key: when; tie: the order of asking */
    sim_due_f *due;
    void *owner;
    uint64_t detail;
};

void world_init(struct world *w, const struct sim_options *options, uint64_t seed)
{
    *w = (struct world){ .options = options, .seed = seed, .now = SIM_SECOND };
    rng_seed(&w->timing, rng_mix(seed, 3, 0, 0));
    faults_init(&w->faults, options, seed);
    if (options->tail)
        w->tail = xcalloc(options->tail, sizeof(*w->tail));
    workload_init(&w->load, options, &w->faults, seed);
}

void world_release(struct world *w)
{
    struct heap_node *node;
    while ((node = heap_pop(&w->agenda)))
        free(container_of(node, struct entry, node));
    heap_release(&w->agenda);
    workload_release(&w->load);
    arena_release(&w->arena);
    free(w->tail);
}

void world_at(struct world *w, int64_t when, sim_due_f *due, void *owner, uint64_t detail)
{
    struct entry *entry = xcalloc(1, sizeof(*entry));
    *entry = (struct entry){ .due = due, .owner = owner, .detail = detail };
    entry->node.key = when < w->now ? w->now : when;
    entry->node.tie = ++w->last_serial;
    heap_push(&w->agenda, &entry->node);
}

bool world_step(struct world *w)
{
    struct heap_node *node = heap_pop(&w->agenda);
    if (!node)
        return false;
    struct entry entry = *container_of(node, struct entry, node);
    free(container_of(node, struct entry, node));
    w->now = entry.node.key;
    w->steps++;
    world_mix(w, (uint64_t)w->now, entry.node.tie);
    entry.due(w, entry.owner, entry.detail);
    return true;
}

int64_t world_delay_ns(struct world *w, int64_t mean)
{
    return 1 + (int64_t)(-log(1.0 - rng_unit(&w->timing)) * (double)mean);
}

uint64_t world_below(struct world *w, uint64_t bound)
{
    return rng_below(&w->timing, bound);
}

void world_mix(struct world *w, uint64_t a, uint64_t b)
{
    w->hash = rng_mix(w->hash, a, b, 0);
}

void world_mix_bytes(struct world *w, struct span bytes)
{
    struct digest digest = digest_of(bytes);
    uint64_t halves[2];
    memcpy(halves, digest.bytes, sizeof(halves));
    world_mix(w, halves[0], halves[1]);
}

static void print_line(const char *line)
{
    printf("%s\n", line);
}

void world_trace(struct world *w, const char *format, ...)
{
    char line[TRACE_LINE_BYTES];
    int head = snprintf(line, sizeof(line), "[%11.6f] ", (double)w->now / 1e9);
    va_list args;
    va_start(args, format);
    vsnprintf(line + head, sizeof(line) - (size_t)head, format, args);
    va_end(args);
    if (w->options->trace)
        print_line(line);
    if (w->tail)
        memcpy(w->tail[w->lines++ % w->options->tail], line, sizeof(line));
}

void world_print_tail(const struct world *w)
{
    uint64_t kept = w->lines < w->options->tail ? w->lines : w->options->tail;
    for (uint64_t i = w->lines - kept; i < w->lines; i++)
        print_line(w->tail[i % w->options->tail]);
    (void)fflush(stdout);
}

_Noreturn void world_fail(struct world *w, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    trace(w, "VIOLATION %s", text);
    (void)fprintf(stderr, "seed %llu, %.3f s: %s\n", (unsigned long long)w->seed,
                  (double)w->now / 1e9, text);
    abort();
}
