/* Any bytes as an .xlsx workbook: as they are, if they begin like a zip; else as the parts of one,
 * which are zipped here, since no fuzzer guesses checksums. Parts are texts, each behind a line
 *
 *     --- xl/workbook.xml */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/scratch.h"

#include <math.h>
#include <zip.h>

#include "common/io/table.h"

enum { PARTS_MAX = 32, PART_NAME_BYTES = 256 };

/* The next line without its end. */
static struct span take_line(struct span *text)
{
    const uint8_t *end = text->len ? memchr(text->data, '\n', text->len) : NULL;
    struct span line = span_of(text->data, end ? (size_t)(end - text->data) : text->len);
    size_t taken = line.len + (end != NULL);
    *text = span_of(text->data + taken, text->len - taken);
    return line;
}

static bool is_mark(struct span line)
{
    return line.len > 4 && memcmp(line.data, "--- ", 4) == 0;
}

static void add_part(zip_t *zip, struct span mark, const uint8_t *from, const uint8_t *to)
{
    char name[PART_NAME_BYTES];
    (void)snprintf(name, sizeof(name), "%.*s", (int)(mark.len - 4), (const char *)mark.data + 4);
    zip_source_t *source = zip_source_buffer(zip, from, (zip_uint64_t)(to - from), 0);
    check(source);
    zip_int64_t index = zip_file_add(zip, name, source, ZIP_FL_OVERWRITE);
    if (index < 0)
        zip_source_free(source); /* such a name is not possible in a zip */
    else
        check(zip_set_file_compression(zip, (zip_uint64_t)index, ZIP_CM_STORE, 0) == 0);
}

static void write_parts(const char *path, struct span text)
{
    zip_t *zip = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, NULL);
    check(zip);
    struct span mark = span_of(NULL, 0);
    const uint8_t *start = text.data;
    unsigned parts = 0;
    while (text.len > 0 && parts < PARTS_MAX) {
        const uint8_t *before = text.data;
        struct span line = take_line(&text);
        if (!is_mark(line))
            continue;
        if (mark.len > 0) {
            add_part(zip, mark, start, before);
            parts++;
        }
        mark = line;
        start = text.data;
    }
    if (mark.len > 0)
        add_part(zip, mark, start, text.data);
    if (zip_close(zip) != 0)
        zip_discard(zip); /* names that no zip may have */
}

static void check_sheets(const struct workbook *w)
{
    struct arena arena = { 0 };
    for (size_t s = 0; s < w->sheet_count; s++) {
        const struct sheet *sheet = &w->sheets[s];
        check(sheet->name);
        for (size_t i = 0; i < sheet->row_count * sheet->column_count; i++) {
            const struct cell *cell = &sheet->cells[i];
            check(cell->kind != CELL_TEXT || cell->text[0]);
            check(cell->kind != CELL_NUMBER || isfinite(cell->number));
            check(cell_text(cell, &arena));
        }
    }
    arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[600];
    (void)snprintf(path, sizeof(path), "%s/t.xlsx", scratch_dir());
    if (size > 2 && memcmp(data, "PK", 2) == 0)
        scratch_put("t.xlsx", span_of(data, size));
    else
        write_parts(path, span_of(data, size));
    struct workbook w;
    struct errmsg msg = { "" };
    err e = workbook_read(path, &w, &msg);
    check((e == OK) == (msg.text[0] == '\0'));
    if (e)
        return 0;
    check_sheets(&w);
    workbook_release(&w);
    return 0;
}
