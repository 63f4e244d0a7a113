/* A model that is a program: spawned through muster-launch, asked over its descriptor 3
 * (PROTOCOL.md), its stdout and stderr caught in a log.
 *
 * The good way: spawn, hello, requests and replies; then the end of the requests, the exit of the
 * process, the end of its descriptors, on_exited.
 * The others: whoever breaks the protocol is killed with the sentence why. However the process
 * ended, what it left behind is killed too, and only when all of that is gone is the host over:
 * the next one finds its memory and its GPUs free. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/check.h"
#include "common/io/clock.h"
#include "common/io/file.h"
#include "common/io/log.h"
#include "common/mem.h"
#include "worker/child/reap.h"
#include "worker/host/adapters.h"
#include "worker/host/channel.h"
#include "worker/host/childlog.h"
#include "worker/host/command.h"
#include "worker/host/message.h"

enum {
    OUTPUT_BYTES = 16 << 10,
    AT_ONCE_BYTES = 4096, /* a request of no more is read at once, or not at all */
    SILENT_MS = 5000,     /* its descriptor is closed: it has so long to exit */
    LOOK_MS = 20,         /* between two looks at who is left */
    LOOKS = 50,           /* then more slowly; and its pipes are given up */
    LOOK_SLOWLY_MS = 1000
};

enum exec_state {
    EXEC_RUNNING,
    EXEC_KILLED,  /* SIGKILL is sent, the process not yet waited for */
    EXEC_EXITED,  /* waited for; its stragglers and its last bytes are not */
    EXEC_CLOSING, /* handles */
    EXEC_FAILED   /* handles, after a spawn that failed: nobody is told */
};

struct asked {
    uint64_t id;
    int64_t at_mono_ns;
};

struct exec {
    struct host host;
    enum exec_state state;
    struct host_callbacks callbacks;
    void *owner;
    uv_process_t process;
    struct channel channel;
    uv_pipe_t output;
    uv_timer_t timer;
    unsigned handles_open;
    bool output_ended;
    struct host_family *family;
    struct childlog log;
    uint8_t output_bytes[OUTPUT_BYTES];
    struct buf line;   /* of the last request; empty: it had ended before that */
    uint32_t inflight; /* 0: no hello yet */
    struct asked asked[HOST_INFLIGHT_MAX];
    uint32_t asked_count;
    uint64_t oom_kills; /* the machine's counter when it was started */
    unsigned looks;     /* at who is left */
    enum host_end end;
    struct errmsg fault; /* empty: nothing but its exit code tells */
    int64_t exit_code;
    int exit_signal;
};

static struct exec *exec_of(struct host *h)
{
    return container_of(h, struct exec, host);
}

/* --- the end --- */

/* How often the kernel killed for memory, on this machine, ever; UINT64_MAX: it does not say. */
static uint64_t oom_kill_count(void)
{
    FILE *f = fopen("/proc/vmstat", "re");
    char line[128];
    unsigned long long count = UINT64_MAX;
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "oom_kill %llu", &count) == 1)
            break;
    if (f)
        (void)fclose(f);
    return count;
}

static void exec_describe_end(const struct exec *x, struct buf *out)
{
    if (x->fault.text[0])
        buf_append_str(out, x->fault.text);
    else if (x->exit_signal)
        buf_printf(out, "killed by signal %d (%s)%s", x->exit_signal, strsignal(x->exit_signal),
                   x->end == HOST_END_OOM ? ", for memory" : "");
    else
        buf_printf(out, "exited with code %d", (int)x->exit_code);
    size_t before = out->len;
    buf_append_str(out, "; last printed: ");
    size_t prefix = out->len;
    childlog_last_words(&x->log, out);
    if (out->len == prefix)
        out->len = before;
}

static void exec_on_handle_closed(uv_handle_t *handle)
{
    struct exec *x = handle->data;
    if (--x->handles_open > 0)
        return;
    if (x->state == EXEC_CLOSING) {
        struct buf text = { 0 };
        exec_describe_end(x, &text);
        if (x->end == HOST_END_GONE && x->channel.is_unread && x->line.len <= AT_ONCE_BYTES)
            x->end = HOST_END_UNREAD;
        x->callbacks.on_exited(x->owner, x->end, buf_cstr(&text));
        buf_release(&text);
    }
    childlog_close(&x->log);
    channel_release(&x->channel);
    buf_release(&x->line);
    free(x);
}

static void exec_close_handle(struct exec *x, uv_handle_t *handle)
{
    handle->data = x;
    x->handles_open++;
    uv_close(handle, exec_on_handle_closed);
}

static void exec_close_handles(struct exec *x, enum exec_state state)
{
    x->state = state;
    exec_close_handle(x, (uv_handle_t *)&x->process);
    exec_close_handle(x, (uv_handle_t *)&x->channel.pipe);
    exec_close_handle(x, (uv_handle_t *)&x->output);
    exec_close_handle(x, (uv_handle_t *)&x->timer);
}

