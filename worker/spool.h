/* Results on their way to durability: rows are collected by attempt, become blocks, and the
 * messages that carry them are kept until the coordinator has acknowledged them. How much may be
 * kept is the agent's business (it stops asking for more); the spool keeps what it is given. */
#ifndef MUSTER_WORKER_SPOOL_H
#define MUSTER_WORKER_SPOOL_H

#include "proto/msg.h"

struct result;
struct spool;

struct spool *spool_new(void);
/* Whether the coordinator reads packed blocks (common/pack). Not before it has said so. */
void spool_set_packing(struct spool *s, bool packs);
void spool_free(struct spool *s);

/* Copies the rows. stat_count: of the task's metric, the same for all rows of an attempt. */
void spool_record(struct spool *s, uint64_t attempt, uint8_t stat_count, const struct result *rows,
                  uint32_t count);
/* What was recorded of the attempt since the last flush becomes the message `seq`. */
void spool_flush(struct spool *s, uint64_t attempt, uint32_t model, uint32_t task, uint64_t seq);
/* from: as in struct msg_ended. At the end of all of it, all of its rows were flushed. */
void spool_ended(struct spool *s, uint64_t attempt, enum ended reason, struct span text,
                 uint32_t from, uint64_t seq);

/* The seq of the first message that will be sent, or sent again: what a hello announces. */
uint64_t spool_first_seq(const struct spool *s);

/* Forget what is durable: seq and everything below. */
void spool_ack(struct spool *s, uint64_t seq);

/* The coordinator cannot read this message. It is sent again, since the way may have damaged it.
 * True: it was the third time, and from now on the message is the end of its attempt, for this
 * reason, so that those behind it get through. */
bool spool_refused(struct spool *s, uint64_t seq, struct span text);

/* The next message to send, in order of seq; false: all are sent. `out` borrows until the next
 * spool_ack. Then spool_sent, if it could be sent. */
bool spool_next(const struct spool *s, struct msg *out);
void spool_sent(struct spool *s);
/* Begin again with the lowest that is not durable. */
void spool_rewind(struct spool *s);

size_t spool_count(const struct spool *s); /* messages kept */

#endif
