/* Text of a cell -> what it is. */
#include "common/mem.h"
#include "common/text.h"
#include "coordinator/level/general_level.h"

#include <math.h>
#include <stdlib.h>
#include <strings.h>

/* pandas' default na_values (1.x and 2.x), which the reference reads as empty cells, less the
 * spellings of NaN: those stay numbers, so that the corrected rule can refuse them. */
static const char *const missing[] = {
    "#N/A", "#N/A N/A", "#NA", "<NA>", "N/A", "NA", "NULL", "None", "n/a", "null",
};

/* Cells in which a spreadsheet found an error; pandas reads NaN. */
static const char *const broken[] = {
    "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!",
};

struct special {
    const char *text;
    double number;
};

static const struct special specials[] = {
    { "inf", INFINITY },      { "+inf", INFINITY },
    { "infinity", INFINITY }, { "+infinity", INFINITY },
    { "-inf", -INFINITY },    { "-infinity", -INFINITY },
    { "nan", NAN },           { "+nan", NAN },
    { "-nan", NAN },          { "1.#IND", NAN },
    { "-1.#IND", NAN },       { "1.#QNAN", NAN },
    { "-1.#QNAN", NAN },
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static bool is_one_of(const char *text, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(text, list[i]) == 0)
            return true;
    }
    return false;
}

static struct gl_cell cell_of_trimmed(const char *text)
{
    double number;
    if (text[0] == '\0' || is_one_of(text, missing, COUNT_OF(missing)))
        return (struct gl_cell){ .kind = GL_CELL_EMPTY };
    if (strcmp(text, "\u221e") == 0)
        return (struct gl_cell){ .kind = GL_CELL_INFINITY };
    if (text_parse_double(text, &number))
        return gl_cell_number(number);
    if (is_one_of(text, broken, COUNT_OF(broken)))
        return gl_cell_number(NAN);
    for (size_t i = 0; i < COUNT_OF(specials); i++) {
        if (strcasecmp(text, specials[i].text) == 0)
            return gl_cell_number(specials[i].number);
    }
    return (struct gl_cell){ .kind = GL_CELL_TEXT };
}

struct gl_cell gl_cell_of_text(const char *text)
{
    static const char blanks[] = " \t\r\n\v\f";
    text += strspn(text, blanks);
    size_t length = strlen(text);
    while (length > 0 && strchr(blanks, text[length - 1]) != NULL)
        length--;
    char *copy = xstrndup(text, length);
    struct gl_cell cell = cell_of_trimmed(copy);
    free(copy);
    return cell;
}