static void family_remove(struct host_family *family, pid_t pid)
{
    for (size_t i = 0; i < family->count; i++)
        if (family->pids[i] == pid)
            family->pids[i--] = family->pids[--family->count];
}

static void exec_warn_reap(const struct exec *x, const struct errmsg *msg)
{
    log_warn("host_reap_failed pid=%d reason=\"%s\"", (int)x->process.pid, msg->text);
}

static void exec_on_look(uv_timer_t *timer);

static void exec_look_later(struct exec *x)
{
    uv_timer_start(&x->timer, exec_on_look, x->looks < LOOKS ? LOOK_MS : LOOK_SLOWLY_MS, 0);
}

/* While it is being killed: whoever belongs to it, again and again. Once it is gone: whoever it
 * left behind; then what is still in its pipes. */
static void exec_on_look(uv_timer_t *timer)
{
    struct exec *x = container_of(timer, struct exec, timer);
    struct errmsg msg = { "" };
    size_t left = 0;
    x->looks++;
    if (x->state == EXEC_KILLED) {
        if (reap_tree(x->process.pid, SIGKILL, &left, &msg) != OK)
            exec_warn_reap(x, &msg);
        exec_look_later(x);
        return;
    }
    check(x->state == EXEC_EXITED);
    if (reap_stragglers(x->family->pids, x->family->count, x->process.pid, &left, &msg) != OK)
        exec_warn_reap(x, &msg);
    bool is_read = x->channel.has_ended && x->output_ended;
    if (left > 0 || (!is_read && x->looks < LOOKS))
        exec_look_later(x);
    else
        exec_close_handles(x, EXEC_CLOSING);
}

static void exec_on_exit(uv_process_t *process, int64_t code, int signal)
{
    struct exec *x = container_of(process, struct exec, process);
    bool is_ours = x->state == EXEC_KILLED;
    family_remove(x->family, process->pid);
    x->exit_code = code;
    x->exit_signal = signal;
    if (signal == SIGKILL && !is_ours && oom_kill_count() != x->oom_kills)
        x->end = HOST_END_OOM;
    x->state = EXEC_EXITED;
    x->looks = 0;
    exec_look_later(x); /* what it sent last is read meanwhile */
}

static void exec_kill_now(struct exec *x)
{
    x->state = EXEC_KILLED;
    channel_mute(&x->channel);
    exec_look_later(x);
    struct errmsg msg = { "" };
    size_t left;
    if (reap_tree(x->process.pid, SIGKILL, &left, &msg) != OK) {
        exec_warn_reap(x, &msg);
        (void)uv_process_kill(&x->process, SIGKILL); /* at least itself */
    }
}

static void exec_fault(struct exec *x, const struct errmsg *why)
{
    x->fault = *why;
    x->end = HOST_END_PROTOCOL;
    if (x->state == EXEC_RUNNING)
        exec_kill_now(x);
    else
        channel_mute(&x->channel); /* garbage was its last word */
}

/* --- what it says --- */

static err exec_take_hello(struct exec *x, const struct host_message *m, struct errmsg *msg)
{
    if (x->inflight != 0)
        return err_say(msg, ERR_INVALID, "it said hello a second time");
    x->inflight = m->inflight;
    x->callbacks.on_hello(x->owner, m->name, m->inflight, 1);
    return OK;
}

static err exec_take_reply(struct exec *x, struct host_reply *reply, struct errmsg *msg)
{
    uint32_t i = 0;
    while (i < x->asked_count && x->asked[i].id != reply->id)
        i++;
    if (i == x->asked_count)
        return err_say(msg, ERR_INVALID, "a reply to id %llu, which is not being asked",
                       (unsigned long long)reply->id);
    int64_t micros = (clock_mono_ns() - x->asked[i].at_mono_ns) / 1000;
    reply->micros = micros < UINT32_MAX ? (uint32_t)micros : UINT32_MAX;
    x->asked[i] = x->asked[--x->asked_count];
    x->callbacks.on_reply(x->owner, reply);
    return OK;
}

static void exec_on_line(void *owner, struct span line)
{
    struct exec *x = owner;
    struct host_message m;
    struct errmsg msg = { "" };
    err e = host_message_parse(line, &m, &msg);
    if (e == OK) {
        e = m.is_hello ? exec_take_hello(x, &m, &msg) : exec_take_reply(x, &m.reply, &msg);
        host_message_release(&m);
    }
    if (e)
        exec_fault(x, &msg);
}

static void exec_on_overlong(void *owner)
{
    struct errmsg msg;
    (void)err_say(&msg, ERR_LIMIT, "a line of more than %d bytes", HOST_LINE_BYTES_MAX);
    exec_fault(owner, &msg);
}

static void exec_on_silent(uv_timer_t *timer)
{
    struct exec *x = container_of(timer, struct exec, timer);
    struct errmsg msg;
    (void)err_say(&msg, ERR_CLOSED, "it closed its descriptor %d and did not exit", HOST_FD);
    exec_fault(x, &msg);
}

