/* What the files of this room share; nobody else includes it. The scheduler has attempts and slots
 * of its own, and the simulation links both: what is done with them is named agent_attempt_ and
 * agent_slot_ here. */
#ifndef MUSTER_WORKER_AGENT_PRIVATE_H
#define MUSTER_WORKER_AGENT_PRIVATE_H

#include "common/bitmap.h"
#include "common/check.h"
#include "common/list.h"
#include "common/map.h"
#include "common/rng.h"
#include "worker/agent/agent.h"

#define SECOND_NS 1000000000ll

enum {
    START_FAILURES_MAX = 3,
    FLUSH_ROWS = 1024,
    FLUSH_BYTES = 128 << 10,
    ROW_BYTES = 32,     /* about what a row costs besides its answer */
    MESSAGE_BYTES = 64, /* about what a message costs besides its rows */
    RUN_SPLITS = 10     /* halvings of a run until one instance is left: log2 of AGENT_RUN_MAX */
};

#define FLUSH_AGE_NS (SECOND_NS / 5)
#define ASK_NS       (5 * SECOND_NS)  /* a host asked to go has this long (PROTOCOL.md) */
#define KILL_NS      (10 * SECOND_NS) /* not gone so long after SIGKILL: the kernel holds it */
#define RESEND_NS    (10 * SECOND_NS) /* no ack for so long on a live link: send again */
#define LAG_NS       SECOND_NS        /* TIME comes so late: the process stood still */

/* X(name, as the coordinator sees it) */
#define PHASE_LIST(X)                                                                              \
    X(PHASE_EMPTY, SLOT_IDLE)      /* no host */                                                   \
    X(PHASE_WAITING, SLOT_IDLE)    /* no host: one failed to start, the next try is due later */   \
    X(PHASE_LOADING, SLOT_LOADING) /* started, no hello yet */                                     \
    X(PHASE_LOADED, SLOT_READY)    /* RUNNING if it has requests */                                \
    X(PHASE_ASKED, SLOT_STOPPING)  /* asked to go */                                               \
    X(PHASE_KILLED, SLOT_STOPPING)                                                                 \
    X(PHASE_SICK, SLOT_SICK) /* killed, and still there */

enum phase {
#define X(name, seen) name,
    PHASE_LIST(X)
#undef X
        PHASE_COUNT
};

/* The slots beside the lead's own that a model runs on; none: it runs alone. */
struct gang {
    uint32_t members[GANG_SLOTS_MAX - 1];
    uint32_t count;
};

/* A granted attempt, until the message that it ended is durable. */
struct attempt {
    struct list node; /* of slot->attempts while it is live, then of agent->ended */
    uint64_t id;
    uint32_t slot, model, task, first, count; /* less of them once a part was given back */
    uint32_t inflight_max;                    /* 0: as many as the host wants */
    struct agent_needs needs;
    struct gang gang;
    struct bitmap wanted; /* bit i: instance first + i has to be run */
    uint32_t next;        /* first bit not yet looked at for starting */
    uint32_t open;        /* wanted instances without a row */
    uint32_t asked;       /* requests at the host */
    uint32_t answered;    /* requests that only lack their score */
    uint32_t finished;    /* rows, for progress */
    enum ended reason;    /* ENDED_DONE: runs on; else nothing new is started */
    char *text;           /* of the reason; NULL: none */
    uint32_t rows;        /* recorded, not flushed */
    uint64_t row_bytes;
    int64_t oldest_row_mono_ns;
    uint64_t ended_seq;
};

enum request_state { REQUEST_FREE, REQUEST_ASKED, REQUEST_ANSWERED };

struct request {
    uint64_t id;
    struct attempt *attempt;
    int64_t asked_mono_ns, deadline_mono_ns;
    uint32_t instance, count; /* a run of them, mostly 1 */
    uint16_t next, prev;      /* places, by the order of asking; free ones use next */
    uint8_t state;            /* enum request_state */
    bool is_suspect;
};

/* To run again: it was at the host when that died or was killed for another's fault. */
struct again {
    struct attempt *attempt;
    uint32_t instance, count;
    bool is_suspect; /* the culprit may be among them: runs alone */
};

