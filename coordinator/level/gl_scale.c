/* The table of scales and their formulas. */
#include "coordinator/level/gl_scale.h"

#include "common/score/metric.h"

#include <math.h>
#include <strings.h>

static const struct gl_scale scales[] = {
    { "MAE", GL_SCALE_ERROR, 50 },     { "RMS", GL_SCALE_ERROR, 50 },
    { "MSE", GL_SCALE_ERROR, 5 },      { "RMSE", GL_SCALE_ERROR, 5 },
    { "ABSREL", GL_SCALE_ERROR, 0.1 }, { "EPE", GL_SCALE_ERROR, 1 },
    { "FID", GL_SCALE_ERROR, 25 },     { "FVD", GL_SCALE_ERROR, 100 },
    { "FAD", GL_SCALE_ERROR, 10 },     { "SAD", GL_SCALE_ERROR, 10 },
    { "RTE", GL_SCALE_ERROR, 0.5 },    { "CD", GL_SCALE_ERROR, 1 },
    { "MCD", GL_SCALE_ERROR, 5 },      { "PSNR", GL_SCALE_PSNR, 1.0 / 20 },
    { "WER", GL_SCALE_WER, 0 },        { "MS-SSIM", GL_SCALE_MS_SSIM, 0 },
    { "MOS", GL_SCALE_MOS, 0 },
};

/* Neither the paper nor the reference has it: a rate of errors as WER is. */
static const struct gl_scale cer = { "CER", GL_SCALE_WER, 0 };

/* "CD (Chamfer Distance)" -> CD, "RTE ( Relative ..." -> RTE; RMSE stays apart from RMS. */
static struct span first_word(const char *metric)
{
    metric += strspn(metric, " \t");
    return span_of(metric, strcspn(metric, " \t("));
}

static bool is_key(const struct gl_scale *scale, struct span key)
{
    return strlen(scale->key) == key.len &&
           strncasecmp(scale->key, (const char *)key.data, key.len) == 0;
}

static const struct gl_scale *find_key(struct span key)
{
    for (size_t i = 0; i < sizeof(scales) / sizeof(scales[0]); i++) {
        if (is_key(&scales[i], key))
            return &scales[i];
    }
    return NULL;
}

const struct gl_scale *gl_scale_find(enum gl_rule rule, const char *metric)
{
    if (rule == GL_OFFICIAL)
        return find_key(span_str(metric));
    const struct gl_scale *scale = find_key(first_word(metric));
    if (scale != NULL)
        return scale;
    const struct metric *known = metric_find(metric); /* "Chamfer Distance" is CD */
    struct span key = first_word(known != NULL ? known->name : metric);
    return is_key(&cer, key) ? &cer : find_key(key);
}

bool gl_scale_is_missing(const char *metric)
{
    const struct metric *known = metric_find(metric);
    return known != NULL && known->lower_is_better && gl_scale_find(GL_CORRECTED, metric) == NULL;
}

bool gl_scale_lower_is_better(const struct gl_scale *scale)
{
    return scale != NULL && (scale->kind == GL_SCALE_ERROR || scale->kind == GL_SCALE_WER);
}

double gl_scale_apply(enum gl_rule rule, const struct gl_scale *scale, double x)
{
    switch (scale->kind) {
    /* x = 0 gives t / 0 = inf and so 100: a perfect error. */
    case GL_SCALE_ERROR: return (2 * (1 / (1 + exp(-(scale->t / x)))) - 1) * 100;
    case GL_SCALE_PSNR: return tanh(scale->t * x) * 100;
    case GL_SCALE_WER: return rule == GL_OFFICIAL ? (1 - x) * 100 : 100 - x;
    case GL_SCALE_MS_SSIM: return (x + 1) / 2 * 100;
    case GL_SCALE_MOS: return (x - 1) / 4 * 100;
    }
    return NAN;
}
