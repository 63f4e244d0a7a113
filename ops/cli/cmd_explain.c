/* muster explain: why something is where it is. */
#include <stdio.h>
#include <stdlib.h>

#include "ops/cli/ask.h"
#include "ops/cli/commands.h"

int cmd_explain(int argc, char **argv)
{
    static const struct ask_usage usage = {
        .takes = ASK_WHAT,
        .words = "WHAT ",
        .does =
            "Why WHAT is where it is, in one sentence: a model, a worker, a task, MODEL/TASK, or\n"
            "an attempt as `muster workers --json` shows it. The beginning of a name will do."
    };
    struct ask_options o;
    int code = ask_parse(argc, argv, &usage, &o);
    json_t *reply = NULL;
    if (code == 0)
        code = ask(&o, json_pack("{s:s,s:s}", "ask", "explain", "what", o.what), &reply);
    if (code == 0 && o.json) {
        ask_print_json(reply);
    } else if (code == 0) {
        ask_print_safe(ask_text(reply, "text"));
        putchar('\n');
    }
    json_decref(reply);
    free(o.state);
    return code < 0 ? 0 : code;
}
