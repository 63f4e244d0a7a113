#include "worker/host/command.h"

#include <unistd.h>

#include "common/check.h"
#include "worker/child/child_env.h"

enum { ARGV_OPTIONS_MAX = 16 };

char **command_words(const struct host_config *config, struct arena *arena)
{
    const struct host_place *place = config->place;
    const struct model_definition *model = config->model;
    char **argv = arena_alloc(arena, (ARGV_OPTIONS_MAX + model->command_count) * sizeof *argv);
    size_t n = 0;
    const struct {
        const char *option, *value;
    } options[] = {
        { "--ppid", arena_format(arena, "%d", (int)getpid()) },
        { "--cpus", place->cpus },
        { "--nodes", place->nodes },
        { "--cwd", place->work_dir },
        { "--core", "0" },
        { "--nice", place->nice == 0 ? NULL : arena_format(arena, "%d", place->nice) },
    };
    argv[n++] = arena_strdup(arena, place->launcher);
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        if (!options[i].value)
            continue;
        argv[n++] = arena_strdup(arena, options[i].option);
        argv[n++] = arena_strdup(arena, options[i].value);
    }
    argv[n++] = arena_strdup(arena, "--");
    check(n <= ARGV_OPTIONS_MAX - 1);
    for (size_t i = 0; i < model->command_count; i++)
        argv[n++] = arena_strdup(arena, model->command[i]);
    return argv;
}

char **command_env(const struct host_config *config, struct arena *arena)
{
    const struct model_definition *model = config->model;
    char **named = arena_alloc(arena, (model->env_count + 1) * sizeof *named);
    for (size_t i = 0; i < model->env_count; i++)
        named[i] = arena_format(arena, "%s=%s", model->env[i].name, model->env[i].value);
    char *fixed[] = {
        arena_format(arena, "MUSTER_FD=%d", HOST_FD),
        arena_format(arena, "MUSTER_ARGS=%s", model->args ? model->args : "{}"),
        arena_format(arena, "MUSTER_WORK_DIR=%s", config->place->work_dir),
        NULL,
    };
    struct child_env_parts parts = {
        .worker = environ,
        .model = named,
        .slot = config->place->env,
        .fixed = fixed,
    };
    return child_env_build(&parts, arena);
}
