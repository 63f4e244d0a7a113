/* The parts of the General-Bench reader. Only suite_general_bench.c and gb_*.c include this.
 *
 *   gb_annotation.c  finds and parses the annotation of a task's folder
 *   gb_media.c       which fields name files, and where those files are
 *   gb_input.c       the input of an annotation's item, as a request has it
 *   gb_references.c  the references of an annotation's item
 *   gb_metric.c      how a task is scored, from the name of its metric, its type and its modality
 */
#ifndef MUSTER_COMMON_SUITE_GENERAL_BENCH_H
#define MUSTER_COMMON_SUITE_GENERAL_BENCH_H

#include <jansson.h>

#include "common/suite/suite.h"

enum {
    ANNOTATION_BYTES_MAX = 256 << 20, /* masks of whole videos are kept in them */
    FOLDER_DEPTH_MAX = 4,             /* of frames under a task's media folder */
    FOLDER_ENTRIES_MAX = 1 << 20
};

/* ---- gb_annotation.c ---- */

struct gb_annotation {
    json_t *root;
    const json_t *items; /* the list `data` */
    const char *name;    /* `task`; NULL: none */
    const char *type;    /* `type`; "" if there is none */
    const char *metric;  /* `metric`, a key of muster's own; NULL: none */
    char *path;          /* of the file */
    struct digest bytes;
};

/* folder: absolute; its last part may name the annotation file. The texts of `out` borrow from its
 * root. */
err gb_annotation_load(const char *folder, struct gb_annotation *out, struct errmsg *msg);
void gb_annotation_release(struct gb_annotation *a);

/* ---- gb_media.c ---- */

/* Where the files of a task are. */
struct gb_media {
    int folder_fd;
    char *folder; /* as given: what names in requests begin with */
    char *root;   /* without symbolic links */
    char *store;  /* where the annotation really lies, if that is outside root; else NULL */
    enum modality modality;
};

enum gb_field { GB_PLAIN, GB_FILE, GB_PATH /* a file or a folder of files */ };

err gb_media_open(const char *folder, const char *annotation, enum modality modality,
                  struct gb_media *out, struct errmsg *msg);
void gb_media_close(struct gb_media *m);

/* What a value under this key of `input` or `output` names. */
enum gb_field gb_field_of(enum modality modality, const char *key);

/* The absolute path of a named file, appended with a NUL behind it. ERR_INVALID: it is absolute,
 * leaves the task's folder, is missing, or is not of this kind; msg says which. */
err gb_media_resolve(const struct gb_media *m, enum gb_field field, const char *name,
                     struct buf *out, struct errmsg *msg);

/* Feed the names and sizes of all that the item names. What is missing is told apart from what is
 * empty. ERR_LIMIT: a folder with too many entries. */
err gb_media_digest(const struct gb_media *m, const json_t *item, struct digester *d,
                    struct errmsg *msg);

/* ---- gb_metric.c ---- */

/* How a task is scored; NULL: unknown metric. The result lives in `arena` or is static. */
const struct metric *gb_metric_of(const struct task *task, const struct gb_annotation *a,
                                  struct arena *arena);

/* ---- gb_input.c, gb_references.c ---- */

struct gb_item {
    const struct task *task;
    const char *type;
    const struct gb_media *media;
    struct arena *arena; /* of this instance */
};

/* A copy of the object with all file names in it made absolute. The caller owns it. */
err gb_resolve_object(const struct gb_item *g, json_t *object, json_t **out, struct errmsg *msg);
/* The input object of an item, files made absolute. The caller owns it. */
err gb_instance_input(const struct gb_item *g, const json_t *item, json_t **out,
                      struct errmsg *msg);
/* The references of an item, in the arena. None is fine for METRIC_SCORED alone. */
err gb_instance_references(const struct gb_item *g, const json_t *item, struct span **out,
                           size_t *out_count, struct errmsg *msg);
/* An id or another scalar as text, in the arena; NULL if it is neither text, number nor bool. */
const char *gb_scalar_text(const json_t *value, struct arena *arena);

#endif
