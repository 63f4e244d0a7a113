/* Any bytes as the annotation of a task. The first byte, a digit, says in which folder of the suite
 * the task lies, and so what modality and paradigm it has.
 *
 * A task that is taken can be opened again under the same digest; each of its instances is one
 * request, a JSON object on one line whose files lie in the suite, or is refused with a sentence.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/scratch.h"

#include <jansson.h>

#include "common/limits.h"
#include "common/suite/suite.h"

static const char *const folders[] = {
    "nlp",
    "image/comprehension",
    "image/generation",
    "video/comprehension",
    "video/generation",
    "audio/comprehension",
    "audio/generation",
    "3d/comprehension",
    "3d/generation",
};

enum { FOLDERS = sizeof(folders) / sizeof(folders[0]), INSTANCES_LOOKED_AT = 64 };

/* One suite a folder, so that one input is read once. */
static void make_task(unsigned folder, struct span annotation, char *suite, size_t suite_bytes)
{
    static const char *const files[] = { "a.png",        "images/b.png", "frames/1.jpg",
                                         "frames/2.jpg", "audios/c.wav", "pointclouds/d.ply" };
    static bool made[FOLDERS];
    char name[600];
    (void)snprintf(suite, suite_bytes, "%s/%u", scratch_dir(), folder);
    for (size_t i = 0; !made[folder] && i < sizeof(files) / sizeof(files[0]); i++) {
        (void)snprintf(name, sizeof(name), "%u/%s/T/%s", folder, folders[folder], files[i]);
        scratch_put(name, span_str("file"));
    }
    made[folder] = true;
    (void)snprintf(name, sizeof(name), "%u/%s/T/annotation.json", folder, folders[folder]);
    scratch_put(name, annotation);
}

static void check_instance(const struct instance *in, const struct task *task)
{
    check(in->id && in->request.len <= HOST_LINE_BYTES_MAX);
    check(!memchr(in->request.data, '\n', in->request.len));
    json_t *request =
        json_loadb((const char *)in->request.data, in->request.len, JSON_ALLOW_NUL, NULL);
    check(json_is_object(request) && json_is_object(json_object_get(request, "input")));
    json_decref(request);
    check(in->reference_count > 0 || task->metric->kind == METRIC_SCORED);
    check(in->reference_count <= REFERENCES_MAX);
    size_t bytes = 0;
    for (size_t i = 0; i < in->reference_count; i++)
        for (size_t k = 0; k < in->references[i].len; k++)
            bytes += in->references[i].data[k] != 0; /* reads them all */
    check(bytes <= SIZE_MAX / 2);
}

static void check_task(const struct suite_config *config, const struct task *task)
{
    struct task_data *data;
    struct errmsg msg = { "" };
    check(task->size > 0 && task->metric && task->name[0]);
    check(task_data_open(config, task, &data, &msg) == OK);
    for (uint32_t i = 0; i < task->size && i < INSTANCES_LOOKED_AT; i++) {
        struct instance in;
        err e = task_data_instance(data, i, &in, &msg);
        if (e == OK)
            check_instance(&in, task);
        else
            check(e == ERR_INVALID && msg.text[0]);
    }
    task_data_close(data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    char path[600];
    make_task(data[0] % 16 % FOLDERS, span_of(data + 1, size - 1), path, sizeof(path));
    const struct suite_config config = { .name = "s", .kind = "general-bench", .path = path };
    struct suite suite;
    struct errmsg msg = { "" };
    err e = suite_open(&config, &suite, &msg);
    check((e == OK) == (msg.text[0] == '\0'));
    if (e)
        return 0;
    check(suite.task_count == 1);
    check_task(&config, &suite.tasks[0]);
    suite_release(&suite);
    return 0;
}
