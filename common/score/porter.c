#include "common/score/porter.h"

#include <stdbool.h>
#include <string.h>

struct word {
    char *text;
    size_t len;
};

/* A rule takes the suffix away and puts the other in its place, if what is left has a measure of
 * at least this much. The first rule whose suffix fits decides, whether it then applies or not. */
struct rule {
    const char *suffix, *instead;
    size_t measure;
};

static bool is_vowel_letter(char c)
{
    return c == 'a' || c == 'e' || c == 'i' || c == 'o' || c == 'u';
}

/* y is a vowel behind a consonant: a run of them takes turns. */
static bool is_consonant(const char *text, size_t at)
{
    bool turn = false;
    while (at > 0 && text[at] == 'y') {
        turn = !turn;
        at--;
    }
    return is_vowel_letter(text[at]) == turn;
}

/* Porter's m: how often a vowel is followed by a consonant. */
static size_t measure(const char *text, size_t len)
{
    size_t count = 0;
    bool consonant = true;
    for (size_t i = 0; i < len; i++) {
        bool before = consonant;
        if (text[i] == 'y')
            consonant = i == 0 || !before;
        else
            consonant = !is_vowel_letter(text[i]);
        count += i > 0 && !before && consonant;
    }
    return count;
}

static bool has_vowel(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (is_vowel_letter(text[i]) || (i > 0 && text[i] == 'y' && is_consonant(text, i - 1)))
            return true;
    }
    return false;
}

static bool ends(const struct word *w, const char *suffix)
{
    size_t len = strlen(suffix);
    return w->len >= len && memcmp(w->text + w->len - len, suffix, len) == 0;
}

static bool ends_double_consonant(const struct word *w)
{
    return w->len >= 2 && w->text[w->len - 1] == w->text[w->len - 2] &&
           is_consonant(w->text, w->len - 1);
}

/* Porter's *o: consonant, vowel, consonant other than w, x, y. NLTK: or just vowel, consonant. */
static bool ends_short(const char *text, size_t len)
{
    if (len == 2)
        return !is_consonant(text, 0) && is_consonant(text, 1);
    return len > 2 && is_consonant(text, len - 3) && !is_consonant(text, len - 2) &&
           is_consonant(text, len - 1) && !strchr("wxy", text[len - 1]);
}

/* No replacement is longer than what it replaces, but for the final e of step 1b, which takes the
 * room of the -ed or -ing before it. */
static void replace(struct word *w, size_t suffix_len, const char *instead)
{
    w->len -= suffix_len;
    memcpy(w->text + w->len, instead, strlen(instead));
    w->len += strlen(instead);
}

/* Returns whether a suffix fitted. `rules` ends with a suffix of NULL. */
static bool apply(struct word *w, const struct rule *rules)
{
    for (const struct rule *r = rules; r->suffix; r++) {
        if (!ends(w, r->suffix))
            continue;
        size_t stem = w->len - strlen(r->suffix);
        if (measure(w->text, stem) >= r->measure)
            replace(w, w->len - stem, r->instead);
        return true;
    }
    return false;
}

static void plural(struct word *w) /* step 1a */
{
    static const struct rule rules[] = {
        { "sses", "ss", 0 }, { "ies", "i", 0 }, { "ss", "ss", 0 }, { "s", "", 0 }, { 0 }
    };
    if (w->len == 4 && ends(w, "ies"))
        replace(w, 3, "ie");
    else
        apply(w, rules);
}

/* After -ed or -ing went: conflat(ed) -> conflate, hopp(ing) -> hop, fil(ing) -> file. */
static void mend(struct word *w)
{
    static const struct rule rules[] = {
        { "at", "ate", 0 }, { "bl", "ble", 0 }, { "iz", "ize", 0 }, { 0 }
    };
    if (apply(w, rules))
        return;
    if (ends_double_consonant(w)) {
        if (!strchr("lsz", w->text[w->len - 1]))
            w->len--;
    } else if (measure(w->text, w->len) == 1 && ends_short(w->text, w->len)) {
        replace(w, 0, "e");
    }
}

static void past(struct word *w) /* step 1b */
{
    if (ends(w, "ied")) {
        replace(w, 3, w->len == 4 ? "ie" : "i");
    } else if (ends(w, "eed")) {
        if (measure(w->text, w->len - 3) > 0)
            replace(w, 3, "ee");
    } else {
        size_t suffix = ends(w, "ed") ? 2 : ends(w, "ing") ? 3 : 0;
        if (!suffix || !has_vowel(w->text, w->len - suffix))
            return;
        w->len -= suffix;
        mend(w);
    }
}

