/* Names: globs, and what somebody may have meant. */
#include "common/text.h"

/* Where to go on when a star took too little. */
struct retry {
    const char *pattern; /* behind the star; NULL: no star yet */
    const char *name;    /* what the star has not taken */
    bool by_parts;       /* the star is a **, with its slash: takes parts, with theirs */
};

static const char *next_character(const char *text)
{
    do {
        text++;
    } while (((unsigned char)*text & 0xC0) == 0x80); /* continuation bytes of UTF-8 */
    return text;
}

/* Let the star take more. False if it cannot. */
static bool lengthen(struct retry *r, bool crosses_parts)
{
    if (!r->pattern || *r->name == '\0' || (*r->name == '/' && !crosses_parts))
        return false;
    if (!r->by_parts) {
        r->name = next_character(r->name);
        return true;
    }
    const char *slash = strchr(r->name, '/');
    if (!slash)
        return false;
    r->name = slash + 1;
    return true;
}

/* Only the last * and the last ** are ever retried: what an earlier one could still take, a later
 * one can take as well. So the work is bounded by a polynomial, whoever wrote the pattern. */
bool text_glob(const char *pattern, const char *name)
{
    const char *const whole = pattern;
    struct retry one = { 0 }, two = { 0 };
    for (;;) {
        if (pattern[0] == '*' && pattern[1] == '*') {
            bool starts_part = pattern == whole || pattern[-1] == '/';
            bool by_parts = starts_part && pattern[2] == '/';
            pattern += by_parts ? 3 : 2;
            two = (struct retry){ pattern, name, by_parts };
            one = (struct retry){ 0 };
        } else if (*pattern == '*') {
            pattern++;
            one = (struct retry){ pattern, name, false };
        } else if (*pattern == '?' && *name != '\0' && *name != '/') {
            pattern++;
            name = next_character(name);
        } else if (*pattern == *name && *name != '\0') {
            pattern++;
            name++;
        } else if (*pattern == '\0' && *name == '\0') {
            return true;
        } else if (lengthen(&one, false)) {
            pattern = one.pattern;
            name = one.name;
        } else if (lengthen(&two, true)) {
            pattern = two.pattern;
            name = two.name;
            one = (struct retry){ 0 };
        } else {
            return false;
        }
    }
}

enum { WORD_BYTES_MAX = 200 }; /* a longer one is no slip of the finger */

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t m = a < b ? a : b;
    return m < c ? m : c;
}

/* Insertions, deletions, replacements and swaps of neighbours that lead from a to b. */
static size_t edit_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t rows[3][WORD_BYTES_MAX + 1];
    size_t *before = rows[0], *above = rows[1], *row = rows[2];
    for (size_t j = 0; j <= b_len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        size_t *recycled = before;
        before = above;
        above = row;
        row = recycled;
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t replaced = above[j - 1] + (a[i - 1] != b[j - 1]);
            row[j] = min3(replaced, above[j] + 1, row[j - 1] + 1);
            bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped && before[j - 2] + 1 < row[j])
                row[j] = before[j - 2] + 1;
        }
    }
    return row[b_len];
}

const char *text_nearest(const char *word, const char *const *candidates, size_t count)
{
    size_t word_len = strlen(word);
    if (word_len > WORD_BYTES_MAX)
        return NULL;
    const char *nearest = NULL;
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(candidates[i]);
        size_t longer = len > word_len ? len : word_len;
        size_t near = longer / 3 > 0 ? longer / 3 : longer / 2; /* a third may be wrong */
        if (longer > WORD_BYTES_MAX)
            continue;
        size_t distance = edit_distance(word, word_len, candidates[i], len);
        if (distance <= near && distance < best) {
            best = distance;
            nearest = candidates[i];
        }
    }
    return nearest;
}

static bool is_word_byte(uint8_t c)
{
    return c >= 0x80 || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c;
}

static bool same_words(const uint8_t *at, const char *words, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (lower(at[i]) != lower((uint8_t)words[i]))
            return false;
    return true;
}

bool text_has_words(struct span name, const char *words)
{
    size_t len = strlen(words);
    for (size_t i = 0; i + len <= name.len; i++) {
        bool begins = i == 0 || !is_word_byte(name.data[i - 1]) || !is_word_byte(name.data[i]);
        bool ends = i + len == name.len || !is_word_byte(name.data[i + len]) ||
                    !is_word_byte(name.data[i + len - 1]);
        if (len == 0 || (begins && ends && same_words(name.data + i, words, len)))
            return true;
    }
    return len == 0;
}

bool text_ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);
    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}
