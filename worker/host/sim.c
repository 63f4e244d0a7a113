/* A simulated model: answers with a known quality, at no cost, for trials of everything else.
 *
 * What an instance comes to is a function of (seed, model name, task data, instance) alone: never
 * of the order of requests, of time, of the attempt or of this process. So a sweep of simulated
 * models ends with the same results however it was disturbed.
 * - Tasks whose metric is a mean of scores get a score: the specialist's, times `quality`, times a
 *   factor spread evenly over 0.5 to 1.5 (divided by the quality where lower is better).
 * - Others get the first reference with probability `quality`, else an answer that is wrong.
 * - `poison_rate`: the host dies at this instance, each time. `failure_rate`: it says error, each
 *   time.
 * - `crash_rate` is different: the host dies by true chance, but only with other requests at hand.
 *   Then nobody is blamed, so that crashes disturb and change nothing.
 * - `answer_bytes`: beside a score, so much made-up text, all of it different.
 * Requests are worked off one after the other, as by a model with a batch size of one. A model that
 * takes no time and cannot die is asked for runs, and answers from within the call. */
#include <math.h>
#include <stdlib.h>

#include "common/check.h"
#include "common/io/file.h"
#include "common/mem.h"
#include "common/rng.h"
#include "worker/agent/effect.h"
#include "worker/host/adapters.h"

enum {
    RING = 256,
    INFLIGHT_FREE = 128, /* no duration: a batch a turn of the loop */
    INFLIGHT_TIMED = 2,  /* one at work, one waiting: no bubble between them */
    INFLIGHT_RUNS = 2,
    DRAWS_AHEAD = 16, /* of a run: one after the other each would wait for its own products */
    TURN_MAX = 1024   /* answers a turn, so that the loop sees to others as well */
};

/* What of an instance each draw decides. */
enum draw { DRAW_FATE, DRAW_QUALITY, DRAW_DURATION_1, DRAW_DURATION_2, DRAW_TEXT };

enum fate { FATE_ANSWER, FATE_ERROR, FATE_POISON };

struct pending {
    uint64_t id;
    enum fate fate;
    uint32_t micros;
    bool has_score;
    double score;
    struct buf answer; /* its memory is kept for the next one in this place */
};

/* What every instance draws. */
struct draws {
    uint64_t instance_key, text; /* text: the seed of its letters */
    double quality;
};

enum sim_state { SIM_LOADING, SIM_SERVING, SIM_EXITING, SIM_CLOSED };

struct sim {
    struct host host;
    enum sim_state state;
    struct sim_parameters parameters;
    uint64_t key; /* of (seed, model name) */
    struct {
        uint64_t task;         /* the newest request's */
        uint32_t first, count; /* of its instances; 0: none yet */
        struct draws of[DRAWS_AHEAD];
    } ahead;
    struct host_callbacks callbacks;
    void *owner;
    uv_timer_t timer;
    uv_idle_t idle;
    unsigned handles_open;
    enum host_end end;
    const char *end_text;
    struct rng chance; /* of crash_rate */
    struct pending ring[RING];
    uint32_t head, count;
};

static uint64_t first_bytes(const struct digest *d)
{
    uint64_t value;
    memcpy(&value, d->bytes, sizeof value);
    return value;
}

static double draw_unit(uint64_t instance_key, enum draw draw)
{
    return rng_unit_of(rng_mix(instance_key, draw, 0, 0));
}

/* --- what an instance comes to --- */

static uint32_t sim_micros(const struct sim_parameters *p, uint64_t instance_key)
{
    double u = 1 - draw_unit(instance_key, DRAW_DURATION_1); /* (0, 1] */
    double v = draw_unit(instance_key, DRAW_DURATION_2);
    double normal = sqrt(-2 * log(u)) * cos(2 * acos(-1) * v);
    double micros = 1000 * (double)p->duration_ms * exp(p->duration_spread * normal);
    return micros < UINT32_MAX ? (uint32_t)micros : UINT32_MAX;
}

static double sim_score(const struct sim_parameters *p, const struct task *task, double unit)
{
    double quality = p->quality > 0.01 ? p->quality : 0.01;
    double specialist = isfinite(task->sota) ? task->sota : 50;
    double mean = task->metric->lower_is_better ? specialist / quality : specialist * p->quality;
    double score = mean * (0.5 + unit);
    return score > 1e9 ? 1e9 : score < -1e9 ? -1e9 : score;
}

