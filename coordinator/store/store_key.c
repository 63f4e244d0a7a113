#include "coordinator/store/store_key.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/check.h"

static const char *const table_names[TABLE_COUNT] = {
#define X(name, text) [name] = text,
    STORE_TABLE_LIST(X)
#undef X
};

/* How many bytes of a key stand behind (model, task). */
static const uint8_t number_bytes[TABLE_COUNT] = {
    [TABLE_BLOCK] = 8,   [TABLE_DONE] = 4,   [TABLE_TALLY] = 0,
    [TABLE_FAILURE] = 4, [TABLE_STRIKE] = 4, [TABLE_REOPENED] = 4,
};

enum { HEX_SHOWN = 24 }; /* bytes of a key that is named by them */

static const char head_name[] = "\0head";

const char *store_table_name(enum store_table table)
{
    check((unsigned)table < TABLE_COUNT);
    return table_names[table];
}

static struct store_key key_of_bytes(const void *bytes, size_t len)
{
    struct store_key key = { .len = len };
    check(len > 0 && len <= sizeof(key.bytes));
    memcpy(key.bytes, bytes, len);
    return key;
}

struct store_key store_key_head(void)
{
    return key_of_bytes(head_name, sizeof(head_name) - 1);
}

struct store_key store_key_meta(const char *name)
{
    return key_of_bytes(name, strlen(name));
}

struct store_key store_key_digest(const struct digest *digest)
{
    return key_of_bytes(digest->bytes, sizeof(digest->bytes));
}

static void append_number(struct store_key *key, uint64_t number, unsigned bytes)
{
    check(bytes == 8 || number >> (8 * bytes) == 0);
    for (unsigned i = bytes; i > 0; i--)
        key->bytes[key->len++] = (uint8_t)(number >> (8 * (i - 1)));
}

struct store_key store_key_place(enum store_table table, uint32_t model, uint32_t task,
                                 uint64_t number)
{
    check(table >= TABLE_BLOCK && table < TABLE_COUNT);
    struct store_key key = { 0 };
    append_number(&key, model, 4);
    append_number(&key, task, 4);
    append_number(&key, number, number_bytes[table]);
    return key;
}

static uint64_t number_at(const uint8_t *at, unsigned bytes)
{
    uint64_t number = 0;
    for (unsigned i = 0; i < bytes; i++)
        number = number << 8 | at[i];
    return number;
}

bool store_key_parse(enum store_table table, struct span key, struct store_place *out)
{
    check(table >= TABLE_BLOCK && table < TABLE_COUNT);
    if (key.len != STORE_CELL_KEY_BYTES + (size_t)number_bytes[table])
        return false;
    out->model = (uint32_t)number_at(key.data, 4);
    out->task = (uint32_t)number_at(key.data + 4, 4);
    out->number = number_at(key.data + STORE_CELL_KEY_BYTES, number_bytes[table]);
    return true;
}

/* The beginning of a key; `out` has room for it. */
static void put_hex(struct span key, char *out)
{
    size_t shown = key.len < HEX_SHOWN ? key.len : HEX_SHOWN;
    for (size_t i = 0; i < shown; i++)
        snprintf(out + 2 * i, 3, "%02x", key.data[i]);
}

void store_key_text(enum store_table table, struct span key, char out[STORE_KEY_TEXT_BYTES])
{
    struct store_place place;
    check((unsigned)table < TABLE_COUNT);
    if (table < TABLE_BLOCK || !store_key_parse(table, key, &place)) {
        int len = snprintf(out, STORE_KEY_TEXT_BYTES - 2 * HEX_SHOWN, "%s ", table_names[table]);
        put_hex(key, out + len);
        /* cppcheck-suppress arrayIndexOutOfBoundsCond ; checked above */
    } else if (number_bytes[table] == 0) {
        snprintf(out, STORE_KEY_TEXT_BYTES, "%s (model %u, task %u)", table_names[table],
                 place.model, place.task);
    } else {
        snprintf(out, STORE_KEY_TEXT_BYTES, "%s (model %u, task %u, %" PRIu64 ")",
                 table_names[table], place.model, place.task, place.number);
    }
}
