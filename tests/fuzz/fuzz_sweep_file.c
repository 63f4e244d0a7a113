/* Any bytes as a sweep file. Taken, or refused with sentences that name the file and can be shown
 * on a terminal. What is taken is within its limits, and its models can be told to a worker. */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/scratch.h"

#include <stdio.h>

#include "common/limits.h"
#include "common/text.h"
#include "coordinator/spec/spec.h"

/* The environment of the test, not of the machine. */
static const char *some_env(void *owner, const char *name)
{
    (void)owner;
    if (strcmp(name, "PATH") == 0)
        return "/nonexistent:/bin:";
    return strcmp(name, "SET") == 0 ? "value" : NULL;
}

static void check_problems(const struct problems *p)
{
    struct buf text = { 0 };
    check(problems_any(p) && p->count > 0 && p->count <= PROBLEMS_MAX);
    problems_format(p, &text);
    check(text_is_utf8(buf_span(&text)));
    for (size_t i = 0; i < text.len; i++)
        check(text.data[i] >= 0x20 || text.data[i] == '\n');
    buf_release(&text);
}

static void check_model(const struct spec_model *m)
{
    const struct model_definition *d = &m->definition;
    check(d->name[0] && strlen(d->name) <= NAME_BYTES_MAX && d->timeout_ms > 0);
    check((d->host == HOST_EXEC) == (d->command_count > 0));
    struct buf json = { 0 };
    struct arena arena = { 0 };
    struct model_definition back;
    model_definition_encode(d, &json);
    check(model_definition_decode(buf_span(&json), &arena, &back, NULL) == OK);
    arena_release(&arena);
    buf_release(&json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[600];
    scratch_put("sweep.yaml", span_of(data, size));
    scratch_put("models/ocr.py", span_str("#!/usr/bin/python3\n"));
    (void)snprintf(path, sizeof(path), "%s/sweep.yaml", scratch_dir());
    struct spec spec;
    struct problems problems = { 0 };
    err e = spec_load(path, (struct spec_env){ some_env, NULL }, &spec, &problems);
    check((e == OK) == !problems_any(&problems));
    if (e) {
        check_problems(&problems);
    } else {
        check(spec.name && spec.suite_count > 0 && spec.suite_count <= SUITES_MAX);
        check(spec.model_count > 0 && spec.model_count <= MODELS_MAX);
        for (size_t i = 0; i < spec.model_count; i++)
            check_model(&spec.models[i]);
        spec_release(&spec);
    }
    problems_release(&problems);
    return 0;
}