/* Eight letters a draw. */
static void sim_text(uint64_t state, size_t len, struct buf *out)
{
    static const char letters[64 + 1] =
        "abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ.0123456789";
    buf_reserve(out, len + 7);
    uint8_t *to = out->data + out->len;
    for (size_t at = 0; at < len; at += 8) {
        uint64_t bits = rng_next(&state);
        for (unsigned i = 0; i < 8; i++)
            to[at + i] = (uint8_t)letters[bits >> 8 * i & 63];
    }
    out->len += len;
}

static void sim_answer(const struct sim *s, const struct host_request *r, const struct draws *draws,
                       struct pending *out)
{
    double unit = draws->quality;
    buf_clear(&out->answer);
    out->has_score = r->task->metric->kind == METRIC_SCORED;
    if (out->has_score) {
        out->score = sim_score(&s->parameters, r->task, unit);
        sim_text(draws->text, s->parameters.answer_bytes, &out->answer);
    } else if (unit < s->parameters.quality && r->instance->reference_count > 0)
        buf_append_span(&out->answer, r->instance->references[0]);
    else
        buf_append_str(&out->answer, "(wrong)");
}

static enum fate sim_fate(const struct sim_parameters *p, uint64_t instance_key)
{
    if (p->poison_rate + p->failure_rate == 0)
        return FATE_ANSWER;
    double unit = draw_unit(instance_key, DRAW_FATE);
    if (unit < p->poison_rate)
        return FATE_POISON;
    return unit < p->poison_rate + p->failure_rate ? FATE_ERROR : FATE_ANSWER;
}

/* --- the life of the host --- */

static void sim_on_closed(uv_handle_t *handle)
{
    struct sim *s = handle->data;
    if (--s->handles_open > 0)
        return;
    s->callbacks.on_exited(s->owner, s->end, s->end_text);
    for (size_t i = 0; i < RING; i++)
        buf_release(&s->ring[i].answer);
    free(s);
}

static void sim_exit(struct sim *s, enum host_end end, const char *text)
{
    if (s->state == SIM_CLOSED)
        return;
    s->state = SIM_CLOSED;
    s->end = end;
    s->end_text = text;
    uv_close((uv_handle_t *)&s->timer, sim_on_closed);
    uv_close((uv_handle_t *)&s->idle, sim_on_closed);
}

static struct host_reply sim_reply(const struct pending *p)
{
    struct host_reply reply = { .id = p->id, .micros = p->micros };
    if (p->fate == FATE_ERROR) {
        reply.status = STATUS_ERROR;
        reply.answer = span_str("simulated failure");
        return reply;
    }
    reply.status = STATUS_OK;
    reply.answer = buf_span(&p->answer);
    reply.has_score = p->has_score;
    reply.score = p->score;
    return reply;
}

/* The oldest request is through. */
static void sim_finish(struct sim *s)
{
    struct pending *p = &s->ring[s->head];
    bool others = s->count > 1;
    if (p->fate == FATE_POISON || (others && s->parameters.crash_rate > 0 &&
                                   rng_unit(&s->chance) < s->parameters.crash_rate)) {
        sim_exit(s, HOST_END_GONE, "simulated crash");
        return;
    }
    s->head = (s->head + 1) % RING;
    s->count--;
    struct host_reply reply = sim_reply(p);
    s->callbacks.on_reply(s->owner, &reply);
}

static void sim_work(struct sim *s);

static void sim_on_idle(uv_idle_t *idle)
{
    struct sim *s = idle->data;
    for (unsigned n = 0; n < TURN_MAX && s->count > 0 && s->state != SIM_CLOSED; n++)
        sim_finish(s); /* may bring the next requests */
    sim_work(s);
}

static void sim_on_duration(uv_timer_t *timer)
{
    struct sim *s = timer->data;
    sim_finish(s);
    sim_work(s);
}

/* Arrange for the oldest request to come through. */
static void sim_work(struct sim *s)
{
    if (s->state == SIM_CLOSED || s->state == SIM_LOADING)
        return;
    bool is_free = s->parameters.duration_ms == 0;
    if (s->count == 0) {
        uv_idle_stop(&s->idle);
        if (s->state == SIM_EXITING)
            sim_exit(s, HOST_END_GONE, "simulated exit");
    } else if (is_free) {
        uv_idle_start(&s->idle, sim_on_idle);
    } else if (!uv_is_active((uv_handle_t *)&s->timer)) {
        uv_timer_start(&s->timer, sim_on_duration, (s->ring[s->head].micros + 999) / 1000, 0);
    }
}