static void final_y(struct word *w) /* step 1c */
{
    if (w->len > 2 && ends(w, "y") && is_consonant(w->text, w->len - 2))
        w->text[w->len - 1] = 'i';
}

static void double_suffix(struct word *w) /* step 2 */
{
    static const struct rule rules[] = { { "ational", "ate", 1 }, { "tional", "tion", 1 },
                                         { "enci", "ence", 1 },   { "anci", "ance", 1 },
                                         { "izer", "ize", 1 },    { "bli", "ble", 1 },
                                         { "alli", "al", 1 },     { "entli", "ent", 1 },
                                         { "eli", "e", 1 },       { "ousli", "ous", 1 },
                                         { "ization", "ize", 1 }, { "ation", "ate", 1 },
                                         { "ator", "ate", 1 },    { "alism", "al", 1 },
                                         { "iveness", "ive", 1 }, { "fulness", "ful", 1 },
                                         { "ousness", "ous", 1 }, { "aliti", "al", 1 },
                                         { "iviti", "ive", 1 },   { "biliti", "ble", 1 },
                                         { "fulli", "ful", 1 },   { 0 } };
    while (ends(w, "alli") && measure(w->text, w->len - 4) > 0)
        replace(w, 4, "al");
    if (!apply(w, rules) && ends(w, "logi") && measure(w->text, w->len - 3) > 0)
        w->len--;
}

static void adjective(struct word *w) /* step 3 */
{
    static const struct rule rules[] = { { "icate", "ic", 1 }, { "ative", "", 1 },
                                         { "alize", "al", 1 }, { "iciti", "ic", 1 },
                                         { "ical", "ic", 1 },  { "ful", "", 1 },
                                         { "ness", "", 1 },    { 0 } };
    apply(w, rules);
}

static void long_suffix(struct word *w) /* step 4 */
{
    static const struct rule before_ion[] = {
        { "al", "", 2 },    { "ance", "", 2 }, { "ence", "", 2 }, { "er", "", 2 },
        { "ic", "", 2 },    { "able", "", 2 }, { "ible", "", 2 }, { "ant", "", 2 },
        { "ement", "", 2 }, { "ment", "", 2 }, { "ent", "", 2 },  { 0 }
    };
    static const struct rule behind_ion[] = { { "ou", "", 2 },  { "ism", "", 2 },
                                              { "ate", "", 2 }, { "iti", "", 2 },
                                              { "ous", "", 2 }, { "ive", "", 2 },
                                              { "ize", "", 2 }, { 0 } };
    if (apply(w, before_ion))
        return;
    if (ends(w, "ion")) {
        if (measure(w->text, w->len - 3) > 1 && strchr("st", w->text[w->len - 4]))
            w->len -= 3;
        return;
    }
    apply(w, behind_ion);
}

static void final_e(struct word *w) /* steps 5a and 5b */
{
    if (ends(w, "e")) {
        size_t stem = w->len - 1, m = measure(w->text, stem);
        if (m > 1 || (m == 1 && !ends_short(w->text, stem)))
            w->len = stem;
    }
    if (ends(w, "ll") && measure(w->text, w->len - 1) > 1)
        w->len--;
}

/* Words that the steps get wrong, and what they become. */
static bool stem_irregular(struct word *w)
{
    static const char *const forms[][2] = {
        { "sky", "sky" },         { "skies", "sky" },        { "dying", "die" },
        { "lying", "lie" },       { "tying", "tie" },        { "news", "news" },
        { "innings", "inning" },  { "inning", "inning" },    { "outings", "outing" },
        { "outing", "outing" },   { "cannings", "canning" }, { "canning", "canning" },
        { "howe", "howe" },       { "proceed", "proceed" },  { "exceed", "exceed" },
        { "succeed", "succeed" },
    };
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        if (w->len == strlen(forms[i][0]) && ends(w, forms[i][0])) {
            replace(w, w->len, forms[i][1]);
            return true;
        }
    }
    return false;
}

size_t porter_stem(char *word, size_t len)
{
    struct word w = { word, len };
    if (len <= 2 || stem_irregular(&w))
        return w.len;
    plural(&w);
    past(&w);
    final_y(&w);
    double_suffix(&w);
    adjective(&w);
    long_suffix(&w);
    final_e(&w);
    return w.len;
}
