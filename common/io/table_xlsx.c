/* .xlsx workbooks (ECMA-376, SpreadsheetML): the values of their cells, nothing of their looks.
 *
 * _rels/.rels leads to the workbook part, its relations to the worksheets and the shared strings.
 * A formula counts as the value that was saved with it; a boolean is the number 1 or 0; an error is
 * its text ("#DIV/0!"). A sheet ends at its last cell that has a value, so formatted but empty rows
 * do not count. Chart sheets are left out. */
#include "common/io/table_private.h"
#include "common/io/xlsx_cells.h"
#include "common/mem.h"

#include <stdlib.h>

enum { RELATIONS_MAX = 4096 }; /* of one part */

struct relation {
    const char *id, *type, *part; /* type: the last part of its URI; part: without leading '/' */
};

struct relations {
    struct xlsx *xlsx;
    struct arena *arena;
    const char *folder; /* what targets are relative to */
    struct relation *items;
    size_t count, capacity;
};

/* folder and target as one path from the root of the zip, without "." and "..". */
static const char *part_path(struct arena *arena, const char *folder, const char *target)
{
    bool absolute = target[0] == '/';
    const char *from = absolute ? target : arena_format(arena, "%s/%s", folder, target);
    char *path = arena_strdup(arena, from), *end = path;
    while (*from != '\0') {
        size_t length = strcspn(from, "/");
        if (length == 2 && memcmp(from, "..", 2) == 0) {
            while (end > path && *--end != '/')
                ;
        } else if (length > 0 && !(length == 1 && *from == '.')) {
            if (end > path)
                *end++ = '/';
            memmove(end, from, length);
            end += length;
        }
        from += length + (from[length] == '/');
    }
    *end = '\0';
    return path;
}

static err relation_start(void *reader, const char *element, const char **attributes)
{
    struct relations *r = reader;
    const char *id = xlsx_attribute(attributes, "Id");
    const char *type = xlsx_attribute(attributes, "Type");
    const char *target = xlsx_attribute(attributes, "Target");
    if (strcmp(element, "Relationship") != 0 || id == NULL || type == NULL || target == NULL)
        return OK;
    if (r->count == RELATIONS_MAX)
        return err_say(r->xlsx->msg, ERR_LIMIT, "%s: more than %d relations of one part",
                       r->xlsx->name, RELATIONS_MAX);
    const char *slash = strrchr(type, '/');
    r->items = xgrow(r->items, &r->capacity, r->count + 1, sizeof(*r->items));
    r->items[r->count++] =
        (struct relation){ .id = arena_strdup(r->arena, id),
                           .type = arena_strdup(r->arena, slash != NULL ? slash + 1 : type),
                           .part = part_path(r->arena, r->folder, target) };
    return OK;
}

static err relations_read(struct relations *r, const char *part)
{
    static const struct xlsx_handlers handlers = { .start = relation_start };
    return xlsx_parse(r->xlsx, part, &handlers, r);
}

static const struct relation *relation_of_type(const struct relations *r, const char *type)
{
    for (size_t i = 0; i < r->count; i++) {
        if (strcmp(r->items[i].type, type) == 0)
            return &r->items[i];
    }
    return NULL;
}

static const struct relation *relation_of_id(const struct relations *r, const char *id)
{
    for (size_t i = 0; i < r->count; i++) {
        if (strcmp(r->items[i].id, id) == 0)
            return &r->items[i];
    }
    return NULL;
}

/* The sheets that the workbook part names. */
struct sheet_list {
    struct xlsx *xlsx;
    struct arena *arena;
    const struct relations *relations;
    struct {
        const char *name, *part;
    } items[TABLE_SHEETS_MAX];
    size_t count;
};

