/* One element of `suites:`. Whether its kind is known and its data are in order is for suite_open
 * to say, when the sweep is planned. */
#include "coordinator/spec/spec_private.h"
#include "proto/definition/json_text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *json_of(struct loader *l, const struct spec_command *command)
{
    struct buf out = { 0 };
    json_append_words(&out, command->written, command->count);
    const char *text = arena_strdup(&l->spec->arena, buf_cstr(&out));
    buf_release(&out);
    return text;
}

static void read_scorers(struct loader *l, const struct yaml_node *node, struct spec_suite *out)
{
    if (!yaml_free_mapping(&l->doc, node, "a mapping from task globs to commands"))
        return;
    const char **globs = spec_alloc(l, (node->count + 1) * sizeof(*globs));
    const char **scorers = spec_alloc(l, (node->count + 1) * sizeof(*scorers));
    struct spec_command *commands = spec_alloc(l, (node->count + 1) * sizeof(*commands));
    for (size_t i = 0; i < node->count; i++) {
        globs[i] = node->entries[i].key;
        spec_read_command(l, node->entries[i].node, &commands[i]);
        scorers[i] = json_of(l, &commands[i]);
    }
    out->config.scorer_globs = globs;
    out->config.scorers = scorers;
    out->config.scorer_count = node->count;
    out->scorers = commands;
}

void spec_read_suite(struct loader *l, const struct yaml_node *node, struct spec_suite *out)
{
    static const char *const keys[] = {
        "name", "kind", "path", "sota", "tasks", "limit", "scorers"
    };
    if (!yaml_mapping(&l->doc, node, keys, COUNT(keys)))
        return;
    uint64_t limit = l->spec->settings.limit;
    out->line = node->line;
    spec_read_name(l, yaml_require(&l->doc, node, "name", "a name for the suite"), "._-",
                   &l->suite_names, &out->config.name);
    yaml_text(&l->doc,
              yaml_require(&l->doc, node, "kind", "the layout of its data, such as general-bench"),
              &out->config.kind);
    spec_read_path(l, yaml_require(&l->doc, node, "path", "the folder of its data"),
                   &out->config.path);
    spec_read_path(l, yaml_find(node, "sota"), &out->config.sota);
    spec_read_globs(l, yaml_find(node, "tasks"), &out->tasks);
    yaml_whole(&l->doc, yaml_find(node, "limit"), 1, TASK_INSTANCES_MAX, &limit);
    read_scorers(l, yaml_find(node, "scorers"), out);
    out->limit = (uint32_t)limit;
}