/* The requests of one slot. Memory grows with the widest host so far, not with requests. */
struct window {
    struct request *requests;
    uint16_t capacity;
    uint16_t free_head, oldest, newest; /* places + 1; 0: none */
    uint32_t asked, answered;
    struct again *again; /* a ring: of every request at the host, and of the halves of one run */
    uint32_t again_capacity, again_head, again_count;
    uint32_t suspects; /* in the ring or at the host */
    uint64_t serial;
};

struct slot {
    struct agent_slot_config config;
    uint32_t index;
    enum phase phase;
    uint32_t model;           /* of the host, or that failed to start */
    struct gang gang;         /* of the host */
    struct slot *holder;      /* whose host has this slot, it may be this one; NULL: none */
    int64_t deadline_mono_ns; /* by phase: WAITING try again, LOADING hello, ASKED kill, KILLED
                                 sick; else INT64_MAX */
    int64_t started_mono_ns;
    unsigned start_failures; /* in a row */
    bool is_outdated;        /* the host: its model is defined otherwise by now */
    uint32_t inflight;       /* requests that the host wants at once */
    uint32_t run_max;        /* instances that it takes a request */
    struct msg_use use;
    uint64_t late_request; /* seen to be late once: the next time it counts */
    struct list attempts;  /* the head runs */
    uint32_t attempt_count;
    struct window window;
};

/* A message that is not durable yet. */
struct unacked {
    uint64_t seq, bytes;
};

enum link_state { LINK_DOWN, LINK_UP };

struct session {
    enum link_state state;
    unsigned hellos; /* since the link went down */
    int64_t beat_ns, lease_ns;
    bool takes_cuts; /* the coordinator that welcomed us last */
    int64_t hello_at, beat_at, lost_at, fence_at, resend_at; /* mono ns; INT64_MAX: not */
    struct rng rng;
};

struct agent {
    struct slot *slots;
    uint32_t slot_count;
    uint64_t unacked_bytes_max;
    struct map attempts;     /* live and ended, by id */
    struct list ended;       /* attempts whose ENDED is unacked, by seq */
    struct unacked *unacked; /* a queue: [unacked_first, unacked_end) */
    size_t unacked_first, unacked_end, unacked_capacity;
    uint64_t unacked_bytes; /* of the queue */
    uint64_t row_bytes;     /* recorded, not flushed */
    uint64_t next_seq;
    uint32_t live_count; /* attempts in slots */
    uint32_t ended_count;
    uint32_t gang_count; /* of them, those of gangs */
    bool draining, left;
    int64_t used_mono_ns; /* until then it is known what slots were used for; 0: nothing is */
    struct session session;
};

/* One step: who, when, and where the effects go. */
struct turn {
    struct agent *agent;
    int64_t now;
    struct agent_effects *out;
};

/* session.c: the coordinator, and what it has not acknowledged */
void session_init(struct session *s, uint64_t seed);
void session_welcomed(struct turn *t, int64_t beat_ns, int64_t lease_ns, bool takes_cuts);
void session_lost(struct turn *t, const char *why);
void session_renewed(struct turn *t);
void session_beat(struct turn *t); /* now, if there is a session */
void session_acked(struct turn *t, uint64_t seq);
void session_time(struct turn *t);
int64_t session_deadline(const struct session *s);
uint64_t session_next_seq(struct turn *t, uint64_t bytes); /* a message of about so many bytes */
bool session_is_full(const struct agent *a);

/* attempt.c */
struct attempt *agent_attempt_new(const struct agent_event *grant);
void agent_attempt_free(struct attempt *a);
bool agent_attempt_has_more(const struct attempt *a); /* something to start */
/* The next instance, and how many behind it are wanted too, at most `max` in all;
 * agent_attempt_has_more was true. */
uint32_t agent_attempt_start_run(struct attempt *a, uint32_t max, uint32_t *count);
void agent_attempt_record(struct turn *t, struct attempt *a, const struct result *rows,
                          uint32_t count);
void agent_attempt_flush(struct turn *t, struct attempt *a);
void agent_attempt_time(struct turn *t, struct attempt *a);
int64_t agent_attempt_deadline(const struct attempt *a);
/* It goes on without those of its instances from `from` on that were not started, and says which
 * ones these were, be it none. Something of it stays. */
void agent_attempt_cut(struct turn *t, struct attempt *a, uint32_t from);
/* Start nothing more of it, and end it for this reason once nothing of it runs. */
void agent_attempt_give_back(struct turn *t, struct attempt *a, enum ended reason,
                             struct span text);
