/* Texts as lists of small integers: equal tokens have equal ids, so that counting and alignment
 * compare integers. Tokens borrow from the text that they were cut from. */
#ifndef MUSTER_COMMON_SCORE_TOKENS_H
#define MUSTER_COMMON_SCORE_TOKENS_H

#include "common/arena.h"
#include "common/span.h"

/* The tokens seen so far, numbered 0, 1, ... `struct vocab v = { 0 };` is empty. */
struct vocab {
    struct span *words;
    size_t count, capacity;
    uint32_t *slots; /* hash table of id + 1; 0: free */
    size_t slot_count;
};

uint32_t vocab_id(struct vocab *v, struct span word);
void vocab_release(struct vocab *v);

/* `struct tokens t = { 0 };` is empty. */
struct tokens {
    uint32_t *ids;
    size_t count, capacity;
};

void tokens_push(struct tokens *t, uint32_t id);
void tokens_release(struct tokens *t);

/* What is cut where. All append to `out`. */
void tokens_by_blanks(struct span text, struct vocab *v, struct tokens *out);
/* Words and punctuation, after the conventions of the Penn Treebank (words.c). */
void tokens_by_words(struct span text, struct vocab *v, struct tokens *out);
/* UTF-8 characters, at most `max`; returns how many there are in all. A bad byte is one. */
size_t tokens_by_chars(struct span text, size_t max, struct vocab *v, struct tokens *out);

/* counts[id]: how often each id comes; room for v->count of them. The caller frees. */
uint32_t *tokens_count_ids(const struct tokens *t, const struct vocab *v);

/* The bytes of the blank that `text` begins with, 0 if it is none. Blanks are those of Unicode. */
size_t blank_bytes(struct span text);
struct span span_trim(struct span text);
/* The part of text behind its first `bytes`. */
static inline struct span span_from(struct span text, size_t bytes)
{
    return (struct span){ text.data + bytes, text.len - bytes };
}
/* A copy with A-Z as a-z; other letters stay as they are. */
struct span span_lower(struct span text, struct arena *arena);

static inline bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static inline bool is_upper(uint8_t c)
{
    return c >= 'A' && c <= 'Z';
}

static inline bool is_letter(uint8_t c)
{
    return is_upper(c) || (c >= 'a' && c <= 'z');
}

static inline bool is_one_of(uint8_t c, const char *set)
{
    return c != 0 && strchr(set, c);
}

static inline uint8_t to_lower(uint8_t c)
{
    return is_upper(c) ? (uint8_t)(c + ('a' - 'A')) : c;
}

#endif
