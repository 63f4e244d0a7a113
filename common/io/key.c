#include "common/io/key.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include "common/buf.h"
#include "common/check.h"
#include "common/io/file.h"

static const char *const role_texts[KEY_ROLE_COUNT] = {
#define X(name, text) [name] = text,
    KEY_ROLE_LIST(X)
#undef X
};

const char *key_role_text(enum key_role role)
{
    check((unsigned)role < KEY_ROLE_COUNT);
    return role_texts[role];
}

bool key_role_parse(struct span text, enum key_role *out)
{
    for (unsigned i = 0; i < KEY_ROLE_COUNT; i++) {
        if (!span_equal(text, span_str(role_texts[i])))
            continue;
        *out = (enum key_role)i;
        return true;
    }
    return false;
}

/* ---- Names and keys ---- */

static bool is_alphanumeric(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool key_name_is_valid(struct span name)
{
    if (name.len == 0 || name.len > KEY_NAME_BYTES_MAX || !is_alphanumeric(name.data[0]))
        return false;
    for (size_t i = 1; i < name.len; i++)
        if (!is_alphanumeric(name.data[i]) && !memchr("._-", name.data[i], 3))
            return false;
    return true;
}

bool key_is_valid(struct span text)
{
    char ended[KEY_TEXT_BYTES];
    uint8_t raw[KEY_RAW_BYTES];
    if (text.len != KEY_CHARS || memchr(text.data, '\0', text.len))
        return false;
    memcpy(ended, text.data, KEY_CHARS);
    ended[KEY_CHARS] = '\0';
    bool valid = zmq_z85_decode(raw, ended) != NULL;
    explicit_bzero(ended, sizeof(ended)); /* it may be a secret */
    explicit_bzero(raw, sizeof(raw));
    return valid;
}

void key_format(const uint8_t *raw, char out[KEY_TEXT_BYTES])
{
    check(zmq_z85_encode(out, raw, KEY_RAW_BYTES));
}

void key_make(enum key_role role, const char *name, struct key_file *out)
{
    check(key_name_is_valid(span_str(name)));
    *out = (struct key_file){ .role = role };
    memcpy(out->name, name, strlen(name));
    check(zmq_curve_keypair(out->public_key, out->secret_key) == 0); /* libzmq has CURVE */
}

void key_forget(struct key_file *key)
{
    explicit_bzero(key->secret_key, sizeof(key->secret_key));
}

/* ---- Reading ---- */

/* Where the key behind this word belongs; NULL: there is none behind it. */
static char *key_field(struct key_file *key, struct span word)
{
    if (span_equal(word, span_str("public")))
        return key->public_key;
    if (span_equal(word, span_str("secret")))
        return key->secret_key;
    if (span_equal(word, span_str("coordinator")))
        return key->coordinator;
    return NULL;
}

static bool take_name(struct key_file *key, struct span value)
{
    if (!key_name_is_valid(value))
        return false;
    memcpy(key->name, value.data, value.len);
    key->name[value.len] = '\0';
    return true;
}

static bool take_key(char *field, struct span value)
{
    if (!key_is_valid(value))
        return false;
    memcpy(field, value.data, KEY_CHARS);
    field[KEY_CHARS] = '\0';
    return true;
}

/* What was expected; NULL: taken. */
static const char *take_line(struct key_file *key, bool *has_role, struct span word,
                             struct span value)
{
    char *field = key_field(key, word);
    if (field)
        return take_key(field, value) ? NULL : "a key of 40 characters behind it";
    if (span_equal(word, span_str("name")))
        return take_name(key, value) ? NULL : "a name of letters, digits, \".\", \"_\" and \"-\"";
    if (span_equal(word, span_str("role"))) {
        *has_role = true;
        return key_role_parse(value, &key->role) ? NULL : "worker, operator or coordinator";
    }
    return "one of role, name, public, secret, coordinator";
}

/* The next line without its end and blanks around it; false: there is none. */
static bool next_line(struct span *text, struct span *line)
{
    if (text->len == 0)
        return false;
    const uint8_t *stop = memchr(text->data, '\n', text->len);
    size_t len = stop ? (size_t)(stop - text->data) : text->len;
    *line = span_of(text->data, len);
    len += stop ? 1 : 0;
    *text = span_of(text->data + len, text->len - len);
    while (line->len > 0 && memchr(" \t\r", line->data[line->len - 1], 3))
        line->len--;
    return true;
}

/* "word   value". */
static void split(struct span line, struct span *word, struct span *value)
{
    size_t end = 0;
    while (end < line.len && line.data[end] != ' ' && line.data[end] != '\t')
        end++;
    *word = span_of(line.data, end);
    while (end < line.len && (line.data[end] == ' ' || line.data[end] == '\t'))
        end++;
    *value = span_of(line.data + end, line.len - end);
}

/* The public key must be that of the secret: a file put together wrongly is told here, and not by
 * a coordinator that stays silent. */
static bool is_pair(const struct key_file *key)
{
    char derived[KEY_TEXT_BYTES];
    check(zmq_curve_public(derived, key->secret_key) == 0); /* key_is_valid: it can be decoded */
    return strcmp(derived, key->public_key) == 0;
}

static err check_whole(const struct key_file *key, bool has_role, const char *path,
                       struct errmsg *msg)
{
    const struct {
        bool there;
        const char *word;
    } wanted[] = {
        { has_role, "role" },
        { key->name[0] != '\0', "name" },
        { key->public_key[0] != '\0', "public" },
        { key->secret_key[0] != '\0', "secret" },
    };
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
        if (!wanted[i].there)
            return err_say(msg, ERR_INVALID, "%s: no line \"%s ...\": is it a key file of muster?",
                           path, wanted[i].word);
    if (!is_pair(key))
        return err_say(msg, ERR_INVALID, "%s: its public key does not belong to its secret key",
                       path);
    return OK;
}

err key_parse(struct span text, const char *path, struct key_file *out, struct errmsg *msg)
{
    struct key_file key = { .role = KEY_WORKER };
    struct span line, word, value;
    bool has_role = false;
    err e = OK;
    for (unsigned number = 1; e == OK && next_line(&text, &line); number++) {
        split(line, &word, &value);
        if (line.len == 0 || line.data[0] == '#')
            continue;
        const char *expected = take_line(&key, &has_role, word, value);
        if (expected) /* without what was found: it may be a secret */
            e = err_say(msg, ERR_INVALID, "%s: line %u: expected %s", path, number, expected);
    }
    if (e == OK)
        e = check_whole(&key, has_role, path, msg);
    if (e == OK)
        *out = key;
    key_forget(&key);
    return e;
}

err key_read(const char *path, struct key_file *out, struct errmsg *msg)
{
    struct buf text = { 0 };
    err e = file_read_secret(path, KEY_FILE_BYTES_MAX, &text, msg);
    if (e == OK)
        e = key_parse(buf_span(&text), path, out, msg);
    if (text.capacity > 0)
        explicit_bzero(text.data, text.capacity);
    buf_release(&text);
    return e;
}

err key_read_for(enum key_role role, const char *path, struct key_file *out, struct errmsg *msg)
{
    err e = key_read(path, out, msg);
    if (e)
        return e;
    if (out->role != role)
        e = err_say(msg, ERR_INVALID, "%s: it is the key of %s %s, and the key of %s %s is needed",
                    path, out->role == KEY_OPERATOR ? "an" : "a", key_role_text(out->role),
                    role == KEY_OPERATOR ? "an" : "a", key_role_text(role));
    else if (!out->coordinator[0])
        e = err_say(msg, ERR_INVALID,
                    "%s: the coordinator's public key is missing: append the line of its "
                    "keys/coordinator.pub",
                    path);
    if (e)
        key_forget(out);
    return e;
}

/* ---- Writing ---- */

err key_write(const char *path, const struct key_file *key, struct errmsg *msg)
{
    struct buf text = { 0 };
    if (!file_is_absent(path))
        return err_say(msg, ERR_EXISTS,
                       "%s is there already, or cannot be examined: move it away, or choose "
                       "another name",
                       path);
    buf_reserve(&text, KEY_FILE_BYTES_MAX); /* so that no copy of the secret is left behind */
    buf_printf(&text, "# A key of muster. Whoever can read it can use it: keep it at mode 0600.\n");
    buf_printf(&text, "role %s\nname %s\n", key_role_text(key->role), key->name);
    buf_printf(&text, "public %s\nsecret %s\n", key->public_key, key->secret_key);
    if (key->coordinator[0])
        buf_printf(&text, "coordinator %s\n", key->coordinator);
    err e = file_write_atomic(path, buf_span(&text), 0600, msg);
    if (e)
        (void)unlink(path); /* of a key that may not last nobody is told; it was not there before */
    explicit_bzero(text.data, text.capacity);
    buf_release(&text);
    return e;
}