/* End it if it is over; true if it was: it is in no slot any more. */
bool agent_attempt_settle(struct turn *t, struct attempt *a);

/* window.c */
void window_init(struct window *w);
void window_release(struct window *w);
void window_widen(struct window *w, uint32_t inflight);
struct request *window_ask(struct window *w, const struct again *what, int64_t now_mono_ns);
struct request *window_find(const struct window *w, uint64_t id); /* NULL: not open */
uint32_t window_count_late(const struct window *w, int64_t now_mono_ns);
void window_postpone(struct window *w, int64_t ns);
struct request *window_oldest(const struct window *w);     /* asked; NULL: none */
void window_answered(struct window *w, struct request *r); /* asked -> answered */
void window_drop(struct window *w, struct request *r);
void window_rerun(struct window *w, struct request *r, bool is_suspect); /* asked -> ring */
void window_split(struct window *w, struct request *r);   /* the same, as two halves, and first */
const struct again *window_again(const struct window *w); /* the next; NULL: none */
void window_take_again(struct window *w);
void window_forget(struct window *w, const struct attempt *a); /* nothing of it runs again */

/* claim.c: who has which slots. A host holds its slot, and those of its gang, from its start until
 * it is gone. */
void agent_gang_init(struct gang *g, const uint32_t *members, uint32_t count);
/* Why the slots of a grant cannot run it, ever; empty: they can. The lead exists. */
struct span agent_gang_refusal(struct turn *t, const struct agent_event *grant);
bool slot_can_host(const struct slot *s, const struct attempt *a); /* its model, on its slots */
/* Nobody else holds what the attempt needs. False: hosts with nothing to do were asked to go. */
bool slot_may_claim(struct turn *t, struct slot *s, const struct attempt *a);
void slot_claim(struct agent *agent, struct slot *s, const struct gang *gang);
void slot_release_claim(struct turn *t, struct slot *s); /* who waited for it goes on */
/* Some other slot's head attempt waits for what this one's host holds. */
bool slot_is_in_the_way(const struct agent *agent, const struct slot *s);
/* A slot that the attempt needs and that will not come free; NULL: none. */
const struct slot *slot_sick_for(const struct agent *agent, const struct slot *s,
                                 const struct attempt *a);

/* The same, of a grant that can otherwise be run. */
const struct slot *agent_gang_sick(const struct agent *a, const struct agent_event *grant);
struct span slot_sick_text(struct turn *t, const struct slot *sick);

/* slot.c: the life of a host */
struct attempt *agent_slot_head(const struct slot *s); /* NULL: nothing is granted to it */
void slot_ask_to_go(struct turn *t, struct slot *s);
void agent_slot_init(struct slot *s, uint32_t index, const struct agent_slot_config *config);
void agent_slot_pump(struct turn *t, struct slot *s); /* do what can be done now */
void agent_slot_time(struct turn *t, struct slot *s);
void agent_slot_postpone(struct slot *s, int64_t ns); /* whatever is due of its host */
int64_t agent_slot_deadline(const struct slot *s);
void agent_slot_redefined(struct turn *t, struct slot *s, uint32_t model);
void agent_slot_host_hello(struct turn *t, struct slot *s, uint32_t inflight, uint32_t run_max);
void agent_slot_host_exited(struct turn *t, struct slot *s, enum host_end end, struct span text);

/* view.c: until now, slots did what they do */
void agent_account(struct agent *a, int64_t now_mono_ns);

/* work.c: requests and rows */
void work_fill(struct turn *t, struct slot *s);
void work_answered(struct turn *t, struct slot *s, uint64_t request);
void work_rows(struct turn *t, struct slot *s, uint64_t request, const struct result *rows,
               uint32_t count);
void work_unserved(struct turn *t, struct slot *s, uint64_t request, struct span text);
void work_late(struct turn *t, struct slot *s);   /* the host was killed for being late */
void work_unread(struct turn *t, struct slot *s); /* the only request never reached the host */
void work_blame(struct turn *t, struct slot *s, enum host_end end, struct span text);

/* agent.c */
/* Reliable, as in struct msg_ended; returns its seq. The text is borrowed by the effect. */
uint64_t turn_send_ended(struct turn *t, uint64_t attempt, enum ended reason, struct span text,
                         uint32_t from);
struct span turn_format(struct turn *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void turn_note(struct turn *t, bool is_warning, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
