#include "coordinator/tidy.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/file.h"

/* Media lie in folders of the first two digits of their names. */
static bool is_part_of_media(const char *name)
{
    return strlen(name) == 2 && strspn(name, "0123456789abcdef") == 2;
}

static void tidy_media(const char *path)
{
    DIR *dir = opendir(path);
    for (const struct dirent *entry; dir && (entry = readdir(dir));) {
        if (!is_part_of_media(entry->d_name))
            continue;
        char *part = file_join(path, entry->d_name);
        file_remove_abandoned(part, NULL);
        free(part);
    }
    if (dir)
        (void)closedir(dir);
}

void tidy_state(const char *state)
{
    char *log = file_join(state, "log"), *media = file_join(state, "media");
    file_remove_unfinished(log);
    tidy_media(media);
    free(log);
    free(media);
}