static bool sim_takes_runs(const struct sim_parameters *p)
{
    return p->duration_ms == 0 && p->poison_rate + p->crash_rate == 0;
}

static void sim_on_loaded(uv_timer_t *timer)
{
    struct sim *s = timer->data;
    const struct sim_parameters *p = &s->parameters;
    s->state = SIM_SERVING;
    if (sim_takes_runs(p))
        s->callbacks.on_hello(s->owner, "sim", INFLIGHT_RUNS, AGENT_RUN_MAX);
    else
        s->callbacks.on_hello(s->owner, "sim", p->duration_ms == 0 ? INFLIGHT_FREE : INFLIGHT_TIMED,
                              1);
}

static err sim_open(const struct host_config *config, struct host **out, struct errmsg *msg)
{
    (void)msg;
    struct sim *s = xcalloc(1, sizeof *s);
    struct digest name = digest_of(span_str(config->model->name));
    uint64_t chance_seed;
    file_random(&chance_seed, sizeof chance_seed);
    s->host.adapter = &host_sim;
    s->state = SIM_LOADING;
    s->parameters = config->model->sim;
    s->key = rng_mix(s->parameters.seed, first_bytes(&name), 0, 0);
    s->callbacks = *config->callbacks;
    s->owner = config->owner;
    rng_seed(&s->chance, chance_seed);
    uv_timer_init(config->loop, &s->timer);
    uv_idle_init(config->loop, &s->idle);
    s->timer.data = s->idle.data = s;
    s->handles_open = 2;
    uv_timer_start(&s->timer, sim_on_loaded, (uint64_t)s->parameters.load_ms, 0);
    *out = &s->host;
    return OK;
}

static struct sim *sim_of(struct host *h)
{
    return container_of(h, struct sim, host);
}

static struct draws sim_draw(uint64_t begun, uint32_t index)
{
    uint64_t key = rng_mix_end(begun, index, 0);
    return (struct draws){ key, rng_mix(key, DRAW_TEXT, 0, 0), draw_unit(key, DRAW_QUALITY) };
}

static void sim_decide(const struct sim *s, const struct host_request *r, const struct draws *draws,
                       struct pending *p)
{
    p->id = r->id;
    p->fate = sim_fate(&s->parameters, draws->instance_key);
    p->micros =
        s->parameters.duration_ms == 0 ? 0 : sim_micros(&s->parameters, draws->instance_key);
    sim_answer(s, r, draws, p);
}

static void sim_request(struct host *h, const struct host_request *r)
{
    struct sim *s = sim_of(h);
    if (s->state == SIM_CLOSED)
        return; /* it died; on_exited is on its way */
    check(s->state == SIM_SERVING && s->count < RING);
    struct draws draws = sim_draw(rng_mix_begin(s->key, first_bytes(&r->task->data)), r->index);
    sim_decide(s, r, &draws, &s->ring[(s->head + s->count++) % RING]);
    sim_work(s);
}

/* Instances of a run come in order. */
static const struct draws *sim_draw_ahead(struct sim *s, const struct host_request *r)
{
    uint64_t task = first_bytes(&r->task->data);
    if (task != s->ahead.task || r->index - s->ahead.first >= s->ahead.count) {
        uint64_t begun = rng_mix_begin(s->key, task);
        s->ahead.task = task;
        s->ahead.first = r->index;
        s->ahead.count = DRAWS_AHEAD;
        for (uint32_t i = 0; i < DRAWS_AHEAD; i++)
            s->ahead.of[i] = sim_draw(begun, r->index + i);
    }
    return &s->ahead.of[r->index - s->ahead.first];
}

static void sim_answer_now(struct host *h, const struct host_request *r, struct host_reply *out)
{
    struct sim *s = sim_of(h);
    check(s->count == 0);
    sim_decide(s, r, sim_draw_ahead(s, r), &s->ring[0]);
    *out = sim_reply(&s->ring[0]);
}

static void sim_close(struct host *h)
{
    struct sim *s = sim_of(h);
    if (s->state == SIM_LOADING) {
        sim_exit(s, HOST_END_GONE, "simulated exit");
    } else if (s->state == SIM_SERVING) {
        s->state = SIM_EXITING;
        sim_work(s);
    }
}

static void sim_kill(struct host *h)
{
    sim_exit(sim_of(h), HOST_END_GONE, "killed");
}

const struct host_adapter host_sim = {
    .open = sim_open,
    .request = sim_request,
    .close = sim_close,
    .kill = sim_kill,
    .answer = sim_answer_now,
};
