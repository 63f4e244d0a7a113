#include "coordinator/endpoints.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/digest.h"
#include "common/io/file.h"
#include "common/mem.h"

enum {
    SOCKET_DIR_BYTES_MAX = 90, /* 107 less "/operators", and some to spare */
    RUNTIME_DIR_BYTES_MAX = 40 /* "/run/user/1000": a longer one would not do either */
};

static err check_private(const char *dir, struct errmsg *msg)
{
    struct stat st;
    if (lstat(dir, &st) != 0 || !S_ISDIR(st.st_mode))
        return err_say(msg, ERR_IO, "%s: expected a folder for sockets", dir);
    if (st.st_uid != geteuid() || (st.st_mode & 077) != 0)
        return err_say(msg, ERR_DENIED,
                       "%s: must belong to you and be closed to others (chmod 700)", dir);
    return OK;
}

static char *socket_dir(const char *real_state)
{
    char *dir = file_join(real_state, "run");
    if (strlen(dir) <= SOCKET_DIR_BYTES_MAX)
        return dir;
    free(dir);
    struct digest d = digest_of(span_str(real_state));
    char hex[DIGEST_HEX_BYTES];
    digest_hex(&d, hex);
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    if (runtime && runtime[0] == '/' && strlen(runtime) <= RUNTIME_DIR_BYTES_MAX)
        return xformat("%s/muster-%.16s", runtime, hex);
    return xformat("/tmp/muster-%u-%.16s", (unsigned)geteuid(), hex);
}

err endpoints_of(const char *state, struct endpoints *out, struct errmsg *msg)
{
    char *real = file_real(state, msg);
    if (!real)
        return ERR_NOT_FOUND;
    char *dir = socket_dir(real);
    err e = file_make_dir(dir, 0700, msg);
    if (!e)
        e = check_private(dir, msg);
    if (!e) {
        snprintf(out->workers, sizeof(out->workers), "ipc://%s/workers", dir);
        snprintf(out->operators, sizeof(out->operators), "ipc://%s/operators", dir);
    }
    free(dir);
    free(real);
    return e;
}
