#include "coordinator/access/allowed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/buf.h"
#include "common/io/file.h"
#include "common/mem.h"

static const char HEAD[] = "# Who may connect: a role (worker or operator), a name, a public key. "
                           "After a change, send\n# SIGHUP to the coordinator.\n";

/* ---- Reading ---- */

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* The next word of the line, taken off it; empty: there is none. */
static struct span next_word(struct span *line)
{
    size_t from = 0, to;
    while (from < line->len && is_blank(line->data[from]))
        from++;
    for (to = from; to < line->len && !is_blank(line->data[to]);)
        to++;
    struct span word = span_of(line->data + from, to - from);
    *line = span_of(line->data + to, line->len - to);
    return word;
}

static struct span next_line(struct span *text)
{
    const uint8_t *stop = memchr(text->data, '\n', text->len);
    size_t len = stop ? (size_t)(stop - text->data) : text->len;
    struct span line = span_of(text->data, len);
    len += stop ? 1 : 0;
    *text = span_of(text->data + len, text->len - len);
    return line;
}

static void copy_text(char *out, struct span text)
{
    memcpy(out, text.data, text.len);
    out[text.len] = '\0';
}

/* What was expected; NULL: taken. */
static const char *read_key(struct span line, struct allowed_key *out)
{
    struct span role = next_word(&line), name = next_word(&line), key = next_word(&line);
    if (!key_role_parse(role, &out->role) || out->role == KEY_COORDINATOR)
        return "\"worker NAME KEY\" or \"operator NAME KEY\"";
    if (!key_name_is_valid(name))
        return "a name of letters, digits, \".\", \"_\" and \"-\" as the second word";
    if (!key_is_valid(key))
        return "a public key of 40 characters as the third word";
    if (next_word(&line).len > 0)
        return "nothing behind the key";
    copy_text(out->name, name);
    copy_text(out->public_key, key);
    return NULL;
}

static err read_lines(struct span text, const char *path, struct allowed *out, struct errmsg *msg)
{
    size_t capacity = 0;
    for (unsigned number = 1; text.len > 0; number++) {
        struct span line = next_line(&text), rest = line;
        if (next_word(&rest).len == 0 || line.data[0] == '#')
            continue;
        if (out->count == ALLOWED_MAX)
            return err_say(msg, ERR_LIMIT, "%s: more than %d keys", path, ALLOWED_MAX);
        out->keys = xgrow(out->keys, &capacity, out->count + 1, sizeof(out->keys[0]));
        const char *expected = read_key(line, &out->keys[out->count]);
        if (expected)
            return err_say(msg, ERR_INVALID, "%s: line %u: expected %s", path, number, expected);
        out->count++;
    }
    return OK;
}

static int by_key(const void *a, const void *b)
{
    const struct allowed_key *left = a, *right = b;
    return strcmp(left->public_key, right->public_key);
}

/* One key is one line: it could not be two roles. */
static err refuse_twice(const struct allowed *a, const char *path, struct errmsg *msg)
{
    for (size_t i = 1; i < a->count; i++)
        if (by_key(&a->keys[i - 1], &a->keys[i]) == 0)
            return err_say(msg, ERR_INVALID, "%s: the key of %s is there twice", path,
                           a->keys[i].name);
    return OK;
}

err allowed_parse(struct span text, const char *path, struct allowed *out, struct errmsg *msg)
{
    struct allowed a = { 0 };
    err e = read_lines(text, path, &a, msg);
    if (e == OK && a.count > 1)
        qsort(a.keys, a.count, sizeof(a.keys[0]), by_key);
    if (e == OK)
        e = refuse_twice(&a, path, msg);
    if (e) {
        allowed_release(&a);
        return e;
    }
    *out = a;
    return OK;
}

static err refuse_writable(const char *path, struct errmsg *msg)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return err_say(msg, ERR_IO, "cannot examine %s: %s", path, strerror(errno));
    if ((st.st_mode & 022) != 0)
        return err_say(msg, ERR_DENIED, "%s: others may write it (mode %04o): chmod 600 it", path,
                       (unsigned)st.st_mode & 07777);
    return OK;
}

static err read_text(const char *path, struct buf *text, struct errmsg *msg)
{
    err e = refuse_writable(path, msg);
    return e ? e : file_read(path, ALLOWED_BYTES_MAX, text, msg);
}

err allowed_read(const char *path, struct allowed *out, struct errmsg *msg)
{
    struct buf text = { 0 };
    err e = read_text(path, &text, msg);
    if (e == OK)
        e = allowed_parse(buf_span(&text), path, out, msg);
    buf_release(&text);
    return e;
}

void allowed_release(struct allowed *a)
{
    free(a->keys);
    *a = (struct allowed){ 0 };
}

const struct allowed_key *allowed_find(const struct allowed *a, const char *public_key)
{
    struct allowed_key wanted = { .role = KEY_WORKER }; /* looked up by its key alone */
    if (a->count == 0 || strlen(public_key) != KEY_CHARS)
        return NULL;
    memcpy(wanted.public_key, public_key, KEY_TEXT_BYTES);
    return bsearch(&wanted, a->keys, a->count, sizeof(a->keys[0]), by_key);
}

/* ---- Adding ---- */

static err refuse_known(const struct allowed *a, const char *path, const struct key_file *key,
                        struct errmsg *msg)
{
    if (allowed_find(a, key->public_key))
        return err_say(msg, ERR_EXISTS, "%s: this key is in it already", path);
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(a->keys[i].name, key->name) == 0)
            return err_say(msg, ERR_EXISTS, "%s: there is a key of \"%s\" in it already", path,
                           key->name);
    return OK;
}

/* A list that cannot be read any more would let nobody in. */
static err check_readable(struct span text, const char *path, struct errmsg *msg)
{
    struct allowed again;
    if (text.len > ALLOWED_BYTES_MAX)
        return err_say(msg, ERR_LIMIT, "%s: it would have more than %d bytes", path,
                       ALLOWED_BYTES_MAX);
    err e = allowed_parse(text, path, &again, msg);
    if (e == OK)
        allowed_release(&again);
    return e;
}

err allowed_add(const char *path, const struct key_file *key, struct errmsg *msg)
{
    struct buf text = { 0 };
    struct allowed known = { 0 };
    err e = OK;
    if (file_is_absent(path))
        buf_append_str(&text, HEAD);
    else
        e = read_text(path, &text, msg);
    if (e == OK)
        e = allowed_parse(buf_span(&text), path, &known, msg);
    if (e == OK)
        e = refuse_known(&known, path, key, msg);
    if (e == OK) {
        if (text.len > 0 && text.data[text.len - 1] != '\n')
            buf_append_byte(&text, '\n');
        buf_printf(&text, "%s %s %s\n", key_role_text(key->role), key->name, key->public_key);
        e = check_readable(buf_span(&text), path, msg);
    }
    if (e == OK)
        e = file_write_atomic(path, buf_span(&text), 0600, msg);
    allowed_release(&known);
    buf_release(&text);
    return e;
}
