/* muster workers: who works, and at what. */
#include <stdio.h>
#include <stdlib.h>

#include "ops/cli/ask.h"
#include "ops/cli/commands.h"
#include "ops/cli/common.h"

static void print_slot(const json_t *s)
{
    char use[USE_TEXT_BYTES];
    bool is_known = format_use(s, use);
    printf("  slot %-3lld %-9s ", ask_whole(s, "slot"), ask_text(s, "state"));
    ask_print_cell(ask_text(s, "model"), 28, true);
    printf(" %lld queued, %lld GPUs, %lld cores", ask_whole(s, "queued"), ask_whole(s, "gpus"),
           ask_whole(s, "cpus"));
    if (json_is_integer(json_object_get(s, "memory_bytes")))
        printf(", %.4g GiB", (double)ask_whole(s, "memory_bytes") / (double)(1 << 30));
    printf("%s%s", is_known ? "; " : "", use);
    if (json_is_integer(json_object_get(s, "gang")))
        printf("; %s gang of slot %lld",
               json_is_true(json_object_get(s, "held")) ? "held for the" : "in the",
               ask_whole(s, "gang"));
    putchar('\n');
}

static void print_worker(const json_t *w)
{
    size_t k;
    json_t *s;
    ask_print_cell(ask_text(w, "name"), 20, true);
    printf(" %-9s %7.1fs %10lld %8lld %9lldB\n", ask_text(w, "state"),
           json_number_value(json_object_get(w, "heard_s")), ask_whole(w, "done"),
           ask_whole(w, "failed"), ask_whole(w, "unacked_bytes"));
    json_array_foreach(json_object_get(w, "slots"), k, s) print_slot(s);
}

static void print_workers(const json_t *reply)
{
    ask_print_insecure(reply);
    printf("%-20s %-9s %8s %10s %8s %10s\n", "WORKER", "STATE", "HEARD", "DONE", "FAILED",
           "UNACKED");
    size_t i;
    json_t *w;
    json_array_foreach(json_object_get(reply, "workers"), i, w) print_worker(w);
}

int cmd_workers(int argc, char **argv)
{
    static const struct ask_usage usage = { .words = "",
                                            .does =
                                                "The workers, their slots, and what each does." };
    struct ask_options o;
    int code = ask_parse(argc, argv, &usage, &o);
    json_t *reply = NULL;
    if (code == 0)
        code = ask_all(&o, "workers", "workers", &reply);
    if (code == 0 && o.json)
        ask_print_json(reply);
    else if (code == 0)
        print_workers(reply);
    json_decref(reply);
    free(o.state);
    return code < 0 ? 0 : code;
}
