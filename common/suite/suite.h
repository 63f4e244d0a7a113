/* What a suite, a task and an instance are, and the readers of the layouts on disk.
 *
 * A suite is opened once (folders and headers only: names, sizes, digests); a task's instances are
 * loaded by those who need them (the worker) and released again.
 *
 * To add a layout: write suite_NAME.c with the two functions of struct suite_reader, add it to the
 * table in suite.c, and a line to the README here. */
#ifndef MUSTER_COMMON_SUITE_SUITE_H
#define MUSTER_COMMON_SUITE_SUITE_H

#include "common/arena.h"
#include "common/buf.h"
#include "common/digest.h"
#include "common/err.h"
#include "common/score/metric.h"

/* X(name, text, folder) */
#define MODALITY_LIST(X)                                                                           \
    X(MODALITY_NLP, "NLP", "nlp")                                                                  \
    X(MODALITY_IMAGE, "Image", "image")                                                            \
    X(MODALITY_VIDEO, "Video", "video")                                                            \
    X(MODALITY_AUDIO, "Audio", "audio")                                                            \
    X(MODALITY_3D, "3D", "3d")

enum modality {
#define X(name, text, folder) name,
    MODALITY_LIST(X)
#undef X
        MODALITY_COUNT
};

/* X(name, text, folder). NLP is not divided. */
#define PARADIGM_LIST(X)                                                                           \
    X(PARADIGM_NONE, "", "")                                                                       \
    X(PARADIGM_COMPREHENSION, "Comprehension", "comprehension")                                    \
    X(PARADIGM_GENERATION, "Generation", "generation")

enum paradigm {
#define X(name, text, folder) name,
    PARADIGM_LIST(X)
#undef X
        PARADIGM_COUNT
};

const char *modality_text(enum modality m);
const char *paradigm_text(enum paradigm p);
/* "Image-Comprehension", "NLP", ...: the sheet of the General-Level workbook. */
const char *sheet_name_of(enum modality m, enum paradigm p);

struct task {
    const char *name; /* as in the SoTA table where there is one; unique in the suite with
                         its modality and paradigm */
    const char *path; /* "image/comprehension/OcrLines": the folder under the suite, or for
                         suites without folders the same form; what task filters match */
    enum modality modality;
    enum paradigm paradigm;
    const char *metric_name; /* byte for byte as given */
    const struct metric *metric;
    const char *scorer; /* command line (JSON array of words) of the scorer program; NULL: none */
    double sota;        /* the specialist's score in the metric's unit; NAN: none given */
    uint32_t size;      /* instances */
    struct digest data; /* of the instances: annotation bytes, names and sizes of media, metric,
                           scorer: a changed part is a different task */
};

/* What a sweep file says of a suite. Paths are absolute. */
struct suite_config {
    const char *name;
    const char *kind; /* "general-bench", "synthetic" */
    const char *path; /* the suite's folder, or its table */
    const char *sota; /* table of specialists (.csv, .xlsx); NULL: the suite's own, or none */
    const char *const *scorer_globs; /* task paths that need a scorer program ... */
    const char *const *scorers;      /* ... and its command, a JSON array of words */
    size_t scorer_count;
};

struct suite {
    struct suite_config config; /* strings copied */
    struct task *tasks;         /* in the order of the SoTA table, else by path */
    size_t task_count;
    struct arena arena;
};

/* Reads names, sizes and digests. Errors name the file, and line or key. A task that cannot be
 * used (no annotation, unknown metric, no metric at all) is an error that names it. */
err suite_open(const struct suite_config *config, struct suite *out, struct errmsg *msg);
void suite_release(struct suite *s);

/* The instances of one task, in memory. */
struct task_data;

/* ERR_STALE if the data on disk no longer have the digest of `task`. Of the task it needs path,
 * modality, paradigm, metric_name, scorer, size and data; nothing of it is kept. */
err task_data_open(const struct suite_config *config, const struct task *task,
                   struct task_data **out, struct errmsg *msg);
void task_data_close(struct task_data *d);

struct instance {
    const char *id;      /* the suite's own id of it, as text */
    struct span request; /* one JSON object without newline: what a model is asked (see
                            worker/host/PROTOCOL.md); file names in it are absolute */
    const struct span *references;
    size_t reference_count;
    unsigned option_count; /* multiple choice: how many options; else 0 */
};

/* Borrowed until the next call on the same task_data or its close. ERR_INVALID: this instance is
 * unusable (a missing file, a field of the wrong type); msg says which field and why. */
err task_data_instance(struct task_data *d, uint32_t index, struct instance *out,
                       struct errmsg *msg);

/* The instances of a limit: the `limit` smallest by rng_mix(seed, task data digest, index), so that
 * a sample of 50 is part of the sample of 100. limit 0 or >= size: all. One bit an instance. */
struct bitmap;
void task_sample(const struct task *task, uint32_t limit, uint64_t seed, struct bitmap *wanted);

#endif
