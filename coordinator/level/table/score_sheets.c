/* Which rows of a file belong to which sheet of General-Level. */
#include "coordinator/level/table/score_sheets.h"

#include <strings.h>

static const char *const task_names[] = { "Task Name", "task" };
static const char *const metric_names[] = { "Metrics", "metric" };
static const char *const sota_names[] = { "SoTA Performance", "sota" };
static const char *const modality_names[] = { "modality" };
static const char *const paradigm_names[] = { "paradigm" };
static const char *const other_names[] = { "No", "Task Short Name" };

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

bool score_column_is_known(const char *header)
{
    const struct cell cell = { .kind = CELL_TEXT, .text = header };
    const struct sheet one = { .row_count = 1,
                               .column_count = 1,
                               .cells = (struct cell[]){ cell } };
    return sheet_column(&one, task_names, COUNT_OF(task_names)) == 0 ||
           sheet_column(&one, metric_names, COUNT_OF(metric_names)) == 0 ||
           sheet_column(&one, sota_names, COUNT_OF(sota_names)) == 0 ||
           sheet_column(&one, modality_names, COUNT_OF(modality_names)) == 0 ||
           sheet_column(&one, paradigm_names, COUNT_OF(paradigm_names)) == 0 ||
           sheet_column(&one, other_names, COUNT_OF(other_names)) == 0;
}

const struct score_sheet *score_sheets_find(const struct score_sheets *s, enum modality m,
                                            enum paradigm p)
{
    for (size_t i = 0; i < s->count; i++) {
        if (s->items[i].modality == m && s->items[i].paradigm == p)
            return &s->items[i];
    }
    return NULL;
}

static struct score_sheet *add(struct score_sheets *s, enum modality m, enum paradigm p,
                               const struct sheet *sheet, struct arena *arena)
{
    struct score_sheet *added = &s->items[s->count++]; /* every (m, p) is added once */
    *added = (struct score_sheet){
        .modality = m,
        .paradigm = p,
        .sheet = sheet,
        .columns = { .task = sheet_column(sheet, task_names, COUNT_OF(task_names)),
                     .metric = sheet_column(sheet, metric_names, COUNT_OF(metric_names)),
                     .sota = sheet_column(sheet, sota_names, COUNT_OF(sota_names)) },
        .rows = arena_alloc(arena, (sheet->row_count + 1) * sizeof(size_t)),
    };
    return added;
}

err score_columns_check(const struct sheet *sheet, const char *path, struct errmsg *msg)
{
    err e = sheet_column_once(sheet, task_names, COUNT_OF(task_names), path, msg);
    if (e == OK)
        e = sheet_column_once(sheet, metric_names, COUNT_OF(metric_names), path, msg);
    return e ? e : sheet_column_once(sheet, sota_names, COUNT_OF(sota_names), path, msg);
}

static bool row_is_empty(const struct sheet *sheet, size_t row)
{
    for (size_t column = 0; column < sheet->column_count; column++) {
        if (sheet_cell(sheet, row, column)->kind != CELL_EMPTY)
            return false;
    }
    return true;
}

/* "Image-Generation" -> Image, Generation. */
static bool parse_sheet_name(const char *name, enum modality *m_out, enum paradigm *p_out)
{
    for (int m = 0; m < MODALITY_COUNT; m++) {
        for (int p = 0; p < PARADIGM_COUNT; p++) {
            if ((m == MODALITY_NLP) != (p == PARADIGM_NONE))
                continue;
            *m_out = (enum modality)m;
            *p_out = (enum paradigm)p;
            if (strcmp(name, sheet_name_of(*m_out, *p_out)) == 0)
                return true;
        }
    }
    return false;
}

