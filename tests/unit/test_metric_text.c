/* Measures of text. The expected numbers come from NLTK (sentence BLEU, tokens, stems), sacrebleu
 * (corpus BLEU), rouge_score and jiwer (WER, CER). */
#include "common/buf.h"
#include "common/score/align.h"
#include "common/score/porter.h"
#include "common/score/tokens.h"
#include "tests/lib/score.h"

static const struct test_answer guide = {
    "It is a guide to action which ensures that the military always obeys the commands of the "
    "party",
    { "It is a guide to action that ensures that the military will forever heed Party commands",
      "It is the guiding principle which guarantees the military forces always being under the "
      "command of the Party",
      "It is the practical guide for the army always to heed the directions of the party" }
};

static void sentence_bleu_and_rouge_agree_with_the_libraries(void **state)
{
    (void)state;
    const struct {
        struct test_answer a;
        double bleu1, rouge1, rougel;
    } cases[] = {
        { { "The cat sat on the mat.", { "The cat is on the mat." } },
          0.857142857143,
          0.833333333333,
          0.833333333333 },
        { { "the the the the the the the",
            { "the cat is on the mat", "there is a cat on the mat" } },
          0.285714285714,
          0.307692307692,
          0.307692307692 },
        { guide, 0.611111111111, 0.705882352941, 0.666666666667 },
        { { "They don't know (yet), it's 3,000!", { "They do not know yet; it is 3,000!" } },
          0.583333333333,
          0.666666666667,
          0.666666666667 },
        { { "A fast brown fox was jumping over lazy dogs",
            { "The quick brown foxes jumped over the lazy dog" } },
          0.333333333333,
          0.666666666667,
          0.666666666667 },
        { { "dogs", { "cats" } }, 0, 0, 0 },
        { { "cats", { "cats" } }, 1, 1, 1 },
        { { "", { "cats" } }, 0, 0, 0 },
        { { "", { "" } }, 0, 0, 0 },
        { { "cats", { NULL } }, 0, 0, 0 },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        test_close(test_score_of("BLEU-1", &cases[i].a, 1), 100 * cases[i].bleu1, 1e-7);
        test_close(test_score_of("ROUGE-1", &cases[i].a, 1), 100 * cases[i].rouge1, 1e-7);
        test_close(test_score_of("ROUGE-L", &cases[i].a, 1), 100 * cases[i].rougel, 1e-7);
    }
}

static void corpus_bleu_agrees_with_sacrebleu(void **state)
{
    (void)state;
    const struct test_answer answers[] = {
        guide,
        { "he read the book because he was interested in world history",
          { "he was interested in world history because he read the book" } },
    };
    test_close(test_score_of("BLEU@4", answers, 2), 59.207788688010, 1e-9);
}

static void corpus_bleu_takes_the_nearest_length(void **state)
{
    (void)state;
    const struct test_answer a = { "a b c d e", { "a b c d e f g h i j", "a b c d e f", "a" } };
    test_close(test_score_of("BLEU@4", &a, 1), 100 * 0.818730753078, 1e-9); /* exp(1 - 6/5) */
}

static void corpus_bleu_without_a_common_four_gram_is_zero(void **state)
{
    (void)state;
    const struct test_answer answers[] = { { "a b c", { "a b c" } } };
    test_close(test_score_of("BLEU@4", answers, 1), 0, 0);
}

static void words_are_cut_as_in_the_treebank(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } cases[] = {
        { "They don't know (yet), it's 3,000!", "They do n't know ( yet ) , it 's 3,000 !" },
        { "\"Cannot\" Mr. Smith go to the U.S. tomorrow...",
          "`` Can not '' Mr. Smith go to the U.S. tomorrow ..." },
        { "Yes. They'll -- maybe; a-b c/d e.g. this, 10:30 end.",
          "Yes . They 'll -- maybe ; a-b c/d e.g. this , 10:30 end ." },
        { "the dogs' 'quoted' end.)", "the dogs ' ' quoted ' end . )" },
        { "wait.... what?!", "wait .... what ? !" },
        { "''a'' ''B'' (''c'') end. ''D'' \"e\"! '' F",
          "'' a '' `` B '' ( `` c '' ) end . '' D '' `` e '' ! '' F" },
        { " \t\n", "" },
        { "l\u2019heure \u201cdite\u201d", "l \u2019 heure \u201c dite \u201d" },
        { "\u4f60\u597d", "\u4f60\u597d" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct vocab v = { 0 };
        struct tokens t = { 0 };
        struct buf joined = { 0 };
        tokens_by_words(span_str(cases[i].text), &v, &t);
        for (size_t k = 0; k < t.count; k++) {
            buf_append_str(&joined, k ? " " : "");
            buf_append_span(&joined, v.words[t.ids[k]]);
        }
        assert_string_equal(buf_cstr(&joined), cases[i].words);
        buf_release(&joined);
        tokens_release(&t);
        vocab_release(&v);
    }
}

