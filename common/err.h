/* What can go wrong outside, and the sentence that tells a person.
 *
 * A function that can fail returns an err; OK is 0. Results come through the last parameters and
 * are untouched or empty after a failure: the caller owes nothing. Functions near a person's input
 * also take a struct errmsg, and fill it once, where the path, line or key is known.
 * Bugs do not come here: they end the process (check.h). */
#ifndef MUSTER_COMMON_ERR_H
#define MUSTER_COMMON_ERR_H

/* X(name, text): the text is what err_text gives. */
#define ERR_LIST(X)                                                                                \
    X(OK, "ok")                                                                                    \
    X(ERR_IO, "input/output error")                                                                \
    X(ERR_NOT_FOUND, "not found")                                                                  \
    X(ERR_INVALID, "invalid")                                                                      \
    X(ERR_LIMIT, "over a limit")                                                                   \
    X(ERR_EXISTS, "already there")                                                                 \
    X(ERR_STALE, "no longer current")                                                              \
    X(ERR_CORRUPT, "damaged")                                                                      \
    X(ERR_FULL, "no space left")                                                                   \
    X(ERR_AGAIN, "not now")                                                                        \
    X(ERR_TIMEOUT, "too late")                                                                     \
    X(ERR_CLOSED, "closed")                                                                        \
    X(ERR_UNSUPPORTED, "not supported")                                                            \
    X(ERR_BUSY, "held by another process")                                                         \
    X(ERR_DENIED, "not allowed")

typedef enum err {
#define X(name, text) name,
    ERR_LIST(X)
#undef X
} err;

enum { ERRMSG_BYTES = 1024 };

/* One sentence for a person: what is wrong, where, what was expected, what to do. */
struct errmsg {
    char text[ERRMSG_BYTES]; /* always ended by NUL; "" when nothing was said */
};

/* The words of a code, for logs. Static. */
const char *err_text(err e);

/* Write the sentence (truncated to fit) and return e, so that a caller can `return err_say(...)`.
 * msg may be NULL: then only e is returned. */
err err_say(struct errmsg *msg, err e, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#ifdef MUSTER_ANALYSIS /* tests/lint/analysis.py: that it returns e is in another file */
#define err_say(msg, e, ...) (err_say((msg), (e), __VA_ARGS__), (e))
#endif

#endif
