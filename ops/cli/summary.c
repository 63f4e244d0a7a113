#include "ops/cli/summary.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/io/file.h"
#include "coordinator/report/report.h"

enum { SUMMARY_BYTES_MAX = 64 << 20 };

/* Only sweeps with specialists have them. */
static int is_sota(const struct dirent *entry)
{
    return report_is_sota(entry->d_name);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void print_path(const char *lead, const char *dir, const char *name)
{
    char *path = file_join(dir, name);
    printf("%s%s\n", lead, path);
    free(path);
}

static void print_paths(const char *dir)
{
    static const char next[] = "         ";
    print_path("\nReports: ", dir, "report.md");
    print_path(next, dir, "report.csv");
    print_path(next, dir, "report.json");
    struct dirent **tables = NULL;
    int count = scandir(dir, &tables, is_sota, by_name);
    for (int i = 0; i < count; i++) {
        print_path(next, dir, tables[i]->d_name);
        free(tables[i]);
    }
    free(tables);
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
