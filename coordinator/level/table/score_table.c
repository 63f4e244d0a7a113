/* Score table and SoTA table, joined to rows. */
#include "coordinator/level/table/score_table.h"

#include "common/check.h"
#include "coordinator/level/table/score_sheets.h"

#include <strings.h>

/* "scores.xlsx, sheet NLP, row 12"; in a CSV file without the sheet. */
static const char *place_text(struct arena *arena, const char *path, const struct score_place *at)
{
    return at->sheet->name[0] == '\0'
               ? arena_format(arena, "%s, row %zu", path, at->row + 1)
               : arena_format(arena, "%s, sheet %s, row %zu", path, at->sheet->name, at->row + 1);
}

const char *score_table_sheet(const struct gl_row *row)
{
    return sheet_name_of(row->modality, row->paradigm);
}

static struct gl_cell value_of(const struct cell *cell)
{
    switch (cell->kind) {
    case CELL_EMPTY: break;
    case CELL_NUMBER: return gl_cell_number(cell->number);
    case CELL_TEXT: return gl_cell_of_text(cell->text);
    }
    return (struct gl_cell){ .kind = GL_CELL_EMPTY };
}

/* Everything while a table is joined. */
struct join {
    struct score_table *table;
    const struct score_sheets *scores, *sota;
    struct errmsg *msg;
};

static err check_columns(const struct join *j, const struct score_sheet *sheet)
{
    const struct {
        int column;
        const char *name;
    } wanted[] = { { sheet->columns.task, j->sota->is_csv ? "task" : "Task Name" },
                   { sheet->columns.metric, j->sota->is_csv ? "metric" : "Metrics" },
                   { sheet->columns.sota, j->sota->is_csv ? "sota" : "SoTA Performance" } };
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        if (wanted[i].column < 0)
            return err_say(j->msg, ERR_INVALID, "%s, sheet %s: no column '%s'%s", j->sota->path,
                           sheet_name_of(sheet->modality, sheet->paradigm), wanted[i].name,
                           j->sota == j->scores ? "; name the table of specialists with --sota"
                                                : "");
    }
    return score_columns_check(sheet->sheet, j->sota->path, j->msg);
}

static void compare_names(struct score_table *t, const struct score_sheet *scores, size_t row)
{
    const struct score_place *at = &t->score_places[row];
    if (scores->columns.task < 0)
        return;
    const struct cell *task = sheet_cell(at->sheet, at->row, (size_t)scores->columns.task);
    if (strcmp(cell_text(task, &t->arena), t->rows[row].task) == 0)
        return;
    if (t->renamed++ == 0)
        t->first_renamed = row;
}

static err join_row(const struct join *j, const struct score_sheet *sota,
                    const struct score_sheet *scores, size_t position)
{
    struct score_table *t = j->table;
    size_t row = t->row_count;
    struct score_place at = { sota->sheet, sota->rows[position] };
    const struct cell *task = sheet_cell(at.sheet, at.row, (size_t)sota->columns.task);
    const struct cell *metric = sheet_cell(at.sheet, at.row, (size_t)sota->columns.metric);
    if (task->kind == CELL_EMPTY || metric->kind == CELL_EMPTY)
        return err_say(j->msg, ERR_INVALID, "%s: no %s", place_text(&t->arena, j->sota->path, &at),
                       task->kind == CELL_EMPTY ? "task name" : "metric");
    t->rows[row] = (struct gl_row){
        .modality = sota->modality,
        .paradigm = sota->paradigm,
        .task = cell_text(task, &t->arena),
        .metric = cell_text(metric, &t->arena),
        .sota = value_of(sheet_cell(at.sheet, at.row, (size_t)sota->columns.sota)),
    };
    t->sota_places[row] = at;
    t->score_places[row] = (struct score_place){ scores->sheet, scores->rows[position] };
    t->row_count++;
    compare_names(t, scores, row);
    return OK;
}