static void words_lose_their_endings(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        { "caresses", "caress" },
        { "ponies", "poni" },
        { "ties", "tie" },
        { "cats", "cat" },
        { "agreed", "agre" },
        { "plastered", "plaster" },
        { "motoring", "motor" },
        { "sing", "sing" },
        { "conflated", "conflat" },
        { "hopping", "hop" },
        { "falling", "fall" },
        { "filing", "file" },
        { "happy", "happi" },
        { "enjoy", "enjoy" },
        { "relational", "relat" },
        { "rational", "ration" },
        { "radically", "radic" },
        { "analogously", "analog" },
        { "sensibility", "sensibl" },
        { "hopefulness", "hope" },
        { "electrical", "electr" },
        { "adjustment", "adjust" },
        { "adoption", "adopt" },
        { "geology", "geolog" },
        { "controlling", "control" },
        { "rate", "rate" },
        { "skies", "sky" },
        { "dying", "die" },
        { "succeed", "succeed" },
        { "syzygy", "syzygi" },
        { "died", "die" },
        { "tried", "tri" },
        { "y2k", "y2k" },
        { "as", "as" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char word[32];
        snprintf(word, sizeof(word), "%s", cases[i][0]);
        word[porter_stem(word, strlen(word))] = '\0';
        assert_string_equal(word, cases[i][1]);
    }
}

static void token_f1_counts_sets_over_lists(void **state)
{
    (void)state;
    const struct test_answer answers[] = { { "a a b", { "a b" } },
                                           { "The cat", { "dog", "the cat" } } };
    test_close(test_score_of("F1", answers, 1), 80, 1e-7);
    test_close(test_score_of("F1", answers + 1, 1), 50, 1e-7);
}

static void micro_f1_pools_labels_over_the_corpus(void **state)
{
    (void)state;
    const struct test_answer answers[] = { { "a<p>b", { "a<p>c" } }, { "c", { "c<p>d" } } };
    test_close(test_score_of("Micro-F1", answers, 2), 100 * 4.0 / 7, 1e-9);
}

