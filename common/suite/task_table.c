#include "common/suite/task_table.h"

#include <math.h>
#include <stdlib.h>
#include <strings.h>

#include "common/io/table.h"
#include "common/suite/suite_private.h"
#include "common/text.h"

static const char blanks[] = " \t\r\n";

const char *trimmed(const char *text, struct arena *arena)
{
    text += strspn(text, blanks);
    size_t len = strlen(text);
    while (len && strchr(blanks, text[len - 1]))
        len--;
    return arena_strndup(arena, text, len);
}

static const char *key_of(const char *name, struct arena *arena)
{
    char *key = arena_strdup(arena, name);
    size_t len = 0;
    for (const char *c = name; *c; c++) {
        unsigned char byte = (unsigned char)*c;
        if (byte >= 'A' && byte <= 'Z')
            key[len++] = (char)(byte - 'A' + 'a');
        else if ((byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte >= 0x80)
            key[len++] = *c;
    }
    key[len] = '\0';
    return key;
}

/* The columns of a sheet; -1: absent. */
struct columns {
    int sheet, modality, paradigm, task, metric, sota, instances;
};

struct reading {
    const char *path;
    struct arena *arena;
    const struct sheet *sheet;
    struct columns columns;
    struct task_table *out;
    struct errmsg *msg;
};

static err find_columns(const struct reading *r, struct columns *out)
{
    static const char *const sheet[] = { "sheet" }, *const modality[] = { "modality" },
                             *const paradigm[] = { "paradigm" },
                             *const task[] = { "task", "task name", "task_name" },
                             *const metric[] = { "metric", "metrics" },
                             *const sota[] = { "sota", "sota performance" },
                             *const instances[] = { "instances" };
    const struct {
        int *column;
        const char *const *names;
        size_t name_count;
    } wanted[] = { { &out->sheet, sheet, 1 },        { &out->modality, modality, 1 },
                   { &out->paradigm, paradigm, 1 },  { &out->task, task, 3 },
                   { &out->metric, metric, 2 },      { &out->sota, sota, 2 },
                   { &out->instances, instances, 1 } };
    err e = OK;
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]) && !e; i++) {
        *wanted[i].column = sheet_column(r->sheet, wanted[i].names, wanted[i].name_count);
        e = sheet_column_once(r->sheet, wanted[i].names, wanted[i].name_count, r->path, r->msg);
    }
    return e;
}

/* The text of a cell as it stands, kept beyond the workbook; "" where there is no column. */
static const char *text_of(const struct reading *r, size_t row, int column)
{
    if (column < 0)
        return "";
    return arena_strdup(r->arena, cell_text(sheet_cell(r->sheet, row, (size_t)column), r->arena));
}

/* Reports put a quote before a text that a spreadsheet would run (csv_append_field): it is no part
 * of the name, and -x would not be found as '-x. */
static const char *unguarded(const char *text)
{
    return text[0] == '\'' && text[1] && strchr("=+-@", text[1]) ? text + 1 : text;
}

static bool find_sheet(const char *name, struct task_row *row)
{
    for (int m = 0; m < MODALITY_COUNT; m++) {
        for (int p = 0; p < PARADIGM_COUNT; p++) {
            if ((m == MODALITY_NLP) != (p == PARADIGM_NONE))
                continue;
            if (strcasecmp(name, sheet_name_of((enum modality)m, (enum paradigm)p)) == 0) {
                row->modality = (enum modality)m;
                row->paradigm = (enum paradigm)p;
                return true;
            }
        }
    }
    return false;
}

static err read_sheet_name(const struct reading *r, size_t at, struct task_row *row)
{
    const char *name = r->sheet->name;
    if (r->columns.sheet >= 0) {
        name = text_of(r, at, r->columns.sheet);
    } else if (r->columns.modality >= 0) {
        const char *modality = trimmed(text_of(r, at, r->columns.modality), r->arena);
        const char *paradigm = trimmed(text_of(r, at, r->columns.paradigm), r->arena);
        name = arena_format(r->arena, "%s%s%s", modality, *paradigm ? "-" : "", paradigm);
    }
    if (find_sheet(trimmed(name, r->arena), row))
        return OK;
    return err_say(r->msg, ERR_INVALID,
                   "%s: '%s' is no sheet; expected NLP, or one of Image, Video, Audio and 3D with "
                   "-Comprehension or -Generation behind it",
                   row->where, name);
}

static err read_numbers(const struct reading *r, size_t at, struct task_row *row)
{
    const char *sota = trimmed(text_of(r, at, r->columns.sota), r->arena);
    const char *instances = trimmed(text_of(r, at, r->columns.instances), r->arena);
    row->sota = NAN;
    if (*sota && !text_parse_double(sota, &row->sota))
        return err_say(r->msg, ERR_INVALID,
                       "%s: the sota '%s' of '%s' is no number; leave it empty if there is none",
                       row->where, sota, row->name);
    uint64_t count = 0;
    if (*instances &&
        (!text_parse_u64(instances, &count) || count == 0 || count > TASK_INSTANCES_MAX))
        return err_say(r->msg, ERR_INVALID, "%s: instances of '%s' must be a number from 1 to %d",
                       row->where, row->name, TASK_INSTANCES_MAX);
    row->instances = (uint32_t)count;
    return OK;
}

