/* Containers and memory: bitmap, heap, map, list, arena, mem. */
#include "tests/lib/test.h"

#include "common/arena.h"
#include "common/bitmap.h"
#include "common/check.h"
#include "common/heap.h"
#include "common/histogram.h"
#include "common/list.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/rng.h"

/* Sizes around the edges of the words. */
static const uint32_t bitmap_sizes[] = { 0, 1, 63, 64, 65, 128, 200 };
enum { BITMAP_SIZES = sizeof(bitmap_sizes) / sizeof(bitmap_sizes[0]) };

static void bitmap_says_what_changed(void **state)
{
    (void)state;
    struct bitmap b;
    bitmap_init(&b, 70);
    assert_true(bitmap_set(&b, 69));
    assert_false(bitmap_set(&b, 69));
    assert_true(bitmap_get(&b, 69));
    assert_false(bitmap_get(&b, 68));
    assert_true(bitmap_clear(&b, 69));
    assert_false(bitmap_clear(&b, 69));
    assert_int_equal(bitmap_count(&b), 0);
    bitmap_release(&b);
}

static void bitmap_filled_has_no_bit_behind_the_last(void **state)
{
    (void)state;
    for (size_t i = 0; i < BITMAP_SIZES; i++) {
        struct bitmap b;
        bitmap_init(&b, bitmap_sizes[i]);
        bitmap_fill(&b);
        assert_int_equal(bitmap_count(&b), bitmap_sizes[i]);
        assert_int_equal(bitmap_count_range(&b, 0, bitmap_sizes[i]), bitmap_sizes[i]);
        assert_int_equal(bitmap_next_clear(&b, 0), bitmap_sizes[i]);
        bitmap_release(&b);
    }
}

/* Compared with the plain loop, for all ranges and starts. */
static void bitmap_counts_and_finds_like_a_loop(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 1);
    for (size_t i = 0; i < BITMAP_SIZES; i++) {
        uint32_t bits = bitmap_sizes[i];
        struct bitmap b;
        bitmap_init(&b, bits);
        for (uint32_t n = 0; n < bits / 3; n++)
            bitmap_set(&b, (uint32_t)rng_below(&rng, bits));
        for (uint32_t first = 0; first <= bits; first++) {
            uint32_t count = 0, next_set = bits, next_clear = bits;
            for (uint32_t bit = first; bit < bits; bit++) {
                assert_int_equal(bitmap_count_range(&b, first, bit - first), count);
                count += bitmap_get(&b, bit);
                if (bitmap_get(&b, bit) && next_set == bits)
                    next_set = bit;
                if (!bitmap_get(&b, bit) && next_clear == bits)
                    next_clear = bit;
            }
            assert_int_equal(bitmap_count_range(&b, first, bits - first), count);
            assert_int_equal(bitmap_next_set(&b, first), next_set);
            assert_int_equal(bitmap_next_clear(&b, first), next_clear);
        }
        bitmap_release(&b);
    }
}

static void bitmap_ranges_are_set_and_cleared_like_bits(void **state)
{
    (void)state;
    enum { BITS = 150 };
    for (uint32_t first = 0; first <= BITS; first++) {
        for (uint32_t count = 0; count <= BITS - first; count++) {
            struct bitmap set, cleared;
            bitmap_init(&set, BITS);
            bitmap_init(&cleared, BITS);
            bitmap_fill(&cleared);
            bitmap_set_range(&set, first, count);
            bitmap_clear_range(&cleared, first, count);
            assert_int_equal(bitmap_count(&set), count);
            assert_int_equal(bitmap_count_range(&set, first, count), count);
            assert_int_equal(bitmap_count(&cleared), BITS - count);
            assert_int_equal(bitmap_count_range(&cleared, first, count), 0);
            bitmap_release(&set);
            bitmap_release(&cleared);
        }
    }
}

static void bitmap_combines(void **state)
{
    (void)state;
    struct bitmap a, b, both;
    bitmap_init(&a, 130);
    bitmap_init(&b, 130);
    bitmap_set(&a, 1);
    bitmap_set(&a, 129);
    bitmap_set(&b, 64);
    bitmap_copy(&both, &a);
    bitmap_or(&both, &b);
    assert_int_equal(bitmap_count(&both), 3);
    assert_true(bitmap_subset(&a, &both));
    assert_false(bitmap_subset(&both, &a));
    bitmap_andnot(&both, &a);
    assert_int_equal(bitmap_count(&both), 1);
    assert_true(bitmap_get(&both, 64));
    bitmap_release(&a);
    bitmap_release(&b);
    bitmap_release(&both);
}

static void set_behind_the_last_bit(void)
{
    struct bitmap b;
    bitmap_init(&b, 64);
    bitmap_set(&b, 64);
}

static void bitmap_has_no_bit_behind_its_size(void **state)
{
    (void)state;
    assert_true(test_aborts(set_behind_the_last_bit));
}

