/* The cells of an .xlsx workbook: its table of shared strings and its worksheets. */
#ifndef MUSTER_COMMON_IO_XLSX_CELLS_H
#define MUSTER_COMMON_IO_XLSX_CELLS_H

#include "common/buf.h"
#include "common/io/table.h"
#include "common/io/xlsx_part.h"

/* The text of <t> elements, without those of phonetic runs (<rPh>): how to pronounce the text. */
struct text_runs {
    struct buf text;
    bool in_text, in_phonetic;
};

struct xlsx_strings {
    struct xlsx *xlsx;
    struct arena *arena; /* of the texts; outlives them */
    const char **items;
    size_t count, capacity;
    struct text_runs runs; /* the one being read */
};

/* Append the shared strings of a part. Start with the rest of *s zero; release it in any case. */
err xlsx_strings_read(struct xlsx_strings *s, const char *part);
void xlsx_strings_release(struct xlsx_strings *s); /* the texts stay in the arena */

/* The worksheet of a part, its cells in the arena. sheet_name is borrowed by *out.
 * budget: how many cells the workbook may still have; it goes down by those of this sheet. */
err xlsx_sheet_read(struct xlsx *x, struct arena *arena, const struct xlsx_strings *strings,
                    const char *part, const char *sheet_name, size_t *budget, struct sheet *out);

#endif