static err workbook_start(void *reader, const char *element, const char **attributes)
{
    struct sheet_list *l = reader;
    const char *name = xlsx_attribute(attributes, "name");
    const char *id = xlsx_attribute(attributes, "id");
    if (strcmp(element, "sheet") != 0 || name == NULL || id == NULL)
        return OK;
    const struct relation *relation = relation_of_id(l->relations, id);
    if (relation == NULL)
        return err_say(l->xlsx->msg, ERR_CORRUPT, "%s: sheet %s has no part", l->xlsx->name, name);
    if (strcmp(relation->type, "worksheet") != 0)
        return OK;
    if (l->count == TABLE_SHEETS_MAX)
        return err_say(l->xlsx->msg, ERR_LIMIT, "%s: more than %d sheets", l->xlsx->name,
                       TABLE_SHEETS_MAX);
    l->items[l->count].name = arena_strdup(l->arena, name);
    l->items[l->count++].part = relation->part;
    return OK;
}

/* Everything while one workbook is read. */
struct workbook_reader {
    struct xlsx xlsx;
    struct arena scratch; /* of the relations */
    struct relations relations;
    struct xlsx_strings strings;
    struct sheet_list sheets;
};

static err find_workbook_part(struct workbook_reader *r, const char **out)
{
    struct relations root = { .xlsx = &r->xlsx, .arena = &r->scratch, .folder = "" };
    err e = relations_read(&root, "_rels/.rels");
    const struct relation *document = relation_of_type(&root, "officeDocument");
    if (e == OK && document)
        *out = document->part;
    else if (e == OK)
        e = err_say(r->xlsx.msg, ERR_INVALID, "%s: not an .xlsx file: no workbook in it",
                    r->xlsx.name);
    free(root.items);
    return e;
}

/* The relations of "folder/file" are in "folder/_rels/file.rels". */
static err read_relations(struct workbook_reader *r, const char *workbook_part)
{
    const char *slash = strrchr(workbook_part, '/');
    int folder = slash != NULL ? (int)(slash - workbook_part) : 0;
    const char *file = slash != NULL ? slash + 1 : workbook_part;
    r->relations.folder = arena_format(&r->scratch, "%.*s", folder, workbook_part);
    const char *target = arena_format(&r->scratch, "_rels/%s.rels", file);
    return relations_read(&r->relations, part_path(&r->scratch, r->relations.folder, target));
}

static err read_sheets(struct workbook_reader *r, struct workbook *out)
{
    size_t budget = TABLE_CELLS_MAX;
    out->sheets = arena_alloc(&out->arena, (r->sheets.count + 1) * sizeof(*out->sheets));
    for (size_t i = 0; i < r->sheets.count; i++) {
        err e = xlsx_sheet_read(&r->xlsx, &out->arena, &r->strings, r->sheets.items[i].part,
                                r->sheets.items[i].name, &budget, &out->sheets[i]);
        if (e)
            return e;
        out->sheet_count++;
    }
    return OK;
}

static err read_parts(struct workbook_reader *r, struct workbook *out)
{
    static const struct xlsx_handlers handlers = { .start = workbook_start };
    const char *workbook_part = NULL;
    err e = find_workbook_part(r, &workbook_part);
    if (e == OK)
        e = read_relations(r, workbook_part);
    if (e)
        return e;
    e = xlsx_parse(&r->xlsx, workbook_part, &handlers, &r->sheets);
    if (e)
        return e;
    const struct relation *strings = relation_of_type(&r->relations, "sharedStrings");
    if (strings != NULL) {
        e = xlsx_strings_read(&r->strings, strings->part);
        if (e)
            return e;
    }
    return read_sheets(r, out);
}

err workbook_read_xlsx(struct span bytes, const char *name, struct workbook *out,
                       struct errmsg *msg)
{
    *out = (struct workbook){ 0 };
    struct workbook_reader *r = xcalloc(1, sizeof(*r));
    err e = xlsx_open(bytes, name, &r->xlsx, msg);
    if (e)
        goto done;
    r->relations = (struct relations){ .xlsx = &r->xlsx, .arena = &r->scratch };
    r->strings = (struct xlsx_strings){ .xlsx = &r->xlsx, .arena = &out->arena };
    r->sheets.xlsx = &r->xlsx;
    r->sheets.arena = &out->arena;
    r->sheets.relations = &r->relations;
    e = read_parts(r, out);
    if (e)
        workbook_release(out);
    xlsx_close(&r->xlsx);
done:
    free(r->relations.items);
    xlsx_strings_release(&r->strings);
    arena_release(&r->scratch);
    free(r);
    return e;
}