static err read_row(const struct reading *r, size_t at)
{
    struct task_row row = { .name = unguarded(text_of(r, at, r->columns.task)) };
    row.bare = trimmed(row.name, r->arena);
    if (!*row.bare)
        return OK;
    row.where = *r->sheet->name ? arena_format(r->arena, "%s, sheet %s, line %zu", r->path,
                                               r->sheet->name, at + 1)
                                : arena_format(r->arena, "%s, row %zu", r->path, at + 1);
    row.key = key_of(row.bare, r->arena);
    const char *metric = text_of(r, at, r->columns.metric);
    row.metric = *trimmed(metric, r->arena) ? metric : NULL;
    err e = suite_check_name(row.name, row.where, r->msg);
    if (!e)
        e = read_sheet_name(r, at, &row);
    if (!e)
        e = read_numbers(r, at, &row);
    if (!e)
        r->out->rows[r->out->count++] = row;
    return e;
}

static err read_sheet(struct reading *r)
{
    if (r->sheet->row_count == 0)
        return OK;
    err found = find_columns(r, &r->columns);
    if (found)
        return found;
    if (r->columns.task < 0)
        return err_say(r->msg, ERR_INVALID, "%s%s%s: the first row names no column 'task'", r->path,
                       *r->sheet->name ? ", sheet " : "", r->sheet->name);
    for (size_t at = 1; at < r->sheet->row_count; at++) {
        err e = read_row(r, at);
        if (e)
            return e;
    }
    return OK;
}

static int compare_sheets(const struct task_row *x, const struct task_row *y)
{
    if (x->modality != y->modality)
        return x->modality < y->modality ? -1 : 1;
    if (x->paradigm != y->paradigm)
        return x->paradigm < y->paradigm ? -1 : 1;
    return strcmp(x->key, y->key);
}

static int compare_rows(const void *a, const void *b)
{
    const struct task_row *x = *(const struct task_row *const *)a;
    const struct task_row *y = *(const struct task_row *const *)b;
    int order = compare_sheets(x, y);
    return order ? order : strcmp(x->bare, y->bare);
}

static err sort_rows(struct task_table *t, struct arena *arena, struct errmsg *msg)
{
    t->sorted = arena_alloc(arena, (t->count + 1) * sizeof(struct task_row *));
    for (size_t i = 0; i < t->count; i++)
        t->sorted[i] = &t->rows[i];
    qsort(t->sorted, t->count, sizeof(struct task_row *), compare_rows);
    for (size_t i = 1; i < t->count; i++) {
        const struct task_row *x = t->sorted[i - 1], *y = t->sorted[i];
        if (compare_rows(&x, &y) == 0)
            return err_say(msg, ERR_INVALID,
                           "%s and %s: both are the task '%s'; a task has one row",
                           x < y ? x->where : y->where, x < y ? y->where : x->where, x->bare);
    }
    return OK;
}

err task_table_read(const char *path, struct arena *arena, struct task_table *out,
                    struct errmsg *msg)
{
    struct workbook book;
    *out = (struct task_table){ 0 };
    err e = workbook_read(path, &book, msg);
    if (e)
        return e;
    size_t rows = 0;
    for (size_t i = 0; i < book.sheet_count; i++)
        rows += book.sheets[i].row_count;
    if (rows > TASKS_MAX) {
        e = err_say(msg, ERR_LIMIT, "%s: %zu rows; a table of tasks has at most %d", path, rows,
                    TASKS_MAX);
        goto done;
    }
    out->rows = arena_alloc(arena, (rows + 1) * sizeof(*out->rows));
    for (size_t i = 0; i < book.sheet_count && !e; i++) {
        struct reading r = { path, arena, &book.sheets[i], { 0 }, out, msg };
        if (strcasecmp(book.sheets[i].name, "level-scores") != 0)
            e = read_sheet(&r);
    }
    if (!e)
        e = sort_rows(out, arena, msg);
done:
    workbook_release(&book);
    return e;
}

/* The first of the sorted rows that is not before `wanted`. */
static size_t lower_bound(const struct task_table *t, const struct task_row *wanted)
{
    size_t low = 0, high = t->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_sheets(t->sorted[middle], wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct task_row *task_table_find(const struct task_table *t, enum modality modality,
                                       enum paradigm paradigm, const char *name)
{
    struct arena arena = { 0 };
    struct task_row wanted = { .modality = modality, .paradigm = paradigm };
    wanted.key = key_of(name, &arena);
    wanted.bare = trimmed(name, &arena);
    const struct task_row *exact = NULL;
    size_t first = lower_bound(t, &wanted), count = 0;
    while (first + count < t->count && !compare_sheets(t->sorted[first + count], &wanted)) {
        if (strcmp(t->sorted[first + count]->bare, wanted.bare) == 0)
            exact = t->sorted[first + count];
        count++;
    }
    bool only = count == 1 && *wanted.key;
    arena_release(&arena);
    return exact ? exact : only ? t->sorted[first] : NULL;
}
