/* Stands in for libFuzzer where there is none: every file of the folders and files that are named
 * goes through the target once, in the order of their names. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

#include "common/io/file.h"
#include "common/mem.h"

enum { INPUT_BYTES_MAX = 16 << 20 };

static size_t replay_file(const char *path)
{
    struct buf bytes = { 0 };
    struct errmsg msg = { "" };
    if (file_read(path, INPUT_BYTES_MAX, &bytes, &msg)) {
        (void)fprintf(stderr, "%s\n", msg.text);
        exit(1);
    }
    /* Exactly as large as the input, so that a sanitizer sees every byte read behind it. */
    uint8_t *copy = xmalloc(bytes.len > 0 ? bytes.len : 1);
    if (bytes.len > 0)
        memcpy(copy, bytes.data, bytes.len);
    (void)LLVMFuzzerTestOneInput(copy, bytes.len);
    free(copy);
    buf_release(&bytes);
    return 1;
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static size_t replay_folder(const char *path)
{
    struct dirent **entries;
    int count = scandir(path, &entries, is_visible, alphasort);
    for (int i = 0; i < count; i++) {
        char *file = file_join(path, entries[i]->d_name);
        (void)replay_file(file);
        free(file);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    return count > 0 ? (size_t)count : 0;
}

int main(int argc, char **argv)
{
    size_t inputs = 0;
    for (int i = 1; i < argc; i++)
        inputs += file_is_dir(argv[i]) ? replay_folder(argv[i]) : replay_file(argv[i]);
    printf("%zu inputs\n", inputs);
    return inputs > 0 ? 0 : 1; /* a corpus that is not there is no success */
}
