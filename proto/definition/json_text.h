/* Writing JSON as text, byte for byte the same for the same values: identities are digests of it.
 * (Reading is done with jansson. Its writer prints 0.1 as 0.10000000000000001, which is right and
 * which nobody wants to see in a request or a report.)
 *
 * Objects are written by hand: a '{', for each member json_put_X (or json_key and a value), a '}'.
 */
#ifndef MUSTER_PROTO_JSON_TEXT_H
#define MUSTER_PROTO_JSON_TEXT_H

#include "common/buf.h"

/* A comma, unless this is the first thing in its object; then "key": */
void json_key(struct buf *out, const char *key);
/* A comma, unless this is the first thing in its list. */
void json_item(struct buf *out);

/* A string; bytes that are no UTF-8 become U+FFFD. NULL: null. */
void json_append_text(struct buf *out, const char *text);
/* The shortest decimal that reads back as the same double, always with a point or an exponent, so
 * that it stays a real. Not finite: null. */
void json_append_real(struct buf *out, double value);
void json_append_u64(struct buf *out, uint64_t value);
/* A list of strings. */
void json_append_words(struct buf *out, const char *const *words, size_t count);

/* A member: its key and its value. */
void json_put_text(struct buf *out, const char *key, const char *text);
void json_put_real(struct buf *out, const char *key, double value);
void json_put_u64(struct buf *out, const char *key, uint64_t value);
void json_put_words(struct buf *out, const char *key, const char *const *words, size_t count);

#endif
