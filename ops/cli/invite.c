#include "ops/cli/invite.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "coordinator/access/keys.h"

static bool is_tcp(const char *endpoint)
{
    return endpoint && strncmp(endpoint, "tcp://", 6) == 0;
}

/* What others connect to: an address that stands for all of this machine's becomes its name. */
static char *endpoint_for_others(const char *endpoint)
{
    static const char *const all[] = { "tcp://0.0.0.0:", "tcp://*:", "tcp://[::]:" };
    char host[HOST_NAME_MAX + 1] = "";
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        size_t len = strlen(all[i]);
        if (strncmp(endpoint, all[i], len) == 0 && gethostname(host, sizeof(host) - 1) == 0)
            return xformat("tcp://%s:%s", host, endpoint + len);
    }
    return xstrdup(endpoint);
}

static void say_how(const char *who, const char *command, const char *endpoint, const char *dir,
                    const char *key_name)
{
    char *there = endpoint_for_others(endpoint);
    if (dir)
        fprintf(stderr,
                "muster: %s elsewhere need a copy of %s/%s, a secret:\n"
                "  %s --connect %s --key %s\n",
                who, dir, key_name, command, there, key_name);
    else
        fprintf(stderr, "muster: %s elsewhere:\n  %s --connect %s\n", who, command, there);
    free(there);
}

static err make_keys(const char *dir, struct errmsg *msg)
{
    struct key_file own;
    err e = keys_prepare(dir, &own, msg);
    if (e == OK)
        key_forget(&own);
    return e;
}

static bool is_open(const struct invitation *i)
{
    return is_tcp(i->listen) || is_tcp(i->listen_operators);
}

err invite_prepare(const struct invitation *i, struct errmsg *msg)
{
    if (!is_open(i) || i->insecure)
        return OK;
    char *dir = keys_dir(i->keys, i->state);
    err e = make_keys(dir, msg);
    free(dir);
    return e;
}

void invite(const struct invitation *i)
{
    char *dir = keys_dir(i->keys, i->state);
    if (is_open(i) && i->insecure)
        fprintf(stderr,
                "muster: INSECURE: nothing is encrypted, and whoever connects is trusted\n");
    if (is_tcp(i->listen))
        say_how("workers", "muster-worker", i->listen, i->insecure ? NULL : dir, "worker.key");
    if (is_tcp(i->listen_operators))
        say_how("operators", "muster status", i->listen_operators, i->insecure ? NULL : dir,
                "operator.key");
    free(dir);
}
