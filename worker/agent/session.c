/* The coordinator as the worker sees it: hello until welcomed, then beats that are answered; and
 * the messages that it has not said are durable. */
#include "common/mem.h"
#include "worker/agent/private.h"

enum {
    HELLO_BACKOFF_MAX = 4, /* 1, 2, 4, 8, 16 s between hellos, each times 0.5 to 1.5 */
    HELLOS_SILENT = 4,     /* so many may have no answer before it is said; a power of two */
    BEATS_LOST = 3         /* so many beats without an answer: the link is lost */
};

void session_init(struct session *s, uint64_t seed)
{
    *s = (struct session){
        .state = LINK_DOWN,
        .hello_at = 0, /* due at once */
        .beat_at = INT64_MAX,
        .lost_at = INT64_MAX,
        .fence_at = INT64_MAX,
        .resend_at = INT64_MAX,
    };
    rng_seed(&s->rng, seed);
}

static bool session_has_unacked(const struct agent *a)
{
    return a->unacked_first < a->unacked_end;
}

void session_renewed(struct turn *t)
{
    struct session *s = &t->agent->session;
    if (s->state != LINK_UP)
        return; /* of a session that we gave up */
    s->lost_at = t->now + BEATS_LOST * s->beat_ns;
    s->fence_at = t->now + s->lease_ns / 5 * 4;
}

/* What waited is sent again, in order; then a beat renews what we hold. */
void session_welcomed(struct turn *t, int64_t beat_ns, int64_t lease_ns, bool takes_cuts)
{
    check(beat_ns > 0 && lease_ns > 0);
    struct session *s = &t->agent->session;
    s->state = LINK_UP;
    s->hellos = 0;
    s->beat_ns = beat_ns;
    s->lease_ns = lease_ns;
    s->takes_cuts = takes_cuts;
    s->hello_at = INT64_MAX;
    s->beat_at = t->now + beat_ns;
    s->resend_at = session_has_unacked(t->agent) ? t->now + RESEND_NS : INT64_MAX;
    session_renewed(t);
    agent_effects_add(t->out, AGENT_DO_RESEND);
    agent_effects_add(t->out, AGENT_DO_SEND_BEAT);
}

void session_beat(struct turn *t)
{
    if (t->agent->session.state == LINK_UP)
        agent_effects_add(t->out, AGENT_DO_SEND_BEAT);
}

/* A fleet that lost its coordinator must not come back all at once. */
void session_lost(struct turn *t, const char *why)
{
    struct session *s = &t->agent->session;
    if (s->state != LINK_UP)
        return; /* hellos are under way */
    s->state = LINK_DOWN;
    s->hello_at = t->now + (int64_t)(rng_unit(&s->rng) * (double)SECOND_NS);
    s->beat_at = s->lost_at = s->resend_at = INT64_MAX;
    turn_note(t, true, "link_lost reason=\"%s\" attempts=%u unacked_bytes=%llu", why,
              t->agent->live_count, (unsigned long long)agent_unacked_bytes(t->agent));
}

uint64_t session_next_seq(struct turn *t, uint64_t bytes)
{
    struct agent *a = t->agent;
    if (a->unacked_first > 0 && a->unacked_end == a->unacked_capacity) { /* reuse the front */
        size_t count = a->unacked_end - a->unacked_first;
        memmove(a->unacked, a->unacked + a->unacked_first, count * sizeof *a->unacked);
        a->unacked_first = 0;
        a->unacked_end = count;
    }
    a->unacked = xgrow(a->unacked, &a->unacked_capacity, a->unacked_end + 1, sizeof *a->unacked);
    a->unacked[a->unacked_end++] = (struct unacked){ a->next_seq, bytes };
    a->unacked_bytes += bytes;
    struct session *s = &a->session;
    if (s->state == LINK_UP && s->resend_at == INT64_MAX)
        s->resend_at = t->now + RESEND_NS;
    return a->next_seq++;
}

bool session_is_full(const struct agent *a)
{
    return agent_unacked_bytes(a) > a->unacked_bytes_max || a->ended_count >= ENDED_MAX;
}

static void session_free_ended(struct agent *a, uint64_t seq)
{
    while (!list_empty(&a->ended)) {
        struct attempt *attempt = container_of(list_first(&a->ended), struct attempt, node);
        if (attempt->ended_seq > seq)
            return;
        list_remove(&attempt->node);
        a->ended_count--;
        map_take(&a->attempts, attempt->id);
        agent_attempt_free(attempt);
    }
}

void session_acked(struct turn *t, uint64_t seq)
{
    struct agent *a = t->agent;
    struct session *s = &a->session;
    bool progress = false;
    while (session_has_unacked(a) && a->unacked[a->unacked_first].seq <= seq) {
        a->unacked_bytes -= a->unacked[a->unacked_first++].bytes;
        progress = true;
    }
    if (!progress)
        return;
    if (!session_has_unacked(a))
        a->unacked_first = a->unacked_end = 0;
    if (s->state == LINK_UP)
        s->resend_at = session_has_unacked(a) ? t->now + RESEND_NS : INT64_MAX;
    session_free_ended(a, seq);
}

/* After about 15 seconds, and then each time that twice as many had no answer: whoever looks why a
 * worker does nothing finds it, and a long absence does not fill the disk. */
static void session_say_unanswered(struct turn *t)
{
    unsigned hellos = t->agent->session.hellos;
    if (hellos >= HELLOS_SILENT && (hellos & (hellos - 1)) == 0)
        turn_note(t, true,
                  "no_coordinator hellos=%u: none of them was answered; does a coordinator listen "
                  "at that address, and may this worker's key connect? It is tried again",
                  hellos);
}

static void session_say_hello(struct turn *t)
{
    struct session *s = &t->agent->session;
    session_say_unanswered(t);
    unsigned doublings = s->hellos < HELLO_BACKOFF_MAX ? s->hellos : HELLO_BACKOFF_MAX;
    double wait_ns = (double)(SECOND_NS << doublings) * (0.5 + rng_unit(&s->rng));
    s->hellos++;
    s->hello_at = t->now + (int64_t)wait_ns;
    agent_effects_add(t->out, AGENT_DO_SEND_HELLO);
}

/* The leases may be over, and others may run the same instances. We go on: what is open when our
 * results arrive is filled by them, and nothing counts twice. */
static void session_say_fenced(struct turn *t)
{
    t->agent->session.fence_at = INT64_MAX;
    if (t->agent->live_count > 0)
        turn_note(t, true,
                  "leases_not_renewed attempts=%u: the work goes on, its results may "
                  "come too late to be taken",
                  t->agent->live_count);
}

void session_time(struct turn *t)
{
    struct session *s = &t->agent->session;
    if (s->lost_at <= t->now)
        session_lost(t, "heartbeats are not answered");
    if (s->hello_at <= t->now)
        session_say_hello(t);
    if (s->resend_at <= t->now) {
        s->resend_at = t->now + RESEND_NS;
        agent_effects_add(t->out, AGENT_DO_RESEND);
    }
    if (s->beat_at <= t->now) {
        s->beat_at = t->now + s->beat_ns;
        agent_effects_add(t->out, AGENT_DO_SEND_BEAT);
    }
    if (s->fence_at <= t->now)
        session_say_fenced(t);
}

int64_t session_deadline(const struct session *s)
{
    int64_t at = s->hello_at;
    const int64_t others[] = { s->beat_at, s->lost_at, s->fence_at, s->resend_at };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (others[i] < at)
            at = others[i];
    return at;
}
