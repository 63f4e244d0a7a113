/* The program: seeds, one after the other, each a run of its own; --help says the rest. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/io/clock.h"
#include "common/text.h"
#include "tests/fault/counters.h"
#include "tests/sim/run.h"
#include "tests/sim/shrink.h"

enum { TAIL_LINES = 40, SHRINK_SECONDS = 60, WORDS_MAX = 600, TWICE_EVERY = 64 };

static const char HELP[] =
    "Usage: sim [options]\n"
    "\n"
    "Runs the scheduler in a simulated world, a run a seed, and checks what has to hold.\n"
    "\n"
    "  --seed=N              one run\n"
    "  --seeds=FROM..TO      many\n"
    "  --list=FILE           lines of SEED [options] # why\n"
    "  --time-limit=SECONDS  stop starting runs after so long; not a failure\n"
    "  --twice               each run twice: it must go the same way (else one in 64)\n"
    "  --shrink              make the failing run of --seed smaller\n"
    "  --trace               print everything that happens\n"
    "  --tail=LINES          print the last lines of the trace of a failing run\n"
    "  --no-FAULT            a class of faults never strikes\n"
    "  --skip=FAULT:NUMBER   one injection does not take place\n"
    "  --horizon-ms=MS --machines=N --instances=N   smaller runs\n"
    "  --plant=BUG           with a bug in the shell, to see whether it is found (plant.h)\n"
    "  --plants              print the names of these bugs\n"
    "\n"
    "A run that fails ends the program: it prints the command that shows it again and the end of\n"
    "its trace. Exit: 0 all is well, 1 a run failed, 2 bad usage.\n";

struct program {
    const char *path;
    uint64_t from, to;
    const char *list;
    int64_t time_limit_s; /* 0: none */
    bool twice, shrink;
    struct sim_options options;
    struct sim_outcome sum;
    uint64_t runs;
    int64_t started_mono_ns;
};

/* ---- A failing run ---- */

/* Prepared before each run: in the handler nothing is to be allocated. */
static struct {
    struct buf command;
    char *words[WORDS_MAX];
    bool has_tail;
} again;

static void prepare_again(const struct program *p, const struct sim_options *o, uint64_t seed)
{
    buf_clear(&again.command);
    buf_printf(&again.command, "%s --seed=%" PRIu64, p->path, seed);
    options_print(o, &again.command);
    (void)buf_cstr(&again.command);
    again.has_tail = o->tail > 0 || o->trace;
}

/* The next word of a line that is taken apart; NULL: no more. Safe in a signal handler. */
static char *next_word(char **at)
{
    char *word = *at + strspn(*at, " ");
    if (*word == '\0')
        return NULL;
    *at = word + strcspn(word, " ");
    if (**at)
        *(*at)++ = '\0';
    return word;
}

static void run_again_with_tail(void)
{
    static char text[1 << 16], tail[32];
    size_t count = 0;
    snprintf(text, sizeof(text), "%s", (const char *)again.command.data);
    snprintf(tail, sizeof(tail), "--tail=%d", TAIL_LINES);
    char *rest = text, *word;
    while (count < WORDS_MAX - 2 && (word = next_word(&rest)))
        again.words[count++] = word;
    again.words[count++] = tail;
    again.words[count] = NULL;
    (void)execv(again.words[0], again.words);
}

static void on_abort(int signal_number)
{
    static volatile sig_atomic_t again_and_again;
    sigset_t all;
    if (again_and_again++)
        _exit(1); /* memory is so broken that not even this works */
    if (again.has_tail) {
        sim_print_tail();
        (void)fflush(stdout);
        _exit(1);
    }
    printf("\nFAILED (signal %d); see it again with\n  %s\nthe end of its trace:\n", signal_number,
           (const char *)again.command.data);
    (void)fflush(stdout);
    (void)sigemptyset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, NULL);
    run_again_with_tail();
    _exit(1);
}

/* ---- Runs ---- */

static void add(struct program *p, const struct sim_outcome *out)
{
    p->runs++;
    p->sum.steps += out->steps;
    p->sum.virtual_ns += out->virtual_ns;
    p->sum.starts += out->starts;
    p->sum.workers += out->workers;
    p->sum.rows += out->rows;
    for (int f = 0; f < FAULT_COUNT; f++)
        p->sum.injected[f] += out->injected[f];
}

static bool run_seed(struct program *p, const struct sim_options *o, uint64_t seed)
{
    struct sim_outcome out, second;
    prepare_again(p, o, seed);
    sim_run(o, seed, &out);
    add(p, &out);
    if (!p->twice && seed % TWICE_EVERY != 0)
        return true;
    sim_run(o, seed, &second);
    if (second.hash == out.hash)
        return true;
    printf("FAILED: seed %" PRIu64 " went another way the second time\n", seed);
    return false;
}

static bool is_time(const struct program *p)
{
    return p->time_limit_s > 0 &&
           clock_mono_ns() - p->started_mono_ns > p->time_limit_s * 1000000000ll;
}

