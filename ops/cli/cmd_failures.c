/* muster failures: what failed for good, of a coordinator or of a store that nobody runs. */
#include <stdio.h>
#include <stdlib.h>

#include "ops/cli/ask.h"
#include "ops/cli/commands.h"
#include "ops/cli/stored_failures.h"

static const struct ask_usage USAGE = {
    .takes = ASK_MODEL | ASK_LIMIT,
    .words = "[--model NAME] [--limit N] ",
    .does = "Instances that failed for good (quarantined), and why. With SWEEP.yaml also when the\n"
            "sweep does not run: then they are read from its store, and exit code 74 says that it\n"
            "cannot be read. The first 100, if --limit does not say how many."
};

static void print_failures(const json_t *list)
{
    size_t i;
    json_t *f;
    json_array_foreach(list, i, f)
    {
        ask_print_cell(ask_text(f, "model"), 24, false);
        putchar(' ');
        ask_print_cell(ask_text(f, "task"), 40, false);
        printf(" %6lld  %-9s ", ask_whole(f, "instance"), ask_text(f, "status"));
        ask_print_safe(ask_text(f, "reason"));
        putchar('\n');
    }
    if (json_array_size(list) == 0)
        puts("no instance has failed for good");
}

/* Pages of the coordinator's list, until there are `max` or no more. */
static int collect_failures(const struct ask_options *o, size_t max, json_t *list)
{
    json_t *after = json_null();
    int code = 0;
    while (code == 0 && json_array_size(list) < max) {
        size_t left = max - json_array_size(list);
        json_t *question = json_pack("{s:s,s:I,s:O}", "ask", "failures", "limit",
                                     (json_int_t)(left < 200 ? left : 200), "after", after);
        if (o->model)
            json_object_set_new(question, "model", json_string(o->model));
        json_t *reply = NULL;
        code = ask(o, question, &reply);
        json_decref(after);
        after = NULL;
        if (code)
            break;
        json_array_extend(list, json_object_get(reply, "failures"));
        after = json_incref(json_object_get(reply, "next"));
        json_decref(reply);
        if (json_is_null(after))
            break;
    }
    json_decref(after);
    return code;
}

/* One more than wanted was asked for, to know. On stderr: programs read the list. */
static void cut_to_limit(const struct ask_options *o, json_t *list)
{
    if (json_array_size(list) <= o->limit)
        return;
    while (json_array_size(list) > o->limit)
        json_array_remove(list, json_array_size(list) - 1);
    fprintf(stderr, "muster failures: these are the first %llu, there are more; --limit N for N\n",
            (unsigned long long)o->limit);
}

int cmd_failures(int argc, char **argv)
{
    struct ask_options o;
    int code = ask_parse(argc, argv, &USAGE, &o);
    size_t max = o.limit < SIZE_MAX ? (size_t)o.limit + 1 : SIZE_MAX;
    json_t *list = json_array();
    if (code == 0 && o.sweep_file && !ask_somebody_runs(o.state, NULL))
        code = stored_failures(o.sweep_file, o.state, o.model, max, list);
    else if (code == 0)
        code = collect_failures(&o, max, list);
    if (code == 0)
        cut_to_limit(&o, list);
    if (code == 0 && o.json)
        ask_print_json(list);
    else if (code == 0)
        print_failures(list);
    json_decref(list);
    free(o.state);
    return code < 0 ? 0 : code;
}