static err join_sheet(const struct join *j, const struct score_sheet *sota)
{
    const char *name = sheet_name_of(sota->modality, sota->paradigm);
    const struct score_sheet *scores = score_sheets_find(j->scores, sota->modality, sota->paradigm);
    if (scores == NULL)
        return err_say(j->msg, ERR_INVALID, "%s: no sheet %s, which %s has", j->scores->path, name,
                       j->sota->path);
    if (scores->row_count != sota->row_count)
        return err_say(j->msg, ERR_INVALID,
                       "%s, sheet %s: %zu tasks, but %s has %zu; rows are joined by position",
                       j->scores->path, name, scores->row_count, j->sota->path, sota->row_count);
    err e = check_columns(j, sota);
    for (size_t i = 0; e == OK && i < sota->row_count; i++)
        e = join_row(j, sota, scores, i);
    return e;
}

static size_t count_rows(const struct score_sheets *s)
{
    size_t count = 0;
    for (size_t i = 0; i < s->count; i++)
        count += s->items[i].row_count;
    return count;
}

static err join_sheets(const struct join *j)
{
    struct score_table *t = j->table;
    size_t count = count_rows(j->sota) + 1;
    t->rows = arena_alloc(&t->arena, count * sizeof(*t->rows));
    t->score_places = arena_alloc(&t->arena, count * sizeof(*t->score_places));
    t->sota_places = arena_alloc(&t->arena, count * sizeof(*t->sota_places));
    for (size_t i = 0; i < j->scores->count; i++) {
        const struct score_sheet *s = &j->scores->items[i];
        if (score_sheets_find(j->sota, s->modality, s->paradigm) == NULL)
            return err_say(j->msg, ERR_INVALID, "%s: sheet %s is not in %s", j->scores->path,
                           sheet_name_of(s->modality, s->paradigm), j->sota->path);
    }
    for (size_t i = 0; i < j->sota->count; i++) {
        err e = join_sheet(j, &j->sota->items[i]);
        if (e)
            return e;
    }
    return OK;
}

static const char *trimmed(struct arena *arena, const char *text)
{
    static const char blanks[] = " \t\r\n";
    text += strspn(text, blanks);
    size_t length = strlen(text);
    while (length > 0 && strchr(blanks, text[length - 1]) != NULL)
        length--;
    return arena_strndup(arena, text, length);
}

static void add_model(struct score_table *t, const char *name)
{
    for (size_t i = 0; i < t->model_count; i++) {
        if (strcasecmp(t->models[i], name) == 0)
            return;
    }
    t->models[t->model_count++] = name;
}

/* The headers of all sheets that are not known columns, each once. */
static void collect_models(struct score_table *t, const struct score_sheets *scores)
{
    size_t most = 0;
    for (size_t i = 0; i < scores->count; i++)
        most += scores->items[i].sheet->column_count;
    t->models = arena_alloc(&t->arena, (most + 1) * sizeof(*t->models));
    for (size_t i = 0; i < scores->count; i++) {
        const struct sheet *sheet = scores->items[i].sheet;
        for (size_t column = 0; sheet->row_count > 0 && column < sheet->column_count; column++) {
            const char *name =
                trimmed(&t->arena, cell_text(sheet_cell(sheet, 0, column), &t->arena));
            if (name[0] != '\0' && !score_column_is_known(name))
                add_model(t, name);
        }
    }
}

static err read_both(struct score_table *t, struct errmsg *msg)
{
    struct score_sheets *sheets = arena_alloc(&t->arena, 2 * sizeof(*sheets));
    struct join j = { .table = t, .scores = &sheets[0], .sota = &sheets[0], .msg = msg };
    err e = workbook_read(t->scores_path, &t->scores, msg);
    if (e == OK)
        e = score_sheets_scan(&t->scores, t->scores_path, &t->arena, &sheets[0], msg);
    if (e == OK && t->sota_path != t->scores_path) {
        j.sota = &sheets[1];
        e = workbook_read(t->sota_path, &t->sota, msg);
        if (e == OK)
            e = score_sheets_scan(&t->sota, t->sota_path, &t->arena, &sheets[1], msg);
    }
    if (e)
        return e;
    collect_models(t, j.scores);
    return join_sheets(&j);
}

