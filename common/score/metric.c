/* To add a metric that a scorer program computes: a line in `metrics`. To add one that muster
 * computes: a kind in metric.h, its functions in a family's file, a line in `kinds` and one in
 * `metrics`. Other spellings of a name go into `aliases`. */
#include "common/score/metric.h"

#include <math.h>
#include <strings.h>

#include "common/check.h"
#include "common/score/family.h"
#include "common/score/tokens.h"
#include "common/text.h"

static const struct kind {
    uint8_t stat_count;
    score_f *score;
    value_f *value;
} kinds[METRIC_KIND_COUNT] = {
    [METRIC_EXACT] = { 1, exact_score, mean_value },
    [METRIC_CONTAINS] = { 1, contains_score, mean_value },
    [METRIC_CHOICE] = { 1, choice_score, mean_value },
    [METRIC_TOKEN_F1] = { 1, token_f1_score, mean_value },
    [METRIC_MICRO_F1] = { 3, micro_f1_score, micro_f1_value },
    [METRIC_BLEU1] = { 1, bleu1_score, mean_value },
    [METRIC_BLEU4] = { 10, bleu4_score, bleu4_value },
    [METRIC_ROUGE1] = { 1, rouge1_score, mean_value },
    [METRIC_ROUGEL] = { 1, rougel_score, mean_value },
    [METRIC_ANLS] = { 1, anls_score, mean_value },
    [METRIC_WER] = { 2, wer_score, error_rate_value },
    [METRIC_CER] = { 2, cer_score, error_rate_value },
    [METRIC_MAE] = { 2, mae_score, split_mean_value },
    [METRIC_RMSE] = { 3, rmse_score, rmse_value },
    [METRIC_SCORED] = { 2, scored_score, split_mean_value },
};

/* name, kind, lower is better, percent, statistics */
#define HIGHER_PERCENT(name)                                                                       \
    {                                                                                              \
        name, METRIC_SCORED, false, true, 2                                                        \
    }
#define HIGHER(name)                                                                               \
    {                                                                                              \
        name, METRIC_SCORED, false, false, 2                                                       \
    }
#define LOWER(name)                                                                                \
    {                                                                                              \
        name, METRIC_SCORED, true, false, 2                                                        \
    }

static const struct metric metrics[] = {
    /* computed here */
    { "ACC", METRIC_EXACT, false, true, 1 },
    { "EM@1", METRIC_EXACT, false, true, 1 },
    { "Contains", METRIC_CONTAINS, false, true, 1 },
    { "Choice", METRIC_CHOICE, false, true, 1 },
    { "F1", METRIC_TOKEN_F1, false, true, 1 },
    { "Micro-F1", METRIC_MICRO_F1, false, true, 3 },
    { "BLEU-1", METRIC_BLEU1, false, true, 1 },
    { "BLEU@4", METRIC_BLEU4, false, true, 10 },
    { "ROUGE-1", METRIC_ROUGE1, false, true, 1 },
    { "ROUGE-L", METRIC_ROUGEL, false, true, 1 },
    { "ANLS", METRIC_ANLS, false, true, 1 },
    { "WER", METRIC_WER, true, true, 2 },
    { "CER", METRIC_CER, true, true, 2 },
    { "MAE", METRIC_MAE, true, false, 2 },
    { "RMSE", METRIC_RMSE, true, false, 3 },
    /* text and judgement */
    HIGHER_PERCENT("CodeBLEU"),
    HIGHER("CIDEr"),
    HIGHER_PERCENT("METEOR"),
    HIGHER_PERCENT("BERTScore"),
    HIGHER_PERCENT("GPT-Score"),
    HIGHER_PERCENT("Macro-Acc"),
    HIGHER_PERCENT("Fram-Acc"),
    HIGHER_PERCENT("E-Acc"),
    HIGHER_PERCENT("AUC"),
    HIGHER_PERCENT("PCC"),
    HIGHER_PERCENT("R@50"),
    HIGHER_PERCENT("Successful rate"),
    HIGHER_PERCENT("Single-Object Successful Rate"),
    HIGHER_PERCENT("Multi-Object Successful Rate"),
    HIGHER_PERCENT("User preference rates"),
    /* boxes, masks, tracks, fields */
    HIGHER_PERCENT("AP"),
    HIGHER_PERCENT("AP10"),
    HIGHER_PERCENT("AP50"),
    HIGHER_PERCENT("AP75"),
    HIGHER_PERCENT("mAP"),
    HIGHER_PERCENT("mAP@50"),
    HIGHER_PERCENT("mIoU"),
    HIGHER_PERCENT("Instance mIoU"),
    HIGHER_PERCENT("m_vIoU"),
    HIGHER_PERCENT("DICE"),
    HIGHER_PERCENT("PQ"),
    HIGHER_PERCENT("Structure measure"),
    HIGHER_PERCENT("AMOTA (Average Multi-Object Tracking Accuracy)"),
    LOWER("RTE ( Relative Translation Error)"),
    LOWER("absRel"),
    LOWER("EPE"),
    LOWER("RMS"),
    LOWER("MSE"),
    LOWER("SAD"),
    LOWER("CD (Chamfer Distance)"),
    /* generated images, video and sound */
    LOWER("FID"),
    LOWER("FVD"),
    LOWER("FAD"),
    LOWER("MCD"),
    LOWER("LPIPS"),
    HIGHER("PSNR"),
    HIGHER("SSIM"),
    HIGHER("MS-SSIM"),
    HIGHER("MOS"),
    HIGHER_PERCENT("CLIP score"),
    HIGHER_PERCENT("CLIP img score"),
    HIGHER_PERCENT("CLIP-Style"),
    HIGHER_PERCENT("CLAP"),
    HIGHER_PERCENT("Style-CLAP"),
    HIGHER_PERCENT("DINOScore"),
    HIGHER_PERCENT("DINO+ViCLIP+Optical flow+Motion Smooth"),
    HIGHER_PERCENT("Optical Flow Score"),
    HIGHER_PERCENT("Aesthetic score"),
    HIGHER_PERCENT("MUSIQ"),
    HIGHER_PERCENT("L1 distance"), /* the workbook's is a similarity: 99.72 is good */
    /* whatever a scorer program measures */
    HIGHER("Score"),
    LOWER("Error"),
};

