/* Words and punctuation, as NLTK's word_tokenize cuts English (Penn Treebank conventions):
 *   - a run of bytes without blanks is a piece; marks such as ; ! ( are tokens of their own;
 *   - a comma or colon is one unless a digit follows at once: 1,234 and 12:30 stay whole;
 *   - a dot belongs to its word (U.S., end.Next), except at the end of a sentence; dots in a row
 *     are one token;
 *   - it's, they'll, don't become it 's, they 'll, do n't; cannot, gonna, ... become two words;
 *   - straight double quotes, and two single ones, become `` where they open and '' where they
 *     close; two single ones at the beginning of a sentence stay as they are.
 *
 * NLTK finds the ends of sentences with a trained model. Here a dot ends one if it ends the text,
 * or if the next piece begins with a capital letter and the word before is no abbreviation, no
 * initial and holds no other dot. */
#include <strings.h>

#include "common/score/tokens.h"

struct cutter {
    struct vocab *vocab;
    struct tokens *out;
};

static void put(struct cutter *c, struct span token)
{
    if (token.len)
        tokens_push(c->out, vocab_id(c->vocab, token));
}

static bool is_word(struct span s, const char *word)
{
    return s.len == strlen(word) && strncasecmp((const char *)s.data, word, s.len) == 0;
}

static bool ends_with(struct span s, const char *suffix)
{
    size_t len = strlen(suffix);
    return s.len >= len && memcmp(s.data + s.len - len, suffix, len) == 0;
}

/* If stem + suffix is the whole of `word`, with a stem that does not end in an apostrophe: moves
 * the suffix to `tail`. */
static bool split_suffix(struct span *word, const char *suffix, struct span *tail)
{
    size_t len = strlen(suffix);
    if (word->len <= len || !ends_with(*word, suffix) || word->data[word->len - len - 1] == '\'')
        return false;
    *tail = span_from(*word, word->len - len);
    word->len -= len;
    return true;
}

/* One suffix of each group is cut, the second group's from what the first left. */
static void split_clitics(struct span *word, struct span tails[2])
{
    static const char *const groups[2][9] = {
        { "'s", "'S", "'m", "'M", "'d", "'D", "'", NULL },
        { "'ll", "'LL", "'re", "'RE", "'ve", "'VE", "n't", "N'T", NULL },
    };
    for (int group = 0; group < 2; group++) {
        tails[group] = (struct span){ 0 };
        for (const char *const *suffix = groups[group]; *suffix; suffix++) {
            if (split_suffix(word, *suffix, &tails[group]))
                break;
        }
    }
}

static void put_stem(struct cutter *c, struct span stem)
{
    static const struct {
        const char *word;
        size_t first;
    } pairs[] = { { "cannot", 3 }, { "d'ye", 1 },  { "gimme", 3 },  { "gonna", 3 },
                  { "gotta", 3 },  { "lemme", 3 }, { "more'n", 4 }, { "wanna", 3 } };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        if (is_word(stem, pairs[i].word)) {
            put(c, span_of(stem.data, pairs[i].first));
            put(c, span_from(stem, pairs[i].first));
            return;
        }
    }
    put(c, stem);
}

/* An apostrophe before a word is a quote unless it begins a clitic ('s, 'll, ...). */
static bool opens_quote(struct span word)
{
    static const char *const clitics[] = { "re", "ve", "ll", "m", "t", "s", "d", "n" };
    if (word.len < 2 || word.data[0] != '\'' || word.data[1] == '\'')
        return false;
    size_t len = 1;
    while (len < word.len && (is_letter(word.data[len]) || is_digit(word.data[len]) ||
                              word.data[len] == '_' || word.data[len] >= 0x80))
        len++;
    if (len == 1)
        return false;
    for (size_t i = 0; i < sizeof(clitics) / sizeof(clitics[0]); i++) {
        if (is_word(span_of(word.data + 1, len - 1), clitics[i]))
            return false;
    }
    return true;
}

static void put_word(struct cutter *c, struct span word)
{
    struct span tails[2];
    if (opens_quote(word)) {
        put(c, span_of(word.data, 1));
        word = span_from(word, 1);
    }
    split_clitics(&word, tails);
    put_stem(c, word);
    put(c, tails[1]);
    put(c, tails[0]);
}

/* Quotes and dashes beyond ASCII that stand alone. */
static size_t wide_mark_bytes(struct span s)
{
    static const char *const marks[] = { "\u00ab", "\u00bb", "\u2018", "\u2019", "\u201c", "\u201d",
                                         "\u201e", "\u2012", "\u2013", "\u2014", "\u2015" };
    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
        size_t len = strlen(marks[i]);
        if (s.len >= len && memcmp(s.data, marks[i], len) == 0)
            return len;
    }
    return 0;
}

