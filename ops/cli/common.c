#include "ops/cli/common.h"

#include <getopt.h>
#include <glob.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/file.h"
#include "common/mem.h"
#include "common/text.h"
#include "coordinator/exit_code.h"

char *default_state(const char *sweep_file)
{
    size_t len = strlen(sweep_file);
    static const char *const endings[] = { ".yaml", ".yml" };
    for (size_t i = 0; i < 2; i++) {
        size_t end = strlen(endings[i]);
        if (len > end && strcmp(sweep_file + len - end, endings[i]) == 0)
            return xformat("%.*s.muster", (int)(len - end), sweep_file);
    }
    return xformat("%s.muster", sweep_file);
}

/* The only *.muster folder of the current folder; NULL if there is none or more than one. */
static char *only_state_here(void)
{
    glob_t found;
    char *state = NULL;
    if (glob("*.muster", GLOB_ONLYDIR, NULL, &found) == 0 && found.gl_pathc == 1)
        state = xstrdup(found.gl_pathv[0]);
    globfree(&found);
    return state;
}

char *find_state(const char *given, int argc, char **argv, int first)
{
    if (first + 1 < argc) {
        say_error(argv[0], EXIT_BAD_INPUT, "one sweep at a time: what is \"%s\"? see --help",
                  argv[first + 1]);
        return NULL;
    }
    if (given)
        return xstrdup(given);
    if (first < argc)
        return file_is_dir(argv[first]) ? xstrdup(argv[first]) : default_state(argv[first]);
    char *state = only_state_here();
    if (!state)
        say_error(argv[0], EXIT_BAD_INPUT,
                  "which sweep? expected SWEEP.yaml or --state DIR (there is not exactly one "
                  "*.muster folder here)");
    return state;
}

/* What was wrong, if anything was; releases it. 0, or the exit code. */
static int say_problems(err e, struct problems *problems)
{
    if (e) {
        struct buf text = { 0 };
        problems_format(problems, &text);
        fputs(buf_cstr(&text), stderr);
        buf_release(&text);
    }
    problems_release(problems);
    return e ? EXIT_BAD_INPUT : 0;
}

int open_sweep(const char *sweep_file, struct spec *spec, struct plan *plan)
{
    struct problems problems = { 0 };
    err e = spec_load(sweep_file, (struct spec_env){ 0 }, spec, &problems);
    if (!e && plan) {
        e = plan_open(spec, plan, &problems);
        if (e)
            spec_release(spec);
    }
    return say_problems(e, &problems);
}

int expect_sweeps(int argc, char **argv, int first)
{
    if (first < argc && argc - first <= SWEEPS_MAX)
        return 0;
    return say_error(argv[0], EXIT_BAD_INPUT, "expected 1 to %d sweep files, found %d; see --help",
                     SWEEPS_MAX, argc - first);
}

int open_sweeps(const char *const *files, size_t count, struct sweeps *out)
{
    struct problems problems = { 0 };
    return say_problems(sweeps_open(files, count, out, &problems), &problems);
}

int open_cluster(const char *path, struct cluster *out)
{
    struct problems problems = { 0 };
    return say_problems(cluster_load(path, out, &problems), &problems);
}

int say_error(const char *command, int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "muster %s: ", command);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return code;
}

int say_bad_option(char **argv, int option)
{
    const char *word = argv[optind - 1];
    if (option == ':')
        return say_error(argv[0], EXIT_BAD_INPUT, "%s needs a value; see --help", word);
    if (optopt >= 256) /* known, so it is what follows "=" that is wrong */
        return say_error(argv[0], EXIT_BAD_INPUT, "%s takes no value; see --help", word);
    if (optopt != 0) /* a letter; its word is not always passed yet */
        return say_error(argv[0], EXIT_BAD_INPUT, "unknown option -%c; see --help", optopt);
    return say_error(argv[0], EXIT_BAD_INPUT, "unknown option %s; see --help", word);
}

bool format_use(const json_t *o, char text[USE_TEXT_BYTES])
{
    double busy = (double)json_integer_value(json_object_get(o, "busy_ns"));
    double load = (double)json_integer_value(json_object_get(o, "load_ns"));
    double idle = (double)json_integer_value(json_object_get(o, "idle_ns"));
    double all = busy + load + idle;
    text[0] = '\0';
    if (all <= 0)
        return false;
    snprintf(text, USE_TEXT_BYTES, "busy %.1f %%, loading %.1f %%, idle %.1f %%", 100 * busy / all,
             100 * load / all, 100 * idle / all);
    return true;
}

static unsigned long long whole(const json_t *o, const char *key)
{
    return (unsigned long long)json_integer_value(json_object_get(o, key));
}

void append_fleet(struct buf *out, const json_t *status)
{
    const json_t *fleet = json_object_get(status, "fleet");
    bool has_gpus = whole(fleet, "gpus") > 0;
    unsigned long long all = whole(fleet, has_gpus ? "gpus" : "slots");
    unsigned long long loading = whole(fleet, has_gpus ? "loading_gpus" : "loading_slots");
    buf_printf(out, "%llu of %llu %s%s busy", whole(fleet, has_gpus ? "busy_gpus" : "busy_slots"),
               all, has_gpus ? "GPU" : "slot", all == 1 ? "" : "s");
    if (loading > 0)
        buf_printf(out, ", %llu loading", loading);
}

void append_model_state(struct buf *out, const json_t *model)
{
    const char *blocked = json_string_value(json_object_get(model, "blocked"));
    unsigned long long slots = whole(model, "busy_slots"), loading = whole(model, "loading_slots");
    if (whole(model, "done") == whole(model, "total")) {
        buf_append_str(out, "done");
    } else if (blocked) {
        text_append_safe(out, span_str(blocked)); /* a worker's words */
    } else if (slots == 0) {
        buf_append_str(out, "waits: muster explain says why");
    } else {
        if (slots > loading)
            buf_printf(out, "runs in %llu", slots - loading);
        if (loading > 0)
            buf_printf(out, "%s %llu", slots > loading ? ", loads in" : "loads in", loading);
        buf_printf(out, " slot%s", (loading > 0 ? loading : slots) == 1 ? "" : "s");
    }
}
