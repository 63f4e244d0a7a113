/* Multiple choice: which option an answer names. Never a guess: no option found is a wrong answer.
 *
 * Where is looked, until something is found:
 *   1. behind the last "answer" (in any case) of the text;
 *   2. in the whole text.
 * What is looked for there, in this order:
 *   a. inside the last \boxed{...}, by the rules b to e;
 *   b. nothing but one letter, perhaps in marks: "B", "(b).", "**b**";
 *   c. a letter that begins the text and is followed by . ) or : "B. the dog";
 *   d. a letter in parentheses: "(B)";
 *   e. a capital letter that stands alone.
 * Behind "answer" the first of several counts ("is B, because A ..."), in a whole text the last
 * ("... so it must be B"); there, A and I before a lower-case word are words ("A dog", "I think")
 * unless nothing else is found. Letters beyond the number of options are none. */
#include <strings.h>

#include "common/score/family.h"
#include "common/score/tokens.h"

enum { LETTERS = 26 };

/* Which of several hits counts. */
enum pick { PICK_FIRST, PICK_LAST };

struct choice {
    unsigned options; /* 1..26 */
    enum pick pick;
};

/* 'A'.. of an option's letter in either case, or 0. */
static char option_of(const struct choice *c, uint8_t letter)
{
    uint8_t lower = to_lower(letter);
    return is_letter(letter) && (unsigned)(lower - 'a') < c->options ? (char)(lower - 'a' + 'A')
                                                                     : 0;
}

static bool is_alnum(struct span text, size_t at)
{
    return at < text.len && (is_letter(text.data[at]) || is_digit(text.data[at]));
}

/* Where the last `word` (lower case) begins, in any case; text.len if it is nowhere. */
static size_t find_last(struct span text, const char *word)
{
    size_t len = strlen(word);
    for (size_t at = text.len >= len ? text.len - len + 1 : 0; at > 0; at--) {
        if (strncasecmp((const char *)text.data + at - 1, word, len) == 0)
            return at - 1;
    }
    return text.len;
}

static char find_single(const struct choice *c, struct span text)
{
    uint8_t letter = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (is_letter(text.data[i]) && !letter)
            letter = text.data[i];
        else if (is_alnum(text, i) || text.data[i] >= 0x80)
            return 0;
    }
    return letter ? option_of(c, letter) : 0;
}

static char find_leading(const struct choice *c, struct span text)
{
    text = span_trim(text);
    return text.len >= 2 && is_one_of(text.data[1], ".):") ? option_of(c, text.data[0]) : 0;
}

static char find_parenthesised(const struct choice *c, struct span text)
{
    char found = 0;
    for (size_t i = 0; i + 2 < text.len && !(found && c->pick == PICK_FIRST); i++) {
        char option =
            text.data[i] == '(' && text.data[i + 2] == ')' ? option_of(c, text.data[i + 1]) : 0;
        found = option ? option : found;
    }
    return found;
}

/* A capital letter at `at` that is no part of a word: I'm, A-frame and B2 are words. */
static bool stands_alone(struct span text, size_t at)
{
    if (!is_upper(text.data[at]) || (at > 0 && is_alnum(text, at - 1)))
        return false;
    if (at + 1 >= text.len)
        return true;
    bool joined = is_one_of(text.data[at + 1], "'-_") && is_alnum(text, at + 2);
    return !joined && !is_alnum(text, at + 1);
}

static bool is_article(struct span text, size_t at)
{
    return is_one_of(text.data[at], "AI") && at + 2 < text.len && text.data[at + 1] == ' ' &&
           is_letter(text.data[at + 2]) && !is_upper(text.data[at + 2]);
}

static char find_token(const struct choice *c, struct span text)
{
    char found = 0, article = 0;
    for (size_t i = 0; i < text.len && !(found && c->pick == PICK_FIRST); i++) {
        char option = stands_alone(text, i) ? option_of(c, text.data[i]) : 0;
        if (!option)
            continue;
        if (c->pick == PICK_LAST && is_article(text, i))
            article = article ? article : option;
        else
            found = option;
    }
    return found ? found : article;
}

static char find_plain(const struct choice *c, struct span text)
{
    char (*const rules[])(const struct choice *, struct span) = { find_single, find_leading,
                                                                  find_parenthesised, find_token };
    char found = 0;
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]) && !found; i++)
        found = rules[i](c, text);
    return found;
}

static char find_boxed(const struct choice *c, struct span text)
{
    static const char open[] = "\\boxed{";
    size_t at = find_last(text, open);
    if (at == text.len)
        return 0;
    struct span box = span_from(text, at + strlen(open));
    size_t depth = 1, len = 0;
    while (len < box.len && depth) {
        depth += (box.data[len] == '{') - (size_t)(box.data[len] == '}');
        len++;
    }
    return find_plain(c, span_of(box.data, depth ? len : len - 1));
}

static char find_in(const struct choice *c, struct span text)
{
    char found = find_boxed(c, text);
    return found ? found : find_plain(c, text);
}

static char choice_find(struct span text, unsigned options)
{
    static const char marker[] = "answer";
    struct choice c = { options > 0 && options < LETTERS ? options : LETTERS, PICK_FIRST };
    size_t at = find_last(text, marker);
    char found = at < text.len ? find_in(&c, span_from(text, at + strlen(marker))) : 0;
    if (found)
        return found;
    c.pick = PICK_LAST;
    return find_in(&c, text);
}

/* The letter that a reference is, or 0: it may be an option's text instead. */
static char reference_letter(struct span reference)
{
    struct choice c = { LETTERS, PICK_FIRST };
    return find_single(&c, reference);
}

/* A reference that is no letter must be the answer itself, but for the case of its letters. */
void choice_score(const struct metric_input *in, int64_t *stats)
{
    struct span answer = span_trim(in->answer);
    char found = choice_find(answer, in->option_count);
    stats[0] = 0;
    for (size_t i = 0; i < in->reference_count; i++) {
        struct span reference = span_trim(in->references[i]);
        char letter = reference_letter(reference);
        bool right = letter ? found == letter
                            : reference.len == answer.len && answer.len &&
                                  strncasecmp((const char *)answer.data,
                                              (const char *)reference.data, answer.len) == 0;
        if (right)
            stats[0] = METRIC_ONE;
    }
}