static void exec_on_end(void *owner)
{
    struct exec *x = owner;
    if (x->state == EXEC_RUNNING)
        uv_timer_start(&x->timer, exec_on_silent, SILENT_MS, 0);
}

static const struct channel_callbacks exec_channel_callbacks = {
    .on_line = exec_on_line,
    .on_overlong = exec_on_overlong,
    .on_end = exec_on_end,
};

static void exec_on_output_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    (void)suggested;
    struct exec *x = container_of(handle, struct exec, output);
    *out = uv_buf_init((char *)x->output_bytes, OUTPUT_BYTES);
}

static void exec_on_output(uv_stream_t *stream, ssize_t count, const uv_buf_t *bytes)
{
    struct exec *x = container_of(stream, struct exec, output);
    if (count > 0)
        childlog_write(&x->log, span_of(bytes->base, (size_t)count), clock_mono_ns());
    if (count < 0) {
        uv_read_stop(stream);
        x->output_ended = true;
    }
}

/* --- the start --- */

/* A true pipe for stdout and stderr: shells and tools open /dev/stderr, which sockets refuse. */
static int exec_spawn(struct exec *x, const struct host_config *config, const uv_file ends[2])
{
    check(uv_pipe_open(&x->output, ends[0]) == 0);
    struct arena arena = { 0 };
    uv_stdio_container_t stdio[HOST_FD + 1] = {
        { .flags = UV_IGNORE },
        { .flags = UV_INHERIT_FD, .data.fd = ends[1] },
        { .flags = UV_INHERIT_FD, .data.fd = ends[1] },
        { .flags = UV_CREATE_PIPE | UV_READABLE_PIPE | UV_WRITABLE_PIPE,
          .data.stream = (uv_stream_t *)&x->channel.pipe },
    };
    uv_process_options_t options = {
        .exit_cb = exec_on_exit,
        .file = config->place->launcher,
        .args = command_words(config, &arena),
        .env = command_env(config, &arena),
        .stdio_count = HOST_FD + 1,
        .stdio = stdio,
    };
    int failed = uv_spawn(config->loop, &x->process, &options);
    (void)close(ends[1]);
    arena_release(&arena);
    return failed;
}

static void exec_init(struct exec *x, const struct host_config *config)
{
    x->host.adapter = &host_exec;
    x->state = EXEC_RUNNING;
    x->callbacks = *config->callbacks;
    x->owner = config->owner;
    x->family = config->place->family;
    x->oom_kills = oom_kill_count();
    x->end = HOST_END_GONE;
    channel_init(&x->channel, config->loop, &exec_channel_callbacks, x);
    check(uv_pipe_init(config->loop, &x->output, 0) == 0);
    check(uv_timer_init(config->loop, &x->timer) == 0);
    childlog_open(&x->log, config->place->log_path, clock_mono_ns());
}

static err exec_open(const struct host_config *config, struct host **out, struct errmsg *msg)
{
    err e =
        file_make_dir(config->place->work_dir, 0700, msg); /* a model before may have removed it */
    if (e)
        return e;
    uv_file ends[2];
    int failed = uv_pipe(ends, UV_NONBLOCK_PIPE, 0);
    if (failed)
        return err_say(msg, ERR_LIMIT, "cannot make a pipe: %s", uv_strerror(failed));
    struct exec *x = xcalloc(1, sizeof *x);
    exec_init(x, config);
    failed = exec_spawn(x, config, ends);
    if (failed) {
        exec_close_handles(x, EXEC_FAILED);
        return err_say(msg, ERR_IO, "cannot start %s: %s", config->place->launcher,
                       uv_strerror(failed));
    }
    struct host_family *family = x->family;
    family->pids = xgrow(family->pids, &family->capacity, family->count + 1, sizeof *family->pids);
    family->pids[family->count++] = x->process.pid;
    channel_start(&x->channel);
    check(uv_read_start((uv_stream_t *)&x->output, exec_on_output_alloc, exec_on_output) == 0);
    *out = &x->host;
    return OK;
}

/* --- what it is told --- */

static void exec_request(struct host *h, const struct host_request *r)
{
    struct exec *x = exec_of(h);
    if (x->state != EXEC_RUNNING) {
        x->channel.is_unread = true;
        buf_clear(&x->line);
        return; /* it ended meanwhile; on_exited is on its way */
    }
    check(x->asked_count < x->inflight);
    x->asked[x->asked_count++] = (struct asked){ r->id, clock_mono_ns() };
    buf_clear(&x->line);
    host_request_format(r, &x->line);
    channel_send(&x->channel, buf_span(&x->line));
}

static void exec_close(struct host *h)
{
    struct exec *x = exec_of(h);
    if (x->state == EXEC_RUNNING)
        channel_finish(&x->channel);
}

static void exec_kill(struct host *h)
{
    struct exec *x = exec_of(h);
    if (x->state == EXEC_RUNNING)
        exec_kill_now(x);
    else
        channel_mute(&x->channel);
}

const struct host_adapter host_exec = {
    .open = exec_open,
    .request = exec_request,
    .close = exec_close,
    .kill = exec_kill,
};
