#include "tests/fault/folder.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/check.h"
#include "common/mem.h"

char *folder_make(const char *name, bool in_memory)
{
    const char *parent = getenv("TMPDIR");
    if (in_memory && access("/dev/shm", W_OK) == 0)
        parent = "/dev/shm";
    char *path = xformat("%s/muster-%s-XXXXXX", parent ? parent : "/tmp", name);
    check(mkdtemp(path));
    return path;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
    (void)st;
    (void)type;
    return walk->level == 0 ? 0 : remove(path);
}

void folder_empty(const char *path)
{
    check(nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0);
}

void folder_remove(char *path)
{
    folder_empty(path);
    check(rmdir(path) == 0);
    free(path);
}