err score_table_read(const char *scores_path, const char *sota_path, struct score_table *out,
                     struct errmsg *msg)
{
    *out = (struct score_table){ 0 };
    out->scores_path = arena_strdup(&out->arena, scores_path);
    out->sota_path = sota_path != NULL ? arena_strdup(&out->arena, sota_path) : out->scores_path;
    err e = read_both(out, msg);
    if (e)
        score_table_release(out);
    return e;
}

void score_table_release(struct score_table *t)
{
    workbook_release(&t->scores);
    workbook_release(&t->sota);
    arena_release(&t->arena);
    *t = (struct score_table){ 0 };
}

static err no_such_model(const struct score_table *t, const char *model, struct errmsg *msg)
{
    struct buf list = { 0 };
    for (size_t i = 0; i < t->model_count; i++)
        buf_printf(&list, "%s%s", i > 0 ? ", " : "", t->models[i]);
    err e;
    if (t->model_count == 0)
        e = err_say(msg, ERR_NOT_FOUND, "%s: no column with a model's scores", t->scores_path);
    else if (model == NULL)
        e = err_say(msg, ERR_NOT_FOUND, "%s: %zu models; choose one with --model: %s",
                    t->scores_path, t->model_count, buf_cstr(&list));
    else
        e = err_say(msg, ERR_NOT_FOUND, "%s: no model '%s'; there are: %s", t->scores_path, model,
                    buf_cstr(&list));
    buf_release(&list);
    return e;
}

static const char *find_model(const struct score_table *t, const char *model)
{
    if (model == NULL)
        return t->model_count == 1 ? t->models[0] : NULL;
    for (size_t i = 0; i < t->model_count; i++) {
        if (strcasecmp(t->models[i], model) == 0)
            return t->models[i];
    }
    return NULL;
}

err score_table_choose(struct score_table *t, const char *model, struct errmsg *msg)
{
    const char *name = find_model(t, model);
    if (name == NULL)
        return no_such_model(t, model, msg);
    const struct sheet *sheet = NULL; /* of the row before, with its column */
    int column = -1;
    for (size_t i = 0; i < t->row_count; i++) {
        const struct score_place *at = &t->score_places[i];
        if (at->sheet != sheet) {
            sheet = at->sheet;
            column = sheet_column(sheet, &name, 1);
            err e = sheet_column_once(sheet, &name, 1, t->scores_path, msg);
            if (e)
                return e;
        }
        if (column < 0)
            return err_say(msg, ERR_NOT_FOUND, "%s, sheet %s: no column for model '%s'",
                           t->scores_path, score_table_sheet(&t->rows[i]), name);
        t->rows[i].score = value_of(sheet_cell(sheet, at->row, (size_t)column));
    }
    return OK;
}

void score_table_say(const struct score_table *t, const struct gl_fault *fault, struct errmsg *msg)
{
    if (fault->row == SIZE_MAX) {
        err_say(msg, ERR_INVALID, "%s: %s", t->scores_path, gl_fault_text(fault->kind));
        return;
    }
    check(fault->row < t->row_count);
    struct arena scratch = { 0 };
    const struct gl_row *row = &t->rows[fault->row];
    const char *place = fault->in_sota
                            ? place_text(&scratch, t->sota_path, &t->sota_places[fault->row])
                            : place_text(&scratch, t->scores_path, &t->score_places[fault->row]);
    err_say(msg, ERR_INVALID, "%s, task '%s' (%s): %s%s", place, row->task, row->metric,
            fault->in_sota ? "SoTA: " : "", gl_fault_text(fault->kind));
    arena_release(&scratch);
}
