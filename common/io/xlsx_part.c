/* One part of an .xlsx file: libzip unpacks, expat parses, a piece at a time. */
#include "common/io/xlsx_part.h"

#include "common/check.h"
#include "common/io/table_private.h"
#include "common/mem.h"

#include <expat.h>
#include <stdlib.h>
#include <zip.h>

enum {
    XML_DEPTH_MAX = 64,    /* a worksheet's elements are 6 deep */
    PIECE_BYTES = 1 << 20, /* unpacked and parsed at once; large, since expat before 2.6 scans
                              an unfinished token again with each piece */
    UNPACKED_BYTES_MAX = 4 * TABLE_BYTES_MAX /* all parts together: parts may be named twice */
};

struct parse {
    struct xlsx *xlsx;
    const char *part;
    const struct xlsx_handlers *handlers;
    void *reader;
    XML_Parser parser;
    int depth;
    err failed; /* by a handler or a limit; its sentence is said */
};

err xlsx_open(struct span bytes, const char *name, struct xlsx *out, struct errmsg *msg)
{
    zip_error_t error;

    *out = (struct xlsx){ .name = name, .msg = msg };
    zip_error_init(&error);
    zip_source_t *source = zip_source_buffer_create(bytes.data, bytes.len, 0, &error);
    if (source != NULL) {
        out->zip = zip_open_from_source(source, ZIP_RDONLY, &error);
        if (out->zip == NULL)
            zip_source_free(source);
    }
    if (out->zip == NULL)
        err_say(msg, ERR_INVALID, "%s: not an .xlsx file: %s", name, zip_error_strerror(&error));
    zip_error_fini(&error);
    return out->zip == NULL ? ERR_INVALID : OK;
}

void xlsx_close(struct xlsx *x)
{
    zip_discard(x->zip); /* nothing was changed */
    x->zip = NULL;
}

/* expat gives "namespace|name" where a namespace is known. */
static const char *local_name(const char *name)
{
    const char *bar = strrchr(name, '|');
    return bar != NULL ? bar + 1 : name;
}

const char *xlsx_attribute(const char **attributes, const char *name)
{
    for (; attributes[0] != NULL; attributes += 2) {
        if (strcmp(local_name(attributes[0]), name) == 0)
            return attributes[1];
    }
    return NULL;
}

static void parse_stop(struct parse *p, err e)
{
    if (e && !p->failed) {
        p->failed = e;
        XML_StopParser(p->parser, XML_FALSE);
    }
}

static void XMLCALL on_start(void *user, const XML_Char *name, const XML_Char **attributes)
{
    struct parse *p = user;
    if (p->failed)
        return;
    if (++p->depth > XML_DEPTH_MAX)
        parse_stop(p, err_say(p->xlsx->msg, ERR_LIMIT, "%s, part %s: elements deeper than %d",
                              p->xlsx->name, p->part, XML_DEPTH_MAX));
    else if (p->handlers->start != NULL)
        parse_stop(p, p->handlers->start(p->reader, local_name(name), attributes));
}

static void XMLCALL on_end(void *user, const XML_Char *name)
{
    struct parse *p = user;
    if (p->failed)
        return;
    p->depth--;
    if (p->handlers->end != NULL)
        parse_stop(p, p->handlers->end(p->reader, local_name(name)));
}

static void XMLCALL on_text(void *user, const XML_Char *text, int length)
{
    struct parse *p = user;
    if (!p->failed && p->handlers->text != NULL)
        parse_stop(p, p->handlers->text(p->reader, span_of(text, (size_t)length)));
}

/* No spreadsheet has a document type, and entities, the way to blow up XML, are declared in one. */
static void XMLCALL on_doctype(void *user, const XML_Char *doctype, const XML_Char *system,
                               const XML_Char *public, int has_subset)
{
    struct parse *p = user;
    (void)doctype;
    (void)system;
    (void)public;
    (void)has_subset;
    parse_stop(p, err_say(p->xlsx->msg, ERR_INVALID,
                          "%s, part %s: a document type, which no spreadsheet has", p->xlsx->name,
                          p->part));
}

static err parse_piece(struct parse *p, const char *piece, int length, bool last)
{
    if (XML_Parse(p->parser, piece, length, last) == XML_STATUS_OK && !p->failed)
        return OK;
    if (p->failed)
        return p->failed;
    return err_say(p->xlsx->msg, ERR_CORRUPT, "%s, part %s, line %lu: %s", p->xlsx->name, p->part,
                   (unsigned long)XML_GetCurrentLineNumber(p->parser),
                   XML_ErrorString(XML_GetErrorCode(p->parser)));
}

static err parse_file(struct parse *p, zip_file_t *file, char *piece)
{
    uint64_t part_bytes = 0;
    for (;;) {
        zip_int64_t got = zip_fread(file, piece, PIECE_BYTES);
        if (got < 0)
            return err_say(p->xlsx->msg, ERR_CORRUPT, "%s, part %s: %s", p->xlsx->name, p->part,
                           zip_file_strerror(file));
        part_bytes += (uint64_t)got;
        p->xlsx->unpacked += (uint64_t)got;
        if (part_bytes > TABLE_BYTES_MAX || p->xlsx->unpacked > UNPACKED_BYTES_MAX)
            return err_say(p->xlsx->msg, ERR_LIMIT,
                           "%s, part %s: unpacks to more than %d bytes (%d all parts together)",
                           p->xlsx->name, p->part, TABLE_BYTES_MAX, UNPACKED_BYTES_MAX);
        err e = parse_piece(p, piece, (int)got, got == 0);
        if (e || got == 0)
            return e;
    }
}

err xlsx_parse(struct xlsx *x, const char *part, const struct xlsx_handlers *handlers, void *reader)
{
    zip_int64_t index = zip_name_locate(x->zip, part, ZIP_FL_NOCASE);
    if (index < 0)
        return err_say(x->msg, ERR_NOT_FOUND, "%s: not a complete .xlsx file: part %s is missing",
                       x->name, part);
    zip_file_t *file = zip_fopen_index(x->zip, (zip_uint64_t)index, 0);
    if (file == NULL)
        return err_say(x->msg, ERR_INVALID, "%s, part %s: %s", x->name, part, zip_strerror(x->zip));

    struct parse p = { .xlsx = x, .part = part, .handlers = handlers, .reader = reader };
    p.parser = XML_ParserCreateNS(NULL, '|');
    check(p.parser != NULL);
    XML_SetUserData(p.parser, &p);
    XML_SetElementHandler(p.parser, on_start, on_end);
    XML_SetCharacterDataHandler(p.parser, on_text);
    XML_SetStartDoctypeDeclHandler(p.parser, on_doctype);
    char *piece = xmalloc(PIECE_BYTES);
    err e = parse_file(&p, file, piece);
    free(piece);
    XML_ParserFree(p.parser);
    zip_fclose(file);
    return e;
}
