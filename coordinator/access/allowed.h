/* The allow list: which public keys may connect, and as what. A text file for people,
 *
 *     worker node7 KEY
 *     operator alice KEY
 *
 * a key a line; empty lines and lines that begin with '#' are skipped. It holds no secret, but
 * whoever can write it decides who may connect: it is refused when others may. */
#ifndef MUSTER_COORDINATOR_ACCESS_ALLOWED_H
#define MUSTER_COORDINATOR_ACCESS_ALLOWED_H

#include <stddef.h>

#include "common/io/key.h"

enum { ALLOWED_MAX = 20000, ALLOWED_BYTES_MAX = 4 << 20 };

struct allowed_key {
    enum key_role role; /* KEY_WORKER or KEY_OPERATOR */
    char name[KEY_NAME_BYTES_MAX + 1];
    char public_key[KEY_TEXT_BYTES];
};

/* Sorted by public key. `struct allowed a = { 0 };` is an empty one. */
struct allowed {
    struct allowed_key *keys;
    size_t count;
};

/* ERR_INVALID: msg names path, line and what was expected. ERR_LIMIT: too many. The caller releases
 * out after OK. */
err allowed_parse(struct span text, const char *path, struct allowed *out, struct errmsg *msg);
/* ERR_DENIED: others may write the file. */
err allowed_read(const char *path, struct allowed *out, struct errmsg *msg);
void allowed_release(struct allowed *a);

/* NULL: not in the list. Borrowed. */
const struct allowed_key *allowed_find(const struct allowed *a, const char *public_key);

/* Add a line for this key; the file is made if it is absent. ERR_EXISTS: the key or its name is in
 * the list already. */
err allowed_add(const char *path, const struct key_file *key, struct errmsg *msg);

#endif
