/* Which slots of a machine go together. */
#include "tests/lib/test.h"

#include "common/place.h"
#include "common/rng.h"

enum { SLOTS = 16 };

/* The groups as text: a letter a slot, '.' in none. */
static void expect_groups(const struct place *places, uint32_t count, uint32_t width,
                          const char *expected)
{
    uint32_t group_of[SLOTS];
    char got[SLOTS + 1] = "";
    uint32_t groups = place_groups(places, count, width, group_of), seen = 0;
    for (uint32_t i = 0; i < count; i++) {
        got[i] = group_of[i] == PLACE_GROUP_NONE ? '.' : (char)('a' + group_of[i]);
        seen += group_of[i] == i;
    }
    assert_string_equal(got, expected);
    assert_int_equal(groups, seen);
}

/* Two packages of a node each, with two switches of two GPUs: the plainest server of eight. */
static const struct place server[] = { { 0, 0, 0 }, { 0, 0, 0 }, { 0, 0, 2 }, { 0, 0, 2 },
                                       { 1, 1, 4 }, { 1, 1, 4 }, { 1, 1, 6 }, { 1, 1, 6 } };

static void groups_are_of_neighbours(void **state)
{
    (void)state;
    expect_groups(server, 8, 1, "abcdefgh");
    expect_groups(server, 8, 2, "aacceegg");
    expect_groups(server, 8, 4, "aaaaeeee");
    expect_groups(server, 8, 8, "aaaaaaaa");
    expect_groups(server, 8, 16, "........");
}

static void what_is_left_over_groups_further_out(void **state)
{
    (void)state;
    expect_groups(server, 8, 3, "aaa.eee."); /* two are left: too few */
    expect_groups(server, 7, 4, "aaaa...");
    const struct place odd[] = { { 0, 0, 0 }, { 0, 0, 0 }, { 0, 0, 0 },
                                 { 1, 1, 3 }, { 1, 1, 3 }, { 1, 1, 3 } };
    expect_groups(odd, 6, 2, "aacddc");
}

/* Neighbours need not have neighbouring numbers, and pairs stay together in fours. */
static void the_order_of_the_slots_does_not_matter(void **state)
{
    (void)state;
    const struct place crossed[] = { { 0, 0, 0 }, { 0, 0, 1 }, { 0, 0, 2 }, { 0, 0, 3 },
                                     { 0, 0, 0 }, { 0, 0, 1 }, { 0, 0, 2 }, { 0, 0, 3 } };
    expect_groups(crossed, 8, 2, "abcdabcd");
    expect_groups(crossed, 8, 4, "aaccaacc");
}

/* A worker that tells no places, or has none: by number. */
static void places_that_are_all_alike_group_by_number(void **state)
{
    (void)state;
    const struct place unknown[SLOTS] = { { 0 } };
    expect_groups(unknown, 7, 2, "aaccee.");
}

static void no_other_way_gives_more_groups(void **state)
{
    (void)state;
    struct rng r;
    rng_seed(&r, 5);
    for (int round = 0; round < 2000; round++) {
        struct place places[SLOTS];
        uint32_t group_of[SLOTS], sizes[SLOTS] = { 0 };
        uint32_t count = 1 + (uint32_t)rng_below(&r, SLOTS), width = 1 + (uint32_t)rng_below(&r, 9);
        for (uint32_t i = 0; i < count; i++)
            places[i] = (struct place){ (uint32_t)rng_below(&r, 2), (uint32_t)rng_below(&r, 3),
                                        (uint32_t)rng_below(&r, 4) };
        assert_int_equal(place_groups(places, count, width, group_of), count / width);
        for (uint32_t i = 0; i < count; i++)
            if (group_of[i] != PLACE_GROUP_NONE)
                sizes[group_of[i]]++;
        for (uint32_t i = 0; i < count; i++)
            assert_true(sizes[i] == 0 || (sizes[i] == width && group_of[i] == i));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_are_of_neighbours),
        cmocka_unit_test(what_is_left_over_groups_further_out),
        cmocka_unit_test(the_order_of_the_slots_does_not_matter),
        cmocka_unit_test(places_that_are_all_alike_group_by_number),
        cmocka_unit_test(no_other_way_gives_more_groups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
