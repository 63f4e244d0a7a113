/* muster status: how far the sweep is. */
#include <stdio.h>
#include <stdlib.h>

#include "common/text.h"
#include "ops/cli/ask.h"
#include "ops/cli/commands.h"
#include "ops/cli/common.h"

static void print_duration(double seconds)
{
    char text_of[32];
    text_format_duration(text_of, sizeof(text_of), (int64_t)(seconds * 1000));
    fputs(text_of, stdout);
}

static void print_count(long long n)
{
    char text_of[32];
    text_format_count(text_of, sizeof(text_of), (uint64_t)n);
    fputs(text_of, stdout);
}

static void print_slots(const json_t *s)
{
    struct buf fleet = { 0 };
    char use[USE_TEXT_BYTES];
    append_fleet(&fleet, s);
    printf("%s, on %lld worker%s", buf_cstr(&fleet), ask_whole(s, "workers"),
           ask_whole(s, "workers") == 1 ? "" : "s");
    if (format_use(s, use))
        printf("; so far slots %s", use);
    putchar('\n');
    buf_release(&fleet);
}

static void print_progress(const json_t *s)
{
    const json_t *left = json_object_get(s, "eta_s");
    printf("sweep %s: %s, ", ask_text(s, "sweep"), ask_text(s, "state"));
    print_count(ask_whole(s, "done"));
    fputs(" of ", stdout);
    print_count(ask_whole(s, "total"));
    printf(" done, %lld failed, %lld given out\n", ask_whole(s, "failed"), ask_whole(s, "running"));
    printf("%.1f instances/s, ", json_number_value(json_object_get(s, "rate_per_s")));
    if (json_is_number(left)) {
        print_duration(json_number_value(left));
        fputs(" to go at this rate", stdout);
    } else {
        fputs("not known how long to go", stdout);
    }
    fputs("; running for ", stdout);
    print_duration(json_number_value(json_object_get(s, "elapsed_s")));
    putchar('\n');
}

/* "  nightly: 200 of 500 done, in 3 slots, 2m 10s left; the deadline is in 8h 00m (2031-...): in
 * time" */
static void print_sweep(const json_t *s)
{
    const json_t *left = json_object_get(s, "left_s"), *until = json_object_get(s, "deadline_s");
    const json_t *late = json_object_get(s, "late_by_s");
    printf("  %s: %lld of %lld done, in %lld slots", ask_text(s, "name"), ask_whole(s, "done"),
           ask_whole(s, "total"), ask_whole(s, "busy_slots"));
    if (json_is_number(left)) {
        fputs(", ", stdout);
        print_duration(json_number_value(left));
        fputs(" left", stdout);
    }
    if (json_is_number(until)) {
        double seconds = json_number_value(until);
        fputs(seconds < 0 ? "; the deadline was " : "; the deadline is in ", stdout);
        print_duration(seconds < 0 ? -seconds : seconds);
        printf("%s (%s)", seconds < 0 ? " ago" : "", ask_text(s, "deadline_at"));
    }
    if (json_is_number(late) && json_number_value(late) <= 0) {
        fputs(": in time", stdout);
    } else if (json_is_number(late)) {
        fputs(": late by ", stdout);
        print_duration(json_number_value(late));
    }
    putchar('\n');
}

static void print_sweeps(const json_t *list)
{
    size_t i;
    json_t *s;
    bool is_told =
        json_array_size(list) > 1 || json_object_get(json_array_get(list, 0), "deadline_s") != NULL;
    json_array_foreach(list, i, s)
    {
        if (is_told)
            print_sweep(s);
    }
}

static void print_model(const json_t *m)
{
    const json_t *ms = json_object_get(m, "instance_ms");
    char per[16] = "-";
    struct buf state = { 0 };
    if (json_is_number(ms))
        snprintf(per, sizeof(per), "%.1f", json_number_value(ms));
    append_model_state(&state, m);
    printf("%-28.28s %10lld %10lld %8lld %10lld %9s  %s\n", ask_text(m, "name"),
           ask_whole(m, "done"), ask_whole(m, "total"), ask_whole(m, "failed"),
           ask_whole(m, "running"), per, buf_cstr(&state));
    buf_release(&state);
}

static void print_status(const json_t *s)
{
    print_progress(s);
    print_slots(s);
    print_sweeps(json_object_get(s, "sweeps"));
    if (json_is_string(json_object_get(s, "blocked")))
        printf("NOT RECORDING: %s\n", ask_text(s, "blocked"));
    ask_print_insecure(s);
    printf("\n%-28s %10s %10s %8s %10s %9s  %s\n", "MODEL", "DONE", "TOTAL", "FAILED", "GIVEN OUT",
           "MS/INST", "STATE");
    size_t i;
    json_t *m;
    json_array_foreach(json_object_get(s, "models"), i, m) print_model(m);
}

int cmd_status(int argc, char **argv)
{
    static const struct ask_usage usage = { .words = "",
                                            .does = "How far the sweep is, by model." };
    struct ask_options o;
    int code = ask_parse(argc, argv, &usage, &o);
    json_t *reply = NULL;
    if (code == 0)
        code = ask_all(&o, "status", "models", &reply);
    if (code == 0 && o.json)
        ask_print_json(reply);
    else if (code == 0)
        print_status(reply);
    json_decref(reply);
    free(o.state);
    return code < 0 ? 0 : code;
}