static err scan_sheet(const struct sheet *sheet, struct arena *arena, struct score_sheets *out,
                      struct errmsg *msg)
{
    enum modality m;
    enum paradigm p;
    if (!parse_sheet_name(sheet->name, &m, &p))
        return err_say(msg, ERR_INVALID,
                       "%s: sheet '%s' is not one of General-Level's: expected NLP, "
                       "Image-Comprehension, Image-Generation and so on for Video, Audio, 3D",
                       out->path, sheet->name);
    if (score_sheets_find(out, m, p) != NULL)
        return err_say(msg, ERR_INVALID, "%s: sheet '%s' is there twice", out->path, sheet->name);
    struct score_sheet *added = add(out, m, p, sheet, arena);
    for (size_t row = 1; row < sheet->row_count; row++) {
        if (row_is_empty(sheet, row))
            return err_say(msg, ERR_INVALID,
                           "%s, sheet %s, row %zu: the row is empty; rows are counted by position, "
                           "so delete it",
                           out->path, sheet->name, row + 1);
        added->rows[added->row_count++] = row;
    }
    return OK;
}

/* The CSV texts of a row, "" for empty cells. */
static const char *csv_text(const struct sheet *sheet, size_t row, int column)
{
    const struct cell *cell = sheet_cell(sheet, row, (size_t)column);
    return cell->kind == CELL_TEXT ? cell->text : "";
}

static bool parse_row_name(const char *modality, const char *paradigm, enum modality *m_out,
                           enum paradigm *p_out)
{
    for (int m = 0; m < MODALITY_COUNT; m++) {
        for (int p = 0; p < PARADIGM_COUNT; p++) {
            *m_out = (enum modality)m;
            *p_out = (enum paradigm)p;
            if ((m == MODALITY_NLP) == (p == PARADIGM_NONE) &&
                strcmp(modality, modality_text(*m_out)) == 0 &&
                strcmp(paradigm, paradigm_text(*p_out)) == 0)
                return true;
        }
    }
    return false;
}

static err scan_csv_row(const struct sheet *sheet, size_t row, int modality, int paradigm,
                        struct arena *arena, struct score_sheets *out, struct errmsg *msg)
{
    enum modality m;
    enum paradigm p;
    const char *m_text = csv_text(sheet, row, modality), *p_text = csv_text(sheet, row, paradigm);
    if (!parse_row_name(m_text, p_text, &m, &p))
        return err_say(msg, ERR_INVALID,
                       "%s, row %zu: modality '%s' with paradigm '%s': expected NLP without a "
                       "paradigm, or Image, Video, Audio or 3D with Comprehension or Generation",
                       out->path, row + 1, m_text, p_text);
    struct score_sheet *found = NULL;
    for (size_t i = 0; i < out->count && found == NULL; i++) {
        if (out->items[i].modality == m && out->items[i].paradigm == p)
            found = &out->items[i];
    }
    if (found == NULL)
        found = add(out, m, p, sheet, arena);
    found->rows[found->row_count++] = row;
    return OK;
}

static err scan_csv(const struct sheet *sheet, struct arena *arena, struct score_sheets *out,
                    struct errmsg *msg)
{
    int modality = sheet_column(sheet, modality_names, COUNT_OF(modality_names));
    int paradigm = sheet_column(sheet, paradigm_names, COUNT_OF(paradigm_names));
    if (modality < 0 || paradigm < 0)
        return err_say(msg, ERR_INVALID,
                       "%s: no column '%s': a score table in CSV begins with "
                       "modality,paradigm,no,task,metric,sota and has one column a model",
                       out->path, modality < 0 ? "modality" : "paradigm");
    for (size_t row = 1; row < sheet->row_count; row++) {
        err e = scan_csv_row(sheet, row, modality, paradigm, arena, out, msg);
        if (e)
            return e;
    }
    return OK;
}

err score_sheets_scan(const struct workbook *book, const char *path, struct arena *arena,
                      struct score_sheets *out, struct errmsg *msg)
{
    *out = (struct score_sheets){ .path = path };
    if (book->sheet_count == 1 && book->sheets[0].name[0] == '\0') {
        out->is_csv = true;
        return scan_csv(&book->sheets[0], arena, out, msg);
    }
    for (size_t i = 0; i < book->sheet_count; i++) {
        if (strcasecmp(book->sheets[i].name, "level-scores") == 0)
            continue; /* where the reference's users keep the outcome */
        err e = scan_sheet(&book->sheets[i], arena, out, msg);
        if (e)
            return e;
    }
    return OK;
}
