/* An .xlsx file is a zip of XML parts. This opens one and streams its parts through a parser:
 * bounded in size and depth, no document types, so no entities of its own. */
#ifndef MUSTER_COMMON_IO_XLSX_PART_H
#define MUSTER_COMMON_IO_XLSX_PART_H

#include "common/err.h"
#include "common/span.h"

struct zip;

struct xlsx {
    struct zip *zip;
    const char *name;  /* of the file, for messages */
    uint64_t unpacked; /* bytes of all parts read so far */
    struct errmsg *msg;
};

/* What a reader of a part wants to hear. Names come without their namespace; attributes are pairs
 * of name and value, ended by NULL, and live as long as the call. An err ends the reading; the
 * handler has said why in the xlsx's msg. */
struct xlsx_handlers {
    err (*start)(void *reader, const char *element, const char **attributes);
    err (*end)(void *reader, const char *element);
    err (*text)(void *reader, struct span text); /* a run; one text may come in several */
};

/* Borrows the bytes until xlsx_close. After a failure there is nothing to close. */
err xlsx_open(struct span bytes, const char *name, struct xlsx *out, struct errmsg *msg);
void xlsx_close(struct xlsx *x);

/* ERR_NOT_FOUND: no such part. Handlers may be NULL. */
err xlsx_parse(struct xlsx *x, const char *part, const struct xlsx_handlers *handlers,
               void *reader);

/* The value of an attribute of these; NULL: it is not there. */
const char *xlsx_attribute(const char **attributes, const char *name);

#endif
