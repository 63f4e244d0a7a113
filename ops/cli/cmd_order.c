/* muster drain, pause, resume: orders. */
#include <stdio.h>
#include <stdlib.h>

#include "coordinator/exit_code.h"
#include "ops/cli/ask.h"
#include "ops/cli/commands.h"
#include "ops/cli/common.h"

static int order(struct ask_options *o, json_t *question, const char *done)
{
    json_t *reply = NULL;
    int code = ask(o, question, &reply);
    if (code == 0 && o->json)
        ask_print_json(reply);
    else if (code == 0)
        puts(done);
    json_decref(reply);
    return code;
}

int cmd_drain(int argc, char **argv)
{
    static const struct ask_usage usage = {
        .takes = ASK_WORKER,
        .words = "[--worker NAME] ",
        .does = "Let what runs finish, start nothing new: of one worker, or of the whole sweep,\n"
                "which then ends; run it again to go on."
    };
    struct ask_options o;
    int code = ask_parse(argc, argv, &usage, &o);
    if (code == 0 && o.worker)
        code = order(&o, json_pack("{s:s,s:s}", "ask", "drain_worker", "worker", o.worker),
                     "the worker gets no more work");
    else if (code == 0)
        code = order(&o, json_pack("{s:s}", "ask", "drain"), "the sweep is being stopped");
    free(o.state);
    return code < 0 ? 0 : code;
}

static int order_model(int argc, char **argv, const char *what, const char *done)
{
    struct ask_options o;
    const struct ask_usage usage = { .takes = ASK_MODEL, .words = "--model NAME ", .does = what };
    int code = ask_parse(argc, argv, &usage, &o);
    if (code == 0 && !o.model)
        code = say_error(argv[0], EXIT_BAD_INPUT, "--model NAME is needed");
    if (code == 0)
        code = order(&o, json_pack("{s:s,s:s}", "ask", argv[0], "model", o.model), done);
    free(o.state);
    return code < 0 ? 0 : code;
}

int cmd_pause(int argc, char **argv)
{
    return order_model(argc, argv,
                       "Take a model's unstarted work back, and give it no more: until it is "
                       "resumed, or\nthe run ends.",
                       "the model is paused");
}

int cmd_resume(int argc, char **argv)
{
    return order_model(argc, argv, "Let a paused model go on.", "the model goes on");
}
