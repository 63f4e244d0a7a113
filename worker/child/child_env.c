#include "worker/child/child_env.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* What passes without being named, and why. */
static const char *const inherited[] = {
    "PATH",                /* finds programs */
    "HOME",                /* finds caches of weights, and configuration */
    "TZ",          "LANG", /* this and what follows: how text is read and written */
    "LC_ALL",      "LC_ADDRESS",  "LC_COLLATE", "LC_CTYPE",   "LC_IDENTIFICATION", "LC_MEASUREMENT",
    "LC_MESSAGES", "LC_MONETARY", "LC_NAME",    "LC_NUMERIC", "LC_PAPER",          "LC_TELEPHONE",
    "LC_TIME",
};

struct env_list {
    char **lines;
    size_t count;
};

static size_t count_of(char *const *list)
{
    size_t count = 0;
    while (list && list[count])
        count++;
    return count;
}

static size_t name_len(const char *line)
{
    return strcspn(line, "=");
}

static bool has_value(const char *line)
{
    return line[0] != '=' && line[name_len(line)] == '=';
}

/* The place in the list of the line with this name; count if there is none. */
static size_t place_of(char *const *list, size_t count, const char *name, size_t len)
{
    size_t i = 0;
    while (i < count && !(name_len(list[i]) == len && strncmp(list[i], name, len) == 0))
        i++;
    return i;
}

/* Add the line, or replace the one with its name. Without "=" it is no variable, and is left out.
 */
static void put(struct env_list *env, const char *line, struct arena *arena)
{
    if (!has_value(line))
        return;
    size_t place = place_of(env->lines, env->count, line, name_len(line));
    env->lines[place] = arena_strdup(arena, line);
    env->count += place == env->count ? 1 : 0;
}

static void put_all(struct env_list *env, char *const *lines, struct arena *arena)
{
    for (; lines && *lines; lines++)
        put(env, *lines, arena);
}

/* Let the worker's variable of this name through, if it has one. */
static void pass(struct env_list *env, char *const *worker, const char *name, struct arena *arena)
{
    size_t count = count_of(worker), place = place_of(worker, count, name, strlen(name));
    if (place < count)
        put(env, worker[place], arena);
}

static int compare_names(const void *a, const void *b)
{
    const char *left = *(char *const *)a, *right = *(char *const *)b;
    size_t left_len = name_len(left), right_len = name_len(right);
    int order = memcmp(left, right, left_len < right_len ? left_len : right_len);
    return order ? order : (left_len > right_len) - (left_len < right_len);
}

char **child_env_build(const struct child_env_parts *parts, struct arena *arena)
{
    size_t inherited_count = sizeof inherited / sizeof inherited[0];
    size_t most =
        inherited_count + count_of(parts->model) + count_of(parts->slot) + count_of(parts->fixed);
    struct env_list env = { .lines = arena_alloc(arena, (most + 1) * sizeof(char *)) };

    for (size_t i = 0; i < inherited_count; i++)
        pass(&env, parts->worker, inherited[i], arena);
    for (char *const *line = parts->model; line && *line; line++) {
        if (has_value(*line))
            put(&env, *line, arena);
        else
            pass(&env, parts->worker, *line, arena);
    }
    put_all(&env, parts->slot, arena);
    put_all(&env, parts->fixed, arena);
    qsort(env.lines, env.count, sizeof *env.lines, compare_names);
    return env.lines;
}