enum { HEAP_NODES = 500 };

static void assert_is_heap(const struct heap *h)
{
    for (size_t i = 0; i < h->count; i++) {
        const struct heap_node *node = heap_at(h, i), *parent = heap_at(h, i > 0 ? (i - 1) / 4 : 0);
        assert_int_equal(node->place, i + 1);
        assert_true(parent->key < node->key ||
                    (parent->key == node->key && parent->tie <= node->tie));
    }
}

static void heap_gives_ascending_keys_then_ties(void **state)
{
    (void)state;
    struct heap h = { 0 };
    struct heap_node nodes[HEAP_NODES];
    struct rng rng;
    rng_seed(&rng, 2);
    for (uint64_t i = 0; i < HEAP_NODES; i++) {
        int64_t key = (int64_t)rng_below(&rng, 20) - 10; /* many are equal */
        nodes[i] = (struct heap_node){ .key = key, .tie = (i * 7) % HEAP_NODES };
        heap_push(&h, &nodes[i]);
    }
    const struct heap_node *previous = heap_pop(&h);
    for (unsigned i = 1; i < HEAP_NODES; i++) {
        const struct heap_node *node = heap_pop(&h);
        assert_true(previous->key < node->key ||
                    (previous->key == node->key && previous->tie < node->tie));
        previous = node;
    }
    assert_null(heap_top(&h));
    assert_null(heap_pop(&h));
    heap_release(&h);
}

static void heap_stays_a_heap_whatever_is_done(void **state)
{
    (void)state;
    struct heap h = { 0 };
    struct heap_node nodes[HEAP_NODES] = { 0 };
    struct rng rng;
    rng_seed(&rng, 3);
    size_t count = 0;
    for (unsigned step = 0; step < 20000; step++) {
        uint64_t i = rng_below(&rng, HEAP_NODES);
        int64_t key = (int64_t)rng_below(&rng, 1000);
        if (!heap_has(&nodes[i])) {
            nodes[i] = (struct heap_node){ .key = key, .tie = i };
            heap_push(&h, &nodes[i]);
            count++;
        } else if (rng_below(&rng, 2)) {
            heap_rekey(&h, &nodes[i], key);
        } else {
            heap_remove(&h, &nodes[i]);
            assert_false(heap_has(&nodes[i]));
            count--;
        }
        assert_int_equal(h.count, count);
        if (step % 50 == 0)
            assert_is_heap(&h);
    }
    heap_release(&h);
    for (unsigned i = 0; i < HEAP_NODES; i++)
        assert_false(heap_has(&nodes[i]));
}

static void remove_a_stranger(void)
{
    struct heap h = { 0 };
    struct heap_node in = { .key = 1 }, stranger = { .key = 1, .place = 1 };
    heap_push(&h, &in);
    heap_remove(&h, &stranger);
}

static void heap_knows_its_nodes(void **state)
{
    (void)state;
    assert_true(test_aborts(remove_a_stranger));
}

/* Against an array as the model; few ids, so that runs of slots wrap, fill and shrink. */
static void map_agrees_with_an_array(void **state)
{
    (void)state;
    enum { IDS = 300 };
    static char values[IDS];
    void *model[IDS] = { 0 };
    uint64_t ids[IDS];
    struct rng rng;
    rng_seed(&rng, 4);
    for (unsigned i = 0; i < IDS; i++) /* small, and different in the high half only */
        ids[i] = i % 2 ? (uint64_t)i << 40 : i + 1;
    struct map m = { 0 };
    size_t count = 0;
    for (unsigned step = 0; step < 50000; step++) {
        uint64_t i = rng_below(&rng, IDS);
        assert_ptr_equal(map_find(&m, ids[i]), model[i]);
        if (rng_below(&rng, 2)) {
            count += model[i] == NULL;
            model[i] = &values[rng_below(&rng, IDS)];
            map_put(&m, ids[i], model[i]);
        } else {
            count -= model[i] != NULL;
            assert_ptr_equal(map_take(&m, ids[i]), model[i]);
            model[i] = NULL;
        }
        assert_int_equal(m.count, count);
    }
    for (unsigned i = 0; i < IDS; i++)
        assert_ptr_equal(map_find(&m, ids[i]), model[i]);
    map_release(&m);
}

static void map_without_entries_has_nothing(void **state)
{
    (void)state;
    struct map m = { 0 };
    assert_null(map_find(&m, 1));
    assert_null(map_find(&m, 0));
    assert_null(map_take(&m, 1));
    map_release(&m);
}

struct element {
    int value;
    struct list node;
};

