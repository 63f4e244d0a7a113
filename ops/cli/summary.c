#include "ops/cli/summary.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "common/io/file.h"

enum { SUMMARY_BYTES_MAX = 64 << 20 };

static void print_paths(const char *dir)
{
    static const char *const names[] = { "report.md", "report.csv", "report.json", "sota.csv" };
    const char *lead = "\nReports: ";
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char *path = file_join(dir, names[i]);
        if (file_exists(path)) /* not every sweep has each */
            printf("%s%s\n", lead, path);
        lead = "         ";
        free(path);
    }
}

err summary_print(const char *dir, struct errmsg *msg)
{
    char *path = file_join(dir, "summary.txt");
    struct buf text = { 0 };
    err e = file_read(path, SUMMARY_BYTES_MAX, &text, msg);
    if (e == OK) {
        fwrite(text.data, 1, text.len, stdout);
        print_paths(dir);
    }
    buf_release(&text);
    free(path);
    return e;
}

uint64_t summary_version(const char *dir)
{
    struct stat of;
    char *path = file_join(dir, "summary.txt");
    uint64_t version = 0;
    if (stat(path, &of) == 0) /* an inode alone may be had again */
        version =
            (uint64_t)of.st_mtim.tv_sec * 1000000000 + (uint64_t)of.st_mtim.tv_nsec + of.st_ino;
    free(path);
    return version;
}
