/* The first byte chooses: a key file or an allow list. Taken, or refused with a sentence that names
 * file and line and can be shown on a terminal. What is taken has valid names and keys, and an
 * allow list finds each of its keys. */
#include "tests/fuzz/fuzz.h"

#include "common/io/key.h"
#include "common/text.h"
#include "coordinator/access/allowed.h"

static void check_refusal(const struct errmsg *msg)
{
    check(strncmp(msg->text, "FILE: ", 6) == 0 && text_is_utf8(span_str(msg->text)));
    for (const char *c = msg->text; *c; c++)
        check((unsigned char)*c >= 0x20);
}

static void try_key(struct span text)
{
    struct key_file key;
    struct errmsg msg = { "" };
    if (key_parse(text, "FILE", &key, &msg) != OK) {
        check_refusal(&msg);
        return;
    }
    check(key_name_is_valid(span_str(key.name)) && (unsigned)key.role < KEY_ROLE_COUNT);
    check(key_is_valid(span_str(key.public_key)) && key_is_valid(span_str(key.secret_key)));
    check(!key.coordinator[0] || key_is_valid(span_str(key.coordinator)));
    key_forget(&key);
}

static void try_list(struct span text)
{
    struct allowed a;
    struct errmsg msg = { "" };
    if (allowed_parse(text, "FILE", &a, &msg) != OK) {
        check_refusal(&msg);
        return;
    }
    check(a.count <= ALLOWED_MAX);
    for (size_t i = 0; i < a.count; i++) {
        const struct allowed_key *key = &a.keys[i];
        check(key_name_is_valid(span_str(key->name)) && key->role != KEY_COORDINATOR);
        check(allowed_find(&a, key->public_key) == key);
    }
    allowed_release(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct span text = span_of(data + 1, size - 1);
    if (data[0] % 2 == 0)
        try_key(text);
    else
        try_list(text);
    return 0;
}