static void micro_f1_reads_lists_with_commas(void **state)
{
    (void)state;
    const struct {
        struct test_answer a;
        double f1;
    } cases[] = {
        { { "B, a", { "a<p>b" } }, 1 },
        { { "a, b", { "a, b" } }, 1 }, /* a label with a comma */
        { { "a, b", { "a, c", "a, b" } }, 1 },
        { { "a <p>b", { "a<p>b" } }, 0.5 }, /* blanks inside count */
        { { "", { "" } }, 1 },
        { { "x", { "" } }, 0 },
        { { "b", { "a", "b<p>c", "b" } }, 1 }, /* the reference that fits best */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        test_close(test_score_of("Micro-F1", &cases[i].a, 1), 100 * cases[i].f1, 1e-9);
}

static void anls_forgives_small_errors_only(void **state)
{
    (void)state;
    const struct {
        struct test_answer a;
        double score;
    } cases[] = {
        { { " Hello  World ", { "hello world" } }, 1 },
        { { "hello worle", { "hello world" } }, 1 - 1.0 / 11 },
        { { "ab", { "ax" } }, 0.5 },
        { { "abc", { "axy" } }, 0 }, /* below one half */
        { { "caf\u00e9", { "cafe", "caf\u00e9s" } }, 0.8 },
        { { "", { "" } }, 1 },
        { { "", { "a" } }, 0 },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        test_close(test_score_of("ANLS", &cases[i].a, 1), 100 * cases[i].score, 1e-7);
}

static void error_rates_are_of_the_corpus(void **state)
{
    (void)state;
    const struct test_answer answers[] = { { "the cat sat", { "The cat sat." } },
                                           { "the cat sat on the mat", { "the hat sat mat" } },
                                           { "", { "one two three" } },
                                           { "a b c d e f", { "a b c" } } };
    test_close(test_score_of("WER", answers, 4), 69.23076923076923, 1e-9);
    test_close(test_score_of("CER", answers, 4), 61.36363636363636, 1e-9);
}

static void speech_is_compared_as_it_sounds(void **state)
{
    (void)state;
    const struct test_answer same[] = {
        { "\u201cDon\u2019t\u201d \u2014 stop!", { "don't stop" } },
        { "\u4f60\u597d\uff0c\u4e16\u754c\u3002", { "\u4f60\u597d\u4e16\u754c" } },
    };
    test_close(test_score_of("WER", same, 2), 0, 0);
    const struct test_answer other = { "\u4f60\u597d", { "\u4f60\u574f" } };
    test_close(test_score_of("CER", &other, 1), 50, 1e-9);
}

static void the_reference_with_the_lowest_rate_counts(void **state)
{
    (void)state;
    const struct test_answer a = { "one two three", { "four", "one two three four", "" } };
    test_close(test_score_of("WER", &a, 1), 25, 1e-9);
    const struct test_answer b = { "one two", { "three", "one two three four five" } };
    test_close(test_score_of("WER", &b, 1), 60, 1e-9); /* more edits, but of more words */
}

/* Longer than what is aligned, and still each word too many is an error. */
static void a_flood_of_words_is_as_wrong_as_it_is_long(void **state)
{
    (void)state;
    enum { WORDS = 100000 };
    char *flood = malloc(2 * WORDS + 1);
    assert_non_null(flood);
    for (size_t i = 0; i < WORDS; i++)
        memcpy(flood + 2 * i, "a ", 3);
    const struct test_answer a = { flood, { "a a" } };
    test_close(test_score_of("WER", &a, 1), 100.0 * (WORDS - 2) / 2, 1e-6);
    test_close(test_score_of("ROUGE-L", &a, 1), 100 * 2 * 2.0 / (WORDS + 2), 1e-6);
    free(flood);
}

/* The textbook's table, cell by cell. */
static size_t slow_distance(const uint32_t *a, size_t n, const uint32_t *b, size_t m, bool common)
{
    static size_t table[300][300];
    for (size_t i = 0; i <= n; i++) {
        for (size_t j = 0; j <= m; j++) {
            bool same = i && j && a[i - 1] == b[j - 1];
            if (!i || !j) {
                table[i][j] = common ? 0 : i + j;
            } else if (common) {
                size_t up = table[i - 1][j], left = table[i][j - 1];
                table[i][j] = same ? table[i - 1][j - 1] + 1 : up > left ? up : left;
            } else {
                size_t up = table[i - 1][j] + 1, left = table[i][j - 1] + 1;
                size_t best = table[i - 1][j - 1] + !same;
                best = up < best ? up : best;
                table[i][j] = left < best ? left : best;
            }
        }
    }
    return table[n][m];
}

static void alignment_by_words_of_bits_is_exact(void **state)
{
    (void)state;
    static const size_t lengths[] = { 0, 1, 2, 63, 64, 65, 127, 128, 129, 200 };
    uint32_t a[200], b[200], noise = 1;
    for (size_t x = 0; x < 10; x++) {
        for (size_t y = 0; y < 10; y++) {
            for (uint32_t ids = 2; ids <= 50; ids *= 5) {
                for (size_t i = 0; i < 200; i++) {
                    noise = noise * 1664525u + 1013904223u;
                    a[i] = (noise >> 8) % ids;
                    b[i] = (noise >> 20) % ids;
                }
                assert_int_equal(align_distance(a, lengths[x], b, lengths[y], ids),
                                 slow_distance(a, lengths[x], b, lengths[y], false));
                assert_int_equal(align_common(a, lengths[x], b, lengths[y], ids),
                                 slow_distance(a, lengths[x], b, lengths[y], true));
            }
        }
    }
}

static void bytes_of_any_kind_are_scored(void **state)
{
    (void)state;
    static const char *const names[] = { "ACC",    "Contains", "Choice",  "F1",      "Micro-F1",
                                         "BLEU-1", "BLEU@4",   "ROUGE-1", "ROUGE-L", "ANLS",
                                         "WER",    "CER",      "MAE",     "RMSE" };
    static const uint8_t bytes[] = "\0(\xff\xe2\x80[1,\0\xc3''\"\xef\xbc.\0";
    const struct span any = span_of(bytes, sizeof(bytes)), nothing = { NULL, 0 };
    const struct span references[] = { any, nothing };
    for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
        int64_t stats[STATS_MAX];
        struct metric_input in = { any, references, 2, 0, 0 };
        assert_int_equal(metric_score(metric_find(names[n]), &in, stats), OK);
        in.answer = nothing;
        assert_int_equal(metric_score(metric_find(names[n]), &in, stats), OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sentence_bleu_and_rouge_agree_with_the_libraries),
        cmocka_unit_test(corpus_bleu_agrees_with_sacrebleu),
        cmocka_unit_test(corpus_bleu_takes_the_nearest_length),
        cmocka_unit_test(corpus_bleu_without_a_common_four_gram_is_zero),
        cmocka_unit_test(words_are_cut_as_in_the_treebank),
        cmocka_unit_test(words_lose_their_endings),
        cmocka_unit_test(token_f1_counts_sets_over_lists),
        cmocka_unit_test(micro_f1_pools_labels_over_the_corpus),
        cmocka_unit_test(micro_f1_reads_lists_with_commas),
        cmocka_unit_test(anls_forgives_small_errors_only),
        cmocka_unit_test(error_rates_are_of_the_corpus),
        cmocka_unit_test(speech_is_compared_as_it_sounds),
        cmocka_unit_test(the_reference_with_the_lowest_rate_counts),
        cmocka_unit_test(a_flood_of_words_is_as_wrong_as_it_is_long),
        cmocka_unit_test(alignment_by_words_of_bits_is_exact),
        cmocka_unit_test(bytes_of_any_kind_are_scored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
