/* Keys of CURVE (ZeroMQ's encryption), as text in Z85, and the files that hold them.
 *
 * A key file is text, a word and its value a line; lines that begin with '#' are for people:
 *
 *     role worker          worker, operator or coordinator
 *     name node7
 *     public KEY           40 characters
 *     secret KEY
 *     coordinator KEY      its public key: what a worker or an operator knows it by
 *
 * It holds a secret: it is made with mode 0600, and refused when others may read or write it. */
#ifndef MUSTER_COMMON_IO_KEY_H
#define MUSTER_COMMON_IO_KEY_H

#include "common/err.h"
#include "common/span.h"

enum {
    KEY_CHARS = 40,
    KEY_TEXT_BYTES = KEY_CHARS + 1,
    KEY_RAW_BYTES = 32,
    KEY_NAME_BYTES_MAX = 64, /* it becomes the name of a file too */
    KEY_FILE_BYTES_MAX = 4096
};

/* X(name, text): what the holder of a key may be. */
#define KEY_ROLE_LIST(X)                                                                           \
    X(KEY_WORKER, "worker")                                                                        \
    X(KEY_OPERATOR, "operator")                                                                    \
    X(KEY_COORDINATOR, "coordinator")

enum key_role {
#define X(name, text) name,
    KEY_ROLE_LIST(X)
#undef X
        KEY_ROLE_COUNT
};

const char *key_role_text(enum key_role role);
/* False: no such role. */
bool key_role_parse(struct span text, enum key_role *out);

struct key_file {
    enum key_role role;
    char name[KEY_NAME_BYTES_MAX + 1];
    char public_key[KEY_TEXT_BYTES], secret_key[KEY_TEXT_BYTES];
    char coordinator[KEY_TEXT_BYTES]; /* "": not told, and always for a coordinator's own */
};

/* Letters, digits, '.', '_' and '-', not one of the last three first. */
bool key_name_is_valid(struct span name);
/* 40 characters of Z85 that stand for 32 bytes. */
bool key_is_valid(struct span text);
/* A public key as the wire has it (KEY_RAW_BYTES), as text. */
void key_format(const uint8_t *raw, char out[KEY_TEXT_BYTES]);

/* A new pair. The name must be valid. */
void key_make(enum key_role role, const char *name, struct key_file *out);
/* Overwrite the secret: for every key_file that held one. */
void key_forget(struct key_file *key);

/* The text of a key file; path is for messages, which never contain a secret. ERR_INVALID: msg
 * names the line. A key without "coordinator" is fine here. */
err key_parse(struct span text, const char *path, struct key_file *out, struct errmsg *msg);
/* ERR_DENIED: others may read or write it, or it is somebody else's. */
err key_read(const char *path, struct key_file *out, struct errmsg *msg);
/* The same, for whoever connects: of this role, and with the coordinator's key in it. */
err key_read_for(enum key_role role, const char *path, struct key_file *out, struct errmsg *msg);
/* A new file. ERR_EXISTS: there is one, and it stays. */
err key_write(const char *path, const struct key_file *key, struct errmsg *msg);

#endif
