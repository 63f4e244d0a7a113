/* Reads the fields of a message in order, and says what is wrong with the first one that is not as
 * it should be: "hello: slots[3].gpus: expected a whole number up to 1024". From then on every
 * field reads as 0 or empty, so that a decoder asks once, at its end. */
#ifndef MUSTER_PROTO_FIELDS_H
#define MUSTER_PROTO_FIELDS_H

#include <msgpack.h>

#include "common/err.h"
#include "common/span.h"

/* One message being read. */
struct reading {
    const char *type;   /* for messages: "hello" */
    struct errmsg *msg; /* may be NULL */
    bool failed;
};

/* The fields of the message, or of a list in it, or of a record in such a list. */
struct fields {
    struct reading *reading;
    const char *list; /* its name; NULL: the message itself */
    bool is_record;   /* number `row` of the list */
    uint32_t row;
    const msgpack_object *items;
    uint32_t count, next;
};

struct fields fields_of(struct reading *reading, const msgpack_object *array);

uint64_t take_uint(struct fields *f, const char *name, uint64_t max);
uint32_t take_u32(struct fields *f, const char *name, uint32_t max);
bool take_bool(struct fields *f, const char *name);
/* Spans borrow from what was unpacked. */
struct span take_text(struct fields *f, const char *name, size_t bytes_max);
struct span take_bytes(struct fields *f, const char *name, size_t bytes_max);
/* Text that people will see: at most NAME_BYTES_MAX of UTF-8 without control characters. */
struct span take_name(struct fields *f, const char *name);
/* A list of at most items_max. Its elements are read from what is returned. */
struct fields take_list(struct fields *f, const char *name, uint32_t items_max);
/* The next element of a list: a record. Ends with fields_end. */
struct fields take_record(struct fields *list);

/* Whether the sender knew of the fields from here on: those of a later minor version may be absent.
 */
bool fields_left(const struct fields *f);

/* Nothing may be left. */
void fields_end(struct fields *f);

/* What was read does not make sense together. */
void fields_refuse(struct fields *f, const char *name, const char *expected, ...)
    __attribute__((format(printf, 3, 4)));

#endif
