#include "tests/fuzz/scratch.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/check.h"
#include "common/io/file.h"

static char folder[512]; /* "": not made yet */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
    (void)st;
    (void)type;
    (void)walk;
    return remove(path);
}

static void remove_folder(void)
{
    (void)nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *scratch_dir(void)
{
    if (folder[0])
        return folder;
    const char *parent = getenv("TMPDIR");
    int len = snprintf(folder, sizeof(folder), "%s/muster-fuzz-XXXXXX", parent ? parent : "/tmp");
    check(len > 0 && (size_t)len < sizeof(folder) && mkdtemp(folder));
    check(atexit(remove_folder) == 0);
    return folder;
}

void scratch_put(const char *name, struct span bytes)
{
    enum { FLAGS = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC };
    char *path = file_join(scratch_dir(), name);
    int fd = open(path, FLAGS, 0600);
    if (fd < 0) { /* the first time */
        char *parent = file_dir_of(path);
        check(file_make_dir(parent, 0700, NULL) == OK);
        free(parent);
        fd = open(path, FLAGS, 0600);
    }
    check(fd >= 0);
    check(bytes.len == 0 || write(fd, bytes.data, bytes.len) == (ssize_t)bytes.len);
    check(close(fd) == 0);
    free(path);
}
