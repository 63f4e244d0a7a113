#include "coordinator/pauses.h"

#include <stdio.h>

enum { KEY_BYTES = 32 };

static void key_of(uint32_t model, char key[KEY_BYTES])
{
    snprintf(key, KEY_BYTES, "paused/%u", model);
}

void pauses_store(struct store_batch *b, uint32_t model, bool is_paused)
{
    char key[KEY_BYTES];
    uint8_t value = is_paused;
    key_of(model, key);
    store_batch_meta(b, key, span_of(&value, sizeof(value)));
}

static err load(struct store *s, uint32_t model, bool *out_paused, struct errmsg *msg)
{
    char key[KEY_BYTES];
    struct buf value = { 0 };
    struct errmsg said = { 0 }; /* that it never was paused is no failure: nobody is told */
    key_of(model, key);
    err e = store_meta(s, key, &value, &said);
    *out_paused = e == OK && value.len == 1 && value.data[0] == 1;
    buf_release(&value);
    if (e == OK || e == ERR_NOT_FOUND)
        return OK;
    *msg = said;
    return e;
}

static void pause_in_core(struct core *core, uint32_t index)
{
    struct core_effects none = { 0 }; /* nobody is there to be told */
    struct core_event e = { .kind = CORE_PAUSE_MODEL };
    e.as.order.model = index;
    core_step(core, &e, &none);
    core_effects_release(&none);
}

err pauses_restore(struct store *store, const struct catalog *catalog, struct core *core,
                   struct errmsg *msg)
{
    struct store_info info;
    struct store_batch *forgotten = store_batch_new();
    store_info(store, &info);
    err e = OK;
    for (uint32_t i = 0; !e && i < catalog->model_count; i++) {
        bool is_paused = false;
        e = load(store, catalog->models[i].id, &is_paused, msg);
        if (is_paused && info.was_clean)
            pauses_store(forgotten, catalog->models[i].id, false);
        else if (is_paused)
            pause_in_core(core, i);
    }
    if (!e)
        e = store_commit(store, forgotten, msg);
    store_batch_free(forgotten);
    return e;
}