/* SEED [options] # why */
static bool run_line(struct program *p, char *line)
{
    struct sim_options o = p->options;
    line[strcspn(line, "#\n")] = '\0';
    char *word = next_word(&line);
    if (!word)
        return true;
    uint64_t seed = strtoull(word, NULL, 10);
    while ((word = next_word(&line)))
        if (!options_take(&o, word)) {
            fprintf(stderr, "sim: %s: unknown option \"%s\"\n", p->list, word);
            return false;
        }
    return run_seed(p, &o, seed);
}

static bool run_list(struct program *p)
{
    FILE *file = fopen(p->list, "r");
    char line[8192];
    bool ok = file != NULL;
    if (!file)
        fprintf(stderr, "sim: cannot read %s\n", p->list);
    while (ok && fgets(line, sizeof(line), file))
        ok = run_line(p, line);
    if (file)
        (void)fclose(file);
    return ok;
}

static int shrink_seed(struct program *p)
{
    if (!shrink(&p->options, p->from, SHRINK_SECONDS)) {
        printf("seed %" PRIu64 " does not fail\n", p->from);
        return 0;
    }
    struct sim_outcome out;
    prepare_again(p, &p->options, p->from);
    sim_run(&p->options, p->from, &out);
    return 1; /* it fails: this is not reached */
}

static void print_sum(const struct program *p)
{
    double wall_s = (double)(clock_mono_ns() - p->started_mono_ns) / 1e9;
    double hours = (double)p->sum.virtual_ns / 3.6e12;
    printf("%" PRIu64 " runs, %.1f simulated hours, %" PRIu64 " steps, %" PRIu64
           " results, %.1f s (%.0f runs/s, %.0f times real time)\n",
           p->runs, hours, p->sum.steps, p->sum.rows, wall_s, (double)p->runs / wall_s,
           hours * 3600 / wall_s);
    printf("coordinators started: %" PRIu64 ", workers: %" PRIu64 "; faults:", p->sum.starts,
           p->sum.workers);
    for (int f = 0; f < FAULT_COUNT; f++)
        printf(" %s %" PRIu64, fault_text((enum fault)f), p->sum.injected[f]);
    printf("\n");
}

/* For the table of the durability suite, if it asks. What was violated would have ended us before.
 */
static bool tell_faults(const struct program *p)
{
    if (!getenv("MUSTER_FAULT_RESULTS"))
        return true;
    char what[96];
    snprintf(what, sizeof(what), "messages lost, twice, late: seeds %" PRIu64 " to %" PRIu64,
             p->from, p->to);
    const uint64_t *struck = p->sum.injected;
    return counters_tell(&(struct counters){
        .fault = "F15",
        .what = what,
        .injected = struck[FAULT_FRAME_LOST] + struck[FAULT_FRAME_TWICE] + struck[FAULT_FRAME_LATE],
        .needed = 5 * p->runs, /* a fault is on in some of the runs, and strikes often there */
        .states = p->runs,
        .acknowledged = p->sum.rows });
}

/* ---- The command line ---- */

static bool take_range(struct program *p, const char *text)
{
    char *end;
    p->from = strtoull(text, &end, 10);
    if (end == text || strncmp(end, "..", 2) != 0)
        return false;
    text = end + 2;
    p->to = strtoull(text, &end, 10);
    return end != text && !*end && p->to >= p->from;
}

static bool take_word(struct program *p, const char *word)
{
    if (strncmp(word, "--seed=", 7) == 0) {
        p->from = p->to = strtoull(word + 7, NULL, 10);
        return true;
    }
    if (strncmp(word, "--seeds=", 8) == 0)
        return take_range(p, word + 8);
    if (strncmp(word, "--list=", 7) == 0) {
        p->list = word + 7;
        return true;
    }
    if (strncmp(word, "--time-limit=", 13) == 0)
        return (p->time_limit_s = strtoll(word + 13, NULL, 10)) > 0;
    if (strcmp(word, "--twice") == 0)
        return p->twice = true;
    if (strcmp(word, "--shrink") == 0)
        return p->shrink = true;
    return options_take(&p->options, word);
}

int main(int argc, char **argv)
{
    struct program p = { .path = argv[0], .from = 1, .started_mono_ns = clock_mono_ns() };
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            fputs(HELP, stdout);
            return 0;
        }
        if (strcmp(argv[i], "--plants") == 0) {
            options_print_plants();
            return 0;
        }
        if (!take_word(&p, argv[i])) {
            fprintf(stderr, "sim: \"%s\": unknown option or value; see --help\n", argv[i]);
            return 2;
        }
    }
    static char lines[BUFSIZ]; /* on_abort prints, and may not allocate */
    (void)setvbuf(stdout, lines, _IOLBF, sizeof(lines));
    if (signal(SIGABRT, on_abort) == SIG_ERR || signal(SIGSEGV, on_abort) == SIG_ERR ||
        signal(SIGFPE, on_abort) == SIG_ERR)
        return 2;
    if (p.shrink)
        return shrink_seed(&p);
    if (p.list && !run_list(&p))
        return 1;
    for (uint64_t seed = p.from; seed <= p.to && !is_time(&p); seed++)
        if (!run_seed(&p, &p.options, seed))
            return 1;
    print_sum(&p);
    buf_release(&again.command);
    return tell_faults(&p) ? 0 : 1;
}
