/* How long a coordinator takes to answer an operator who stays connected.
 *
 *     bench_status STATE-FOLDER [PAUSE-MS]
 *
 * Asks for the status, PAUSE-MS (5) after each answer, until the sweep no longer runs. One line of
 * JSON: how many asks, and the time from ask to answer. bench_resume runs it while results come in.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/histogram.h"
#include "common/io/clock.h"
#include "ops/cli/client.h"

enum { ANSWER_MS = 5000 };

static bool is_running(const json_t *status)
{
    const char *state = json_string_value(json_object_get(status, "state"));
    return state && strcmp(state, "running") == 0;
}

/* False: nobody runs it any more. */
static bool ask(struct client *client, struct histogram *us)
{
    json_t *question = json_pack("{s:s}", "ask", "status"), *status = NULL;
    struct errmsg msg = { "" };
    int64_t asked = clock_mono_ns();
    bool goes_on = client_ask(client, question, ANSWER_MS, &status, &msg) == OK;
    int64_t answered = clock_mono_ns();
    json_decref(question);
    if (goes_on)
        histogram_add(us, (uint64_t)(answered - asked) / 1000);
    goes_on = goes_on && is_running(status);
    json_decref(status);
    return goes_on;
}

int main(int argc, char **argv)
{
    struct client *client = NULL;
    struct errmsg msg = { "" };
    if (argc < 2 || client_open(argv[1], &client, &msg) != OK) {
        fprintf(stderr, "bench_status: %s\n", argc < 2 ? "expected a state folder" : msg.text);
        return 2;
    }
    long pause_ms = argc > 2 ? strtol(argv[2], NULL, 10) : 5;
    struct timespec pause = { pause_ms / 1000, pause_ms % 1000 * 1000000 };
    struct histogram us = { { 0 }, 0, 0 };
    while (ask(client, &us))
        nanosleep(&pause, NULL);
    client_close(client);
    printf("{\"asks\": %llu, \"us_p50\": %llu, \"us_p99\": %llu, \"us_max\": %llu}\n",
           (unsigned long long)us.count, (unsigned long long)histogram_share(&us, 0.5),
           (unsigned long long)histogram_share(&us, 0.99), (unsigned long long)us.max);
    return 0;
}
