/* Every bound in one place: a number and its reason. */
#ifndef MUSTER_COMMON_LIMITS_H
#define MUSTER_COMMON_LIMITS_H

enum {
    /* The sweep */
    SWEEP_FILE_BYTES_MAX = 16 << 20, /* a sweep of 1,000 models is about 1 MiB */
    MODELS_MAX = 10000,
    TASKS_MAX = 100000,
    TASK_INSTANCES_MAX = 1 << 24, /* the largest General-Bench task has 4,675 */
    NAME_BYTES_MAX = 200,         /* a model's, suite's, task's or worker's name */
    REFERENCES_MAX = 64,          /* reference answers of one instance */

    /* Results */
    STATS_MAX = 12,               /* numbers a metric keeps an instance; corpus BLEU-4 needs 10 */
    ANSWER_BYTES_MAX = 256 << 10, /* a longer answer is status too_long; media are files */
    BLOCK_ROWS_MAX = 4096,        /* rows of one block (block.h) */
    BLOCK_BYTES_MAX = 1 << 20,    /* one encoded block; a message is a little larger */

    /* The wire (PROTOCOL.md) */
    MESSAGE_BYTES_MAX = (1 << 20) + (256 << 10),
    CONTROL_BYTES_MAX = 256 << 10, /* any message that carries no block */
    MESSAGE_DEPTH_MAX = 4,
    MESSAGE_NODES_MAX = 28672, /* msgpack objects; the fullest hello has 24,587 */
    SLOTS_MAX = 1024,          /* slots of one worker */
    GANG_SLOTS_MAX = 16,       /* slots that run one model together: a node has 8 GPUs, or 16 */
    WORKERS_MAX = 16384,
    LIFETIME_DAYS_MAX =
        36500,         /* of a worker: as nanoseconds, added to any clock, it fits int64_t */
    HELD_MAX = 2048,   /* attempts that a hello can name */
    ENDED_MAX = 16384, /* attempts of a worker that are over, and not durable yet; it starts nothing
                          while there are more: 400,000 a second while commits take 40 ms */
    SLOT_ATTEMPTS_MAX = 256, /* granted to a slot at a time: that many only if they are short */
    UNACKED_BYTES_MAX = 64 << 20, /* results a worker keeps until they are durable */

    /* Model children (the exec host) */
    HOST_LINE_BYTES_MAX = 1 << 20, /* one JSON line from a model */
    HOST_INFLIGHT_MAX = 256,       /* requests a model may ask to have at once */
    HOST_LOG_BYTES_MAX = 256 << 10 /* kept of a child's stdout and stderr; the rest is counted */
};

#endif
