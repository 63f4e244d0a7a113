#include "common/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/check.h"
#include "common/text.h"

static const char *const err_texts[] = {
#define X(name, text) [name] = text,
    ERR_LIST(X)
#undef X
};

const char *err_text(err e)
{
    check((size_t)e < sizeof(err_texts) / sizeof(err_texts[0]));
    return err_texts[e];
}

#undef err_say /* the macro of analysers */
err err_say(struct errmsg *msg, err e, const char *format, ...)
{
    if (!msg)
        return e;
    /* Formatted aside: an argument may be the sentence itself, to put a path in front of it. */
    char text[ERRMSG_BYTES + 1];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    check(len >= 0);
    size_t there = (size_t)len < ERRMSG_BYTES ? (size_t)len : ERRMSG_BYTES;
    size_t kept = text_cut(span_of(text, there), ERRMSG_BYTES - 1).len;
    memcpy(msg->text, text, kept);
    msg->text[kept] = '\0';
    return e;
}
