#include "tests/sim/options.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const plant_texts[PLANT_COUNT] = {
#define X(name, text, wrong) [name] = text,
    PLANT_LIST(X)
#undef X
};

static const char *after(const char *word, const char *prefix)
{
    size_t len = strlen(prefix);
    return strncmp(word, prefix, len) == 0 ? word + len : NULL;
}

static bool read_u32(const char *text, uint32_t *out)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (end == text || *end || value > UINT32_MAX)
        return false;
    *out = (uint32_t)value;
    return true;
}

static bool take_plant(struct sim_options *o, const char *text)
{
    for (int p = 0; p < PLANT_COUNT; p++)
        if (strcmp(plant_texts[p], text) == 0) {
            o->plant = (enum plant)p;
            return true;
        }
    return false;
}

/* CLASS:NUMBER */
static bool take_suppressed(struct sim_options *o, const char *text)
{
    char class[32];
    const char *colon = strchr(text, ':');
    uint32_t number;
    enum fault f;
    if (!colon || (size_t)(colon - text) >= sizeof(class) || o->suppressed_count == SUPPRESSED_MAX)
        return false;
    memcpy(class, text, (size_t)(colon - text));
    class[colon - text] = '\0';
    if (!fault_find(class, &f) || !read_u32(colon + 1, &number))
        return false;
    o->suppressed[o->suppressed_count++] = (struct suppressed){ f, number };
    return true;
}

bool options_take(struct sim_options *o, const char *word)
{
    const char *value;
    enum fault f;
    if (strcmp(word, "--trace") == 0)
        return o->trace = true;
    if ((value = after(word, "--no-")) && fault_find(value, &f)) {
        o->off |= 1u << f;
        return true;
    }
    if ((value = after(word, "--skip=")))
        return take_suppressed(o, value);
    if ((value = after(word, "--plant=")))
        return take_plant(o, value);
    if ((value = after(word, "--horizon-ms=")))
        return read_u32(value, &o->horizon_ms);
    if ((value = after(word, "--machines=")))
        return read_u32(value, &o->machines_max) && o->machines_max <= 6;
    if ((value = after(word, "--instances=")))
        return read_u32(value, &o->instances_max) && o->instances_max <= 1000;
    if ((value = after(word, "--tail="))) {
        uint32_t lines;
        bool ok = read_u32(value, &lines) && lines <= 1000000;
        o->tail = ok ? lines : 0;
        return ok;
    }
    return false;
}

void options_print(const struct sim_options *o, struct buf *out)
{
    for (int f = 0; f < FAULT_COUNT; f++)
        if (o->off >> f & 1)
            buf_printf(out, " --no-%s", fault_text((enum fault)f));
    for (size_t i = 0; i < o->suppressed_count; i++)
        buf_printf(out, " --skip=%s:%" PRIu64, fault_text(o->suppressed[i].fault),
                   o->suppressed[i].number);
    if (o->horizon_ms)
        buf_printf(out, " --horizon-ms=%" PRIu32, o->horizon_ms);
    if (o->machines_max)
        buf_printf(out, " --machines=%" PRIu32, o->machines_max);
    if (o->instances_max)
        buf_printf(out, " --instances=%" PRIu32, o->instances_max);
    if (o->plant != PLANT_NONE)
        buf_printf(out, " --plant=%s", plant_texts[o->plant]);
}

void options_print_plants(void)
{
    for (int p = PLANT_NONE + 1; p < PLANT_COUNT; p++)
        printf("%s\n", plant_texts[p]);
}
