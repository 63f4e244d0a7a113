/* The workbook's names are not enough to say how a task is scored: ACC is an option's letter here
 * and a word there. In this order:
 *   - what is generated as image, video or 3D is scored by a program, whatever the metric's name;
 *     so is MAE and RMSE of a task that has a scorer (they are errors of maps and masks then);
 *   - multiple choice, by its type or its `options`: the option's letter is looked for;
 *   - accuracy in video comprehension: the reference stands somewhere in the answer;
 *   - otherwise what the name says. */
#include <strings.h>

#include "common/suite/general_bench.h"

static bool is_generated_medium(const struct task *task)
{
    return task->paradigm == PARADIGM_GENERATION && task->modality != MODALITY_NLP &&
           task->modality != MODALITY_AUDIO;
}

static bool is_multiple_choice(const struct gb_annotation *a)
{
    return strcasecmp(a->type, "MultipleChoiceQA") == 0 ||
           strcasecmp(a->type, "multiple choice") == 0;
}

static bool has_options(const struct gb_annotation *a)
{
    const json_t *input = json_object_get(json_array_get(a->items, 0), "input");
    return json_is_array(json_object_get(input, "options"));
}

const struct metric *gb_metric_of(const struct task *task, const struct gb_annotation *a,
                                  struct arena *arena)
{
    const struct metric *named = metric_find(task->metric_name);
    if (!named || named->kind == METRIC_SCORED)
        return named;
    bool number = named->kind == METRIC_MAE || named->kind == METRIC_RMSE;
    if (is_generated_medium(task) || (number && task->scorer)) {
        struct metric *scored = arena_alloc(arena, sizeof(*scored));
        *scored = metric_as_scored(named);
        return scored;
    }
    bool exact = named->kind == METRIC_EXACT;
    if ((is_multiple_choice(a) && (exact || named->kind == METRIC_MICRO_F1)) ||
        (has_options(a) && exact))
        return metric_find("Choice");
    if (exact && task->modality == MODALITY_VIDEO)
        return metric_find("Contains");
    return named;
}