enum { METRIC_COUNT = sizeof(metrics) / sizeof(metrics[0]) };

static const struct alias {
    const char *alias, *name;
} aliases[] = {
    { "Accuracy", "ACC" },
    { "EM", "EM@1" },
    { "F1 Score", "F1" },
    { "F-score", "F1" },
    { "BLUE_1", "BLEU-1" }, /* as the workbook spells it */
    { "BLEU_1", "BLEU-1" },
    { "BLEU1", "BLEU-1" },
    { "BLEU@1", "BLEU-1" },
    { "BLEU-4", "BLEU@4" },
    { "BLEU_4", "BLEU@4" },
    { "BLEU4", "BLEU@4" },
    { "ROUGE1", "ROUGE-1" },
    { "Rouge-L f", "ROUGE-L" },
    { "ROUGEL", "ROUGE-L" },
    { "CLIPScore", "CLIP score" },
    { "MUSIQ score", "MUSIQ" },
    { "Frame-Acc", "Fram-Acc" },
    { "Success rate", "Successful rate" },
    { "Chamfer Distance", "CD (Chamfer Distance)" },
    { "CD", "CD (Chamfer Distance)" },
    { "RTE", "RTE ( Relative Translation Error)" },
    { "AMOTA", "AMOTA (Average Multi-Object Tracking Accuracy)" },
};

enum { ALIAS_COUNT = sizeof(aliases) / sizeof(aliases[0]) };

static bool is_name(struct span given, const char *name)
{
    return given.len == strlen(name) && strncasecmp((const char *)given.data, name, given.len) == 0;
}

const struct metric *metric_find(const char *name)
{
    struct span given = span_trim(span_str(name));
    for (size_t i = 0; i < ALIAS_COUNT; i++) {
        if (is_name(given, aliases[i].alias))
            given = span_str(aliases[i].name);
    }
    for (size_t i = 0; i < METRIC_COUNT; i++) {
        if (is_name(given, metrics[i].name))
            return &metrics[i];
    }
    return NULL;
}

const char *metric_nearest(const char *name)
{
    const char *names[METRIC_COUNT + ALIAS_COUNT];
    for (size_t i = 0; i < METRIC_COUNT; i++)
        names[i] = metrics[i].name;
    for (size_t i = 0; i < ALIAS_COUNT; i++)
        names[METRIC_COUNT + i] = aliases[i].alias;
    return text_nearest(name, names, METRIC_COUNT + ALIAS_COUNT);
}

struct metric metric_as_scored(const struct metric *m)
{
    return (struct metric){ m->name, METRIC_SCORED, m->lower_is_better, m->percent,
                            kinds[METRIC_SCORED].stat_count };
}

static struct span clip(struct span text)
{
    text.len = text.len < ANSWER_BYTES_MAX ? text.len : ANSWER_BYTES_MAX;
    return text;
}

/* Metrics of texts get no more of them than the limits allow. */
static void score_texts(const struct kind *kind, const struct metric_input *in, int64_t *stats)
{
    struct span references[REFERENCES_MAX];
    struct metric_input bounded = *in;
    bounded.answer = clip(in->answer);
    bounded.references = references;
    if (in->reference_count > REFERENCES_MAX)
        bounded.reference_count = REFERENCES_MAX;
    for (size_t i = 0; i < bounded.reference_count; i++)
        references[i] = clip(in->references[i]);
    kind->score(&bounded, stats);
}

err metric_score(const struct metric *m, const struct metric_input *in, int64_t stats[STATS_MAX])
{
    const struct kind *kind = &kinds[m->kind];
    if (m->kind == METRIC_SCORED && !(fabs(in->scorer_value) <= 1e9))
        return ERR_INVALID;
    memset(stats, 0, STATS_MAX * sizeof(stats[0]));
    if (m->kind == METRIC_SCORED)
        scored_score(in, stats);
    else
        score_texts(kind, in, stats);
    for (size_t i = 0; i < kind->stat_count; i++)
        check(stats[i] >= -METRIC_ONE && stats[i] <= METRIC_ONE);
    return OK;
}

double metric_value(const struct metric *m, const int64_t sums[STATS_MAX], uint64_t answered)
{
    if (!answered)
        return NAN;
    double value = kinds[m->kind].value(sums, answered);
    return m->percent && m->kind != METRIC_SCORED ? 100 * value : value;
}
