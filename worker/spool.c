#include "worker/spool.h"

#include <stdlib.h>

#include "common/block.h"
#include "common/check.h"
#include "common/list.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/pack/pack.h"

/* A message, as it will be encoded for whatever session there is. */
struct spooled {
    struct list node;
    enum msg_type type;
    uint64_t seq, attempt;
    uint32_t model, task; /* RESULTS */
    enum ended reason;    /* ENDED */
    uint32_t from;        /* ENDED */
    struct buf bytes;     /* the block, or the text */
    unsigned refusals;
};

enum { REFUSALS_MAX = 3 };

/* The rows of an attempt since its last flush. */
struct collection {
    struct list node;
    struct block_builder builder;
    uint64_t micros; /* that their model took */
};

enum { SLOW_ROW_MICROS = 10 }; /* beside that, packing well is nothing: 50 ns a short row */

struct spool {
    struct map by_attempt;   /* collections */
    struct list collections; /* the same, to free them */
    struct list messages;    /* by seq */
    struct list *next;       /* the next to send; &messages: all are sent */
    uint64_t last_seq;
    size_t count;
    struct collection *spare; /* of an attempt that is over, for its memory; NULL: none */
    struct packer *packer;
    bool packs;
};

struct spool *spool_new(void)
{
    struct spool *s = xcalloc(1, sizeof *s);
    list_init(&s->collections);
    list_init(&s->messages);
    s->next = &s->messages;
    s->packer = packer_new();
    return s;
}

void spool_set_packing(struct spool *s, bool packs)
{
    s->packs = packs;
}

static void spooled_free(struct spooled *m)
{
    list_remove(&m->node);
    buf_release(&m->bytes);
    free(m);
}

static void collection_free(struct collection *c)
{
    list_remove(&c->node);
    block_builder_release(&c->builder);
    free(c);
}

static struct collection *collection_new(struct spool *s, uint64_t attempt, uint8_t stat_count)
{
    struct collection *c = s->spare;
    s->spare = NULL;
    if (!c)
        c = xcalloc(1, sizeof *c);
    block_builder_restart(&c->builder, stat_count);
    list_push_back(&s->collections, &c->node);
    map_put(&s->by_attempt, attempt, c);
    return c;
}

/* Its rows went before its end. Most attempts are like the one before: one spare is enough. */
static void collection_end(struct spool *s, struct collection *c)
{
    check(c->builder.count == 0);
    list_remove(&c->node);
    if (s->spare)
        collection_free(s->spare);
    s->spare = c;
}

void spool_free(struct spool *s)
{
    if (!s)
        return;
    while (!list_empty(&s->messages))
        spooled_free(container_of(list_first(&s->messages), struct spooled, node));
    while (!list_empty(&s->collections))
        collection_free(container_of(list_first(&s->collections), struct collection, node));
    if (s->spare)
        collection_free(s->spare);
    map_release(&s->by_attempt);
    packer_free(s->packer);
    free(s);
}

void spool_record(struct spool *s, uint64_t attempt, uint8_t stat_count, const struct result *rows,
                  uint32_t count)
{
    struct collection *c = map_find(&s->by_attempt, attempt);
    if (!c)
        c = collection_new(s, attempt, stat_count);
    check(c->builder.stat_count == stat_count);
    for (uint32_t i = 0; i < count; i++) {
        block_builder_add(&c->builder, &rows[i]);
        c->micros += rows[i].micros;
    }
}

/* seqs come in order, without a gap: the acks count on it. */
static struct spooled *spool_append(struct spool *s, enum msg_type type, uint64_t attempt,
                                    uint64_t seq)
{
    check(seq == s->last_seq + 1);
    s->last_seq = seq;
    struct spooled *m = xcalloc(1, sizeof *m);
    m->type = type;
    m->attempt = attempt;
    m->seq = seq;
    list_push_back(&s->messages, &m->node);
    s->count++;
    if (s->next == &s->messages)
        s->next = &m->node;
    return m;
}

void spool_flush(struct spool *s, uint64_t attempt, uint32_t model, uint32_t task, uint64_t seq)
{
    struct collection *c = map_find(&s->by_attempt, attempt);
    check(c && c->builder.count > 0);
    struct spooled *m = spool_append(s, MSG_RESULTS, attempt, seq);
    m->model = model;
    m->task = task;
    bool is_slow = c->micros >= SLOW_ROW_MICROS * (uint64_t)c->builder.count;
    block_builder_encode(&c->builder, &m->bytes);
    c->micros = 0;
    check(m->bytes.len <= BLOCK_BYTES_MAX);
    if (s->packs)
        pack_block(s->packer, is_slow ? PACK_WELL : PACK_QUICKLY, &m->bytes);
}

void spool_ended(struct spool *s, uint64_t attempt, enum ended reason, struct span text,
                 uint32_t from, uint64_t seq)
{
    struct collection *c = from == 0 ? map_take(&s->by_attempt, attempt) : NULL;
    if (c)
        collection_end(s, c);
    struct spooled *m = spool_append(s, MSG_ENDED, attempt, seq);
    m->reason = reason;
    m->from = from;
    buf_append_span(&m->bytes, text);
}

uint64_t spool_first_seq(const struct spool *s)
{
    if (s->messages.next == &s->messages)
        return s->last_seq + 1;
    return container_of_const(s->messages.next, struct spooled, node)->seq;
}

void spool_ack(struct spool *s, uint64_t seq)
{
    while (!list_empty(&s->messages)) {
        struct spooled *m = container_of(list_first(&s->messages), struct spooled, node);
        if (m->seq > seq)
            return;
        if (s->next == &m->node)
            s->next = m->node.next;
        spooled_free(m);
        s->count--;
    }
}

static struct spooled *spool_find(struct spool *s, uint64_t seq)
{
    struct spooled *found = NULL;
    for (struct list *n = s->messages.next; n != &s->messages && !found; n = n->next) {
        struct spooled *m = container_of(n, struct spooled, node);
        found = m->seq == seq ? m : NULL;
    }
    return found;
}

bool spool_refused(struct spool *s, uint64_t seq, struct span text)
{
    struct spooled *m = spool_find(s, seq);
    if (!m || ++m->refusals < REFUSALS_MAX)
        return false;
    bool is_end = m->type == MSG_ENDED; /* then the least that can be said */
    m->type = MSG_ENDED;
    m->reason = is_end ? ENDED_RETURNED : ENDED_REFUSED;
    m->from = 0;
    m->refusals = 0;
    buf_clear(&m->bytes);
    buf_append_span(&m->bytes, is_end ? span_of(NULL, 0) : text);
    return true;
}

bool spool_next(const struct spool *s, struct msg *out)
{
    if (s->next == &s->messages)
        return false;
    const struct spooled *m = container_of(s->next, struct spooled, node);
    *out = (struct msg){ .type = m->type, .seq = m->seq };
    if (m->type == MSG_RESULTS) {
        out->as.results.attempt = m->attempt;
        out->as.results.model = m->model;
        out->as.results.task = m->task;
        out->as.results.block = buf_span(&m->bytes);
    } else {
        out->as.ended.attempt = m->attempt;
        out->as.ended.reason = (uint8_t)m->reason;
        out->as.ended.text = buf_span(&m->bytes);
        out->as.ended.from = m->from;
    }
    return true;
}

void spool_sent(struct spool *s)
{
    check(s->next != &s->messages);
    s->next = s->next->next;
}

void spool_rewind(struct spool *s)
{
    s->next = s->messages.next;
}

size_t spool_count(const struct spool *s)
{
    return s->count;
}
