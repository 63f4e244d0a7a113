#include "ops/cli/children.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/mem.h"

enum {
    DEATHS_MAX = 5, /* forgiven in a row, without one instance ending in between */
    RESTART_FIRST_MS = 50,
    RESTART_MAX_MS = 2000
};

void children_init(struct children *c, uv_loop_t *loop, void *owner, child_is_final_f *is_final,
                   children_changed_f *changed)
{
    *c =
        (struct children){ .loop = loop, .owner = owner, .is_final = is_final, .changed = changed };
}

static void give_up(struct children *c, const struct child *child, const char *why)
{
    if (!c->given_up)
        err_say(&c->error, ERR_IO, "the %s %s", child->title, why);
    c->given_up = true;
    c->changed(c->owner);
}

static void spawn(struct child *child);

static void on_again(uv_timer_t *timer)
{
    spawn(timer->data);
}

static void restart_later(struct child *child)
{
    uint64_t wait = RESTART_FIRST_MS;
    for (unsigned i = 1; i < child->deaths && wait < RESTART_MAX_MS; i++)
        wait *= 2;
    check(uv_timer_start(&child->again, on_again, wait, 0) == 0);
}

/* Unless it has died too often. */
static void start_again(struct child *child, const char *why)
{
    if (child->deaths > DEATHS_MAX) {
        char last[128];
        snprintf(last, sizeof(last), "%s, %u times without progress", why, child->deaths);
        give_up(child->owner, child, last);
        return;
    }
    fprintf(stderr, "muster: the %s %s; starting it again\n", child->title, why);
    restart_later(child);
}

static void on_child_exit(uv_process_t *process, int64_t code, int number)
{
    struct child *child = process->data;
    struct children *c = child->owner;
    child->running = false;
    child->exit_code = number ? 128 + number : (int)code;
    uv_close((uv_handle_t *)process, NULL);
    if (c->given_up || c->is_final(c->owner, child, child->exit_code)) {
        child->finished = true;
        c->changed(c->owner);
        return;
    }
    child->deaths++;
    char why[64];
    if (number)
        snprintf(why, sizeof(why), "was killed by signal %d", number);
    else
        snprintf(why, sizeof(why), "ended with exit code %d", child->exit_code);
    start_again(child, why);
}

static void spawn(struct child *child)
{
    /* A session of its own: Ctrl-C at the terminal is for `muster run` alone, which drains. */
    uv_stdio_container_t stdio[] = {
        { .flags = UV_IGNORE },
        { .flags = UV_INHERIT_FD, .data.fd = 2 }, /* the screen of a run is its own */
        { .flags = UV_INHERIT_FD, .data.fd = 2 },
        { .flags = UV_INHERIT_FD, .data.fd = child->inherited_fd },
    };
    uv_process_options_t options = { .exit_cb = on_child_exit,
                                     .file = child->args[0],
                                     .args = child->args,
                                     .flags = UV_PROCESS_DETACHED,
                                     .stdio_count = child->inherited_fd < 0 ? 3 : 4,
                                     .stdio = stdio };
    child->process.data = child;
    int failed = uv_spawn(child->owner->loop, &child->process, &options);
    if (failed) {
        uv_close((uv_handle_t *)&child->process, NULL);
        char why[512];
        snprintf(why, sizeof(why), "cannot be started: %s: %s", child->args[0],
                 uv_strerror(failed));
        give_up(child->owner, child, why);
        return;
    }
    child->running = true;
}

void children_start(struct children *c, const char *title, const char *const *args, size_t count,
                    int inherited_fd)
{
    check(c->count < CHILDREN_MAX && count <= CHILD_ARGS_MAX);
    struct child *child = &c->list[c->count++];
    *child = (struct child){ .title = xstrdup(title), .inherited_fd = inherited_fd, .owner = c };
    for (size_t i = 0; i < count; i++)
        child->args[i] = xstrdup(args[i]);
    check(uv_timer_init(c->loop, &child->again) == 0);
    child->again.data = child;
    if (!c->given_up)
        spawn(child);
}

void child_forget_arg(struct child *child, const char *arg)
{
    char **at = child->args;
    while (*at && strcmp(*at, arg) != 0)
        at++;
    if (!*at)
        return;
    free(*at);
    for (; *at; at++)
        at[0] = at[1];
}

void child_start_again(struct child *child)
{
    check(child->finished);
    child->finished = false;
    restart_later(child);
}

void children_progressed(struct children *c)
{
    for (size_t i = 0; i < c->count; i++)
        c->list[i].deaths = 0;
}

void children_signal(struct children *c, int number)
{
    for (size_t i = 0; i < c->count; i++) {
        struct child *child = &c->list[i];
        uv_timer_stop(&child->again);
        if (child->running)
            (void)uv_process_kill(&child->process, number); /* it may be gone by now */
    }
}

size_t children_running(const struct children *c)
{
    size_t running = 0;
    for (size_t i = 0; i < c->count; i++)
        running += c->list[i].running ? 1 : 0;
    return running;
}

static void free_child(struct child *child)
{
    free(child->title);
    for (char **arg = child->args; *arg; arg++)
        free(*arg);
}

void children_close(struct children *c)
{
    check(children_running(c) == 0);
    for (size_t i = 0; i < c->count; i++)
        uv_close((uv_handle_t *)&c->list[i].again, NULL);
    while (uv_run(c->loop, UV_RUN_DEFAULT) != 0)
        ; /* an earlier uv_stop ends one call of it */
    for (size_t i = 0; i < c->count; i++)
        free_child(&c->list[i]);
}
