#include "worker/child/reap.h"

#include "worker/child/process.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Whom a look is for: one host, or all that belongs to none of several. */
struct quarry {
    const pid_t *hosts;
    size_t host_count;
    bool others;
    pid_t dead; /* of the others, only those count that may be this one's; 0: all */
};

err reap_init(struct errmsg *msg)
{
    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))
        return err_say(msg, ERR_UNSUPPORTED, "cannot become the reaper of orphans: %s",
                       strerror(errno));
    return OK;
}

/* top: the child of ours that p is or descends from. What a host started is below it, or in its
 * session, or was orphaned and so has become our child too, with the host's mark. */
static bool belongs_to(const struct process *p, const struct process *top, pid_t host)
{
    return top->pid == host || top->session == host || top->mark == host || p->session == host;
}

/* top: as of belongs_to; NULL: it is no descendant of ours. */
static bool is_quarry(const struct quarry *quarry, const struct process *p,
                      const struct process *top)
{
    if (!top)
        return false;
    for (size_t i = 0; i < quarry->host_count; i++) {
        if (belongs_to(p, top, quarry->hosts[i]))
            return !quarry->others;
    }
    return quarry->others;
}

static bool counts(const struct quarry *quarry, const struct process *p, const struct process *top)
{
    return !quarry->dead || top->mark == 0 || belongs_to(p, top, quarry->dead);
}

/* Was this very process there in the earlier look? */
static bool was_there(const struct process_table *earlier, const struct process *p)
{
    const struct process *then = process_find(earlier, p->pid);
    return then && then->start == p->start;
}

/* Signal all of the quarry but those in `group` (0: none), who have had it. *out_new: how many were
 * not there in the earlier look. Returns how many there are that count. */
static size_t signal_quarry(const struct quarry *quarry, const struct process_table *now,
                            const struct process_table *earlier, int sig, pid_t group,
                            size_t *out_new)
{
    size_t count = 0;
    *out_new = 0;
    for (size_t i = 0; i < now->count; i++) {
        const struct process *p = &now->rows[i];
        const struct process *top = process_top(now, p);
        if (p->is_zombie || !is_quarry(quarry, p, top))
            continue;
        count += counts(quarry, p, top) ? 1 : 0;
        *out_new += was_there(earlier, p) ? 0 : 1;
        if (!group || p->group != group)
            process_signal(p, sig);
    }
    return count;
}

/* The host's process group at one blow, so that nobody in it forks in between. Only while somebody
 * holds on to the number, so that it cannot mean another group by now. */
static pid_t signal_group(const struct process_table *t, pid_t host, int sig)
{
    for (size_t i = 0; i < t->count; i++) {
        const struct process *p = &t->rows[i];
        bool is_ours = (p->pid == host || p->session == host) && process_top(t, p);
        if (is_ours && kill(-host, sig) == 0)
            return host;
        if (is_ours)
            return 0; /* no such group: the host never started a session */
    }
    return 0;
}

static err look_and_signal(const struct quarry *quarry, int sig, size_t *out_left,
                           struct errmsg *msg)
{
    struct process_table now = { 0 }, earlier = { 0 };
    int rounds = sig == SIGKILL ? REAP_ROUNDS_MAX : 1;
    size_t fresh = 1;
    err e = OK;
    *out_left = 0;
    for (int round = 0; round < rounds && fresh; round++) {
        e = process_table_read(&now, msg);
        if (e)
            break;
        pid_t group = quarry->others ? 0 : signal_group(&now, quarry->hosts[0], sig);
        *out_left = signal_quarry(quarry, &now, &earlier, sig, group, &fresh);
        struct process_table swapped = earlier;
        earlier = now;
        now = swapped;
    }
    process_table_release(&now);
    process_table_release(&earlier);
    return e;
}

err reap_tree(pid_t host, int sig, size_t *out_left, struct errmsg *msg)
{
    struct quarry quarry = { .hosts = &host, .host_count = 1 };
    return look_and_signal(&quarry, sig, out_left, msg);
}

static bool is_host(const pid_t *hosts, size_t host_count, pid_t pid)
{
    for (size_t i = 0; i < host_count; i++)
        if (hosts[i] == pid)
            return true;
    return false;
}

/* Looks at the first that has ended, again and again: without knowing it, it could be a host. */
void reap_orphans(const pid_t *hosts, size_t host_count)
{
    for (;;) {
        siginfo_t found = { .si_pid = 0 };
        if (waitid(P_ALL, 0, &found, WEXITED | WNOHANG | WNOWAIT) != 0 || found.si_pid == 0 ||
            is_host(hosts, host_count, found.si_pid))
            return;
        (void)waitpid(found.si_pid, NULL, WNOHANG);
    }
}

err reap_left_behind(const char *work_dir, size_t *out_left, struct errmsg *msg)
{
    struct process_table now = { 0 };
    err e = process_table_read(&now, msg);
    *out_left = 0;
    for (size_t i = 0; !e && i < now.count; i++) {
        const struct process *p = &now.rows[i];
        if (p->is_zombie || p->pid == getpid() || !process_is_of_folder(p, work_dir))
            continue;
        process_signal(p, SIGKILL);
        ++*out_left;
    }
    process_table_release(&now);
    return e;
}

/* Children of ours that are nobody's host are orphans that came to us; nobody else waits for them.
 */
static err wait_for_orphans(const pid_t *hosts, size_t host_count, struct errmsg *msg)
{
    struct process_table now = { 0 };
    pid_t self = getpid();
    err e = process_table_read(&now, msg);
    for (size_t i = 0; !e && i < now.count; i++) {
        const struct process *p = &now.rows[i];
        if (p->is_zombie && p->parent == self && !is_host(hosts, host_count, p->pid))
            (void)waitpid(p->pid, NULL, WNOHANG);
    }
    process_table_release(&now);
    return e;
}

err reap_stragglers(const pid_t *hosts, size_t host_count, pid_t dead, size_t *out_left,
                    struct errmsg *msg)
{
    struct quarry quarry = {
        .hosts = hosts, .host_count = host_count, .others = true, .dead = dead
    };
    err e = look_and_signal(&quarry, SIGKILL, out_left, msg);
    return e ? e : wait_for_orphans(hosts, host_count, msg);
}