static void list_keeps_the_order_it_was_given(void **state)
{
    (void)state;
    struct list l;
    list_init(&l);
    assert_true(list_empty(&l));
    struct element e[4] = { { .value = 1 }, { .value = 2 }, { .value = 3 }, { .value = 4 } };
    list_push_back(&l, &e[1].node);
    list_push_back(&l, &e[3].node);
    list_push_front(&l, &e[0].node);
    list_insert_before(&e[3].node, &e[2].node);
    list_remove(&e[1].node);
    assert_true(list_empty(&e[1].node));
    int seen = 0;
    for (struct list *n = list_first(&l); n != &l; n = n->next)
        seen = seen * 10 + container_of(n, struct element, node)->value;
    assert_int_equal(seen, 134);
}

static void arena_memory_is_zero_aligned_and_apart(void **state)
{
    (void)state;
    struct arena a = { 0 };
    struct rng rng;
    rng_seed(&rng, 5);
    for (unsigned round = 0; round < 3; round++) {
        uint8_t *previous = NULL;
        size_t previous_bytes = 0;
        for (unsigned i = 0; i < 500; i++) {
            size_t bytes = (size_t)rng_below(&rng, i % 100 == 0 ? 100000 : 200);
            uint8_t *p = arena_alloc(&a, bytes);
            assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
            for (size_t k = 0; k < bytes; k++)
                assert_int_equal(p[k], 0);
            memset(p, 0xAA, bytes);
            for (size_t k = 0; k < previous_bytes; k++)
                assert_int_equal(previous[k], 0xBB);
            memset(p, 0xBB, bytes);
            previous = p;
            previous_bytes = bytes;
        }
        arena_clear(&a); /* what comes from a reused chunk is zero as well */
    }
    arena_release(&a);
    assert_null(a.chunks);
}

static void arena_copies_text(void **state)
{
    (void)state;
    struct arena a = { 0 };
    assert_string_equal(arena_strdup(&a, "model"), "model");
    assert_string_equal(arena_strndup(&a, "model", 3), "mod");
    assert_string_equal(arena_strndup(&a, "model", 99), "model");
    assert_string_equal(arena_format(&a, "%s/%d", "task", 7), "task/7");
    assert_memory_equal(arena_copy(&a, "a\0b", 3), "a\0b", 4); /* and a NUL behind it */
    assert_string_equal(arena_copy(&a, NULL, 0), "");
    arena_release(&a);
}

static void ask_for_more_than_there_is(void)
{
    (void)xcalloc(SIZE_MAX / 2, 4);
}

static void mem_ends_the_process_when_a_size_overflows(void **state)
{
    (void)state;
    assert_true(test_aborts(ask_for_more_than_there_is));
}

static void mem_is_never_null(void **state)
{
    (void)state;
    void *p = xmalloc(0);
    assert_non_null(p);
    p = xrealloc(p, 0);
    assert_non_null(p);
    free(p);
    size_t capacity = 0;
    uint32_t *numbers = xgrow(NULL, &capacity, 100, sizeof(uint32_t));
    assert_true(capacity >= 100);
    free(numbers);
}

/* Any share lies at most an eighth above the value that a sorted list has there. */
static void histogram_knows_shares_to_an_eighth(void **state)
{
    (void)state;
    struct histogram h = { { 0 }, 0, 0 };
    assert_int_equal(histogram_share(&h, 0.99), 0);
    for (uint64_t i = 1; i <= 100000; i++)
        histogram_add(&h, i * 7);
    static const double shares[] = { 0, 0.001, 0.25, 0.5, 0.9, 0.99, 1 };
    for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
        double exact = 7 * (1 + shares[i] * 99999);
        double found = (double)histogram_share(&h, shares[i]);
        assert_true(found >= exact - 7 && found <= exact * 1.126);
    }
    assert_int_equal(histogram_share(&h, 1), 700000);
    histogram_add(&h, UINT64_MAX);
    assert_true(histogram_share(&h, 1) == UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(histogram_knows_shares_to_an_eighth),
        cmocka_unit_test(bitmap_says_what_changed),
        cmocka_unit_test(bitmap_filled_has_no_bit_behind_the_last),
        cmocka_unit_test(bitmap_counts_and_finds_like_a_loop),
        cmocka_unit_test(bitmap_ranges_are_set_and_cleared_like_bits),
        cmocka_unit_test(bitmap_combines),
        cmocka_unit_test(bitmap_has_no_bit_behind_its_size),
        cmocka_unit_test(heap_gives_ascending_keys_then_ties),
        cmocka_unit_test(heap_stays_a_heap_whatever_is_done),
        cmocka_unit_test(heap_knows_its_nodes),
        cmocka_unit_test(map_agrees_with_an_array),
        cmocka_unit_test(map_without_entries_has_nothing),
        cmocka_unit_test(list_keeps_the_order_it_was_given),
        cmocka_unit_test(arena_memory_is_zero_aligned_and_apart),
        cmocka_unit_test(arena_copies_text),
        cmocka_unit_test(mem_ends_the_process_when_a_size_overflows),
        cmocka_unit_test(mem_is_never_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
