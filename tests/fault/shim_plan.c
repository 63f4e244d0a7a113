/* Which call is a point, and what happens at it. */
#include "tests/fault/shim_private.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { DIGEST_DIGITS = 16 }; /* so many hexadecimal digits in a row are no word */

static struct shim_plan plan;
static size_t under_len;
static atomic_uint_fast64_t points, deeds, maps;

void shim_set(const struct shim_plan *p)
{
    plan = *p;
    under_len = p->under ? strlen(p->under) : 0;
    points = 0;
    deeds = 0;
    maps = 0;
}

const struct shim_plan *shim_plan_now(void)
{
    return &plan;
}

uint64_t shim_points(void)
{
    return points;
}

uint64_t shim_deeds(void)
{
    return deeds;
}

uint64_t shim_maps(void)
{
    return maps;
}

void shim_count_map(void)
{
    maps++;
}

/* ---- Names ---- */

static void set_name(struct shim_call *c, const char *path)
{
    if (!plan.under || strncmp(path, plan.under, under_len) != 0)
        return;
    const char *below = path + under_len;
    if (*below == '/')
        below++;
    else if (*below)
        return; /* a longer name with the same beginning */
    (void)snprintf(c->name, sizeof(c->name), "%s", *below ? below : ".");
}

void shim_of_fd(struct shim_call *c, const char *call, int fd)
{
    *c = (struct shim_call){ .call = call };
    char link[64], path[PATH_MAX];
    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    long len = plan.under ? syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof(path) - 1) : -1;
    if (len <= 0)
        return;
    path[len] = '\0';
    static const char deleted[] = " (deleted)";
    size_t gone = (size_t)len - (sizeof(deleted) - 1);
    if ((size_t)len >= sizeof(deleted) && strcmp(path + gone, deleted) == 0)
        path[gone] = '\0';
    set_name(c, path);
}

void shim_of_path(struct shim_call *c, const char *call, const char *path)
{
    *c = (struct shim_call){ .call = call };
    set_name(c, path);
}

void shim_of_socket(struct shim_call *c, const char *call)
{
    *c = (struct shim_call){ .call = call };
    if (plan.under)
        memcpy(c->name, "socket", sizeof("socket"));
}

/* How many characters of a name are one number or digest; 0: none. */
static size_t number_at(const char *at, bool begins_part)
{
    size_t hex = strspn(at, "0123456789abcdef"), digits = strspn(at, "0123456789");
    bool ends_part = at[hex] == '/' || at[hex] == '\0';
    if (hex >= DIGEST_DIGITS || (hex == 2 && begins_part && ends_part))
        return hex; /* also the folders named by the first two digits */
    return digits;
}

/* "fdatasync store/data.mdb" */
static void point_text(const struct shim_call *c, char out[SHIM_NAME_BYTES + 32])
{
    size_t used = (size_t)snprintf(out, 32, "%s ", c->call);
    const char *at = c->name;
    while (*at) {
        size_t skip = number_at(at, at == c->name || at[-1] == '/');
        out[used++] = skip ? '#' : *at;
        at += skip ? skip : 1;
    }
    out[used] = '\0';
}

/* ---- Deeds ---- */

/* A descriptor of our own, for a moment: the process may close or count its own as it likes. */
void shim_append(const char *path, const void *bytes, size_t len)
{
    int kept = errno;
    long fd = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0) {
        (void)syscall(SYS_write, fd, bytes, len);
        (void)syscall(SYS_close, fd);
    }
    errno = kept;
}

void shim_count_deed(void)
{
    deeds++;
    if (plan.hits)
        shim_append(plan.hits, "x", 1);
}

bool shim_is_used_up(void)
{
    if (!plan.times || !plan.hits)
        return false;
    long fd = syscall(SYS_openat, AT_FDCWD, plan.hits, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0)
        return false;
    long done = syscall(SYS_lseek, fd, 0, SEEK_END);
    (void)syscall(SYS_close, fd);
    return done >= 0 && (uint64_t)done >= plan.times;
}

static _Noreturn void die(void)
{
    (void)syscall(SYS_kill, getpid(), SIGKILL);
    for (;;)
        (void)syscall(SYS_pause);
}

static enum shim_deed decide(const char *text)
{
    if (plan.point && fnmatch(plan.point, text, 0) != 0)
        return SHIM_NOTHING;
    uint64_t hit = ++points;
    bool due = plan.sticky ? hit >= plan.nth : hit == plan.nth;
    return due && plan.deed && !shim_is_used_up() ? plan.deed : SHIM_NOTHING;
}

bool shim_enter(struct shim_call *c)
{
    if (!c->name[0])
        return false;
    char text[SHIM_NAME_BYTES + 33];
    point_text(c, text);
    c->deed = decide(text);
    if (plan.census) {
        size_t len = strlen(text);
        text[len] = '\n';
        shim_append(plan.census, text, len + 1);
    }
    if (c->deed == SHIM_NOTHING)
        return false;
    shim_count_deed();
    if (c->deed == SHIM_KILL_BEFORE)
        die();
    if (c->deed != SHIM_ERROR)
        return false;
    errno = plan.error;
    return true;
}

void shim_leave(const struct shim_call *c)
{
    if (c->deed == SHIM_KILL_AFTER || c->deed == SHIM_KILL_HALF)
        die();
}
