/* What the readers of table.h share; for table*.c and xlsx_part.c alone. */
#ifndef MUSTER_COMMON_IO_TABLE_PRIVATE_H
#define MUSTER_COMMON_IO_TABLE_PRIVATE_H

#include "common/io/table.h"

/* Bounds of one workbook, whatever its form. */
enum {
    TABLE_BYTES_MAX = 64 << 20, /* a CSV file; an .xlsx file; one part of an .xlsx unpacked */
    TABLE_CELLS_MAX = 1 << 20,  /* rows x columns over all sheets; General-Level's has 3,500 */
    TABLE_COLUMNS_MAX = 16384,  /* what a spreadsheet can hold */
    TABLE_SHEETS_MAX = 256,
    TABLE_NAME_BYTES_MAX = 1024 /* a sheet name has at most 31 characters */
};

/* `bytes` is the whole file; `name` is for messages. The sheets are empty after a failure. */
err workbook_read_xlsx(struct span bytes, const char *name, struct workbook *out,
                       struct errmsg *msg);

#endif