static size_t run_bytes(struct span s, uint8_t byte)
{
    size_t len = 0;
    while (len < s.len && s.data[len] == byte)
        len++;
    return len;
}

/* The bytes of the mark that s begins with, a token of its own; 0 if it begins with a word. */
static size_t mark_bytes(struct span s)
{
    uint8_t c = s.data[0];
    if (c >= 0x80)
        return wide_mark_bytes(s);
    if (is_one_of(c, ";@#$%&?!*()[]{}<>\""))
        return 1;
    if (c == ',' || c == ':')
        return s.len < 2 || !is_digit(s.data[1]);
    if (c == '`')
        return run_bytes(s, c);
    bool twice = s.len >= 2 && s.data[1] == c;
    if (c == '.')
        return twice ? run_bytes(s, c) : 0;
    return (c == '-' || c == '\'') && twice ? 2 : 0;
}

static void put_mark(struct cutter *c, struct span mark, bool opens)
{
    bool quote = mark.data[0] == '"' || (mark.data[0] == '\'' && mark.len == 2);
    put(c, quote ? span_str(opens ? "``" : "''") : mark);
}

/* last_dot: where the dot is that ends a sentence, or piece.len. begins: the piece is a sentence's
 * first. */
static void cut_piece(struct cutter *c, struct span piece, size_t last_dot, bool begins)
{
    size_t word = 0, at = 0;
    while (at < piece.len) {
        size_t mark = at == last_dot ? 1 : mark_bytes(span_from(piece, at));
        if (!mark) {
            at++;
            continue;
        }
        put_word(c, span_of(piece.data + word, at - word));
        bool opens =
            at > 0 ? is_one_of(piece.data[at - 1], "([{<") : !begins || piece.data[0] == '"';
        put_mark(c, span_of(piece.data + at, mark), opens);
        at += mark;
        word = at;
    }
    put_word(c, span_from(piece, word));
}

/* Where the dot is that could end a sentence: the last but for closing marks; piece.len if none. */
static size_t closing_dot(struct span piece)
{
    static const char *const wide[] = { "\u00bb", "\u201d", "\u2019" };
    size_t at = piece.len;
    for (bool more = true; more;) {
        more = at > 0 && is_one_of(piece.data[at - 1], "])}>\"'");
        at -= more;
        for (size_t i = 0; i < sizeof(wide) / sizeof(wide[0]) && !more; i++) {
            more = ends_with(span_of(piece.data, at), wide[i]);
            at -= more ? strlen(wide[i]) : 0;
        }
    }
    return at >= 2 && piece.data[at - 1] == '.' && piece.data[at - 2] != '.' ? at - 1 : piece.len;
}

static bool is_abbreviation(struct span word)
{
    static const char *const known[] = {
        "mr", "mrs", "ms", "dr", "prof", "rev", "gen", "sen", "rep", "gov", "capt", "col",
        "lt", "sgt", "st", "mt", "jr",   "sr",  "vs",  "no",  "fig", "eq",  "vol",  "approx"
    };
    while (word.len && !is_letter(word.data[0]))
        word = span_from(word, 1);
    if (word.len == 1 || (word.len && memchr(word.data, '.', word.len)))
        return true;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (is_word(word, known[i]))
            return true;
    }
    return false;
}

/* Does a sentence begin here? Opening marks are passed over. */
static bool begins_sentence(struct span piece)
{
    while (piece.len && is_one_of(piece.data[0], "([{<\"'`"))
        piece = span_from(piece, 1);
    if (piece.len && wide_mark_bytes(piece))
        piece = span_from(piece, wide_mark_bytes(piece));
    return piece.len && is_upper(piece.data[0]);
}

void tokens_by_words(struct span text, struct vocab *v, struct tokens *out)
{
    struct cutter c = { v, out };
    bool begins = true;
    text = span_trim(text);
    while (text.len) {
        size_t len = 0, blank;
        while (len < text.len && blank_bytes(span_from(text, len)) == 0)
            len++;
        struct span piece = span_of(text.data, len);
        text = span_from(text, len);
        while ((blank = blank_bytes(text)) > 0)
            text = span_from(text, blank);
        size_t dot = closing_dot(piece);
        bool ends =
            !text.len || (begins_sentence(text) && !is_abbreviation(span_of(piece.data, dot)));
        cut_piece(&c, piece, ends ? dot : piece.len, begins);
        begins = (ends && dot < piece.len) || is_one_of(piece.data[piece.len - 1], "!?");
    }
}
