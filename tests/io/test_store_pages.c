/* That damage in the structure of LMDB's file is found without LMDB: each case changes a few bytes
 * of a sound file, as a broken disk might, and names the sentence that must come. */
#include "tests/io/store_fixture.h"

#include "coordinator/store/pages.h"
#include "coordinator/store/table.h"

/* Where things lie in the file (LMDB 0.9, 64 bit). */
enum {
    PAGE = 4096,
    PAGE_HEAD = 16,
    AT_FLAGS = 10,
    AT_LOWER = 12,
    AT_UPPER = 14,
    META_VERSION = PAGE_HEAD + 4,
    META_PAGE_BYTES = PAGE_HEAD + 24,
    META_FREE_ROOT = META_PAGE_BYTES + 40,
    META_MAIN_ENTRIES = META_PAGE_BYTES + 48 + 32,
    META_MAIN_ROOT = META_PAGE_BYTES + 48 + 40,
    META_LAST_PAGE = META_PAGE_BYTES + 96,
    META_TXN = META_LAST_PAGE + 8,
    BRANCH = 1,
    LEAF = 2,
    OVERFLOW_RUN = 4
};

struct sample {
    char *dir, *path;
    struct buf file; /* as it was made */
    uint64_t txn_id; /* of its newest state */
};

static uint64_t get(const struct sample *f, size_t at, size_t bytes)
{
    uint64_t value = 0;
    memcpy(&value, f->file.data + at, bytes);
    return value;
}

static void set(struct sample *f, size_t at, uint64_t value, size_t bytes)
{
    memcpy(f->file.data + at, &value, bytes);
}

static size_t newest_meta(const struct sample *f)
{
    return f->txn_id % 2 * PAGE;
}

/* Some blocks larger than a page, and enough that the table of blocks has branches, and free pages
 * of earlier commits. */
static int setup(void **state)
{
    struct sample *f = calloc(1, sizeof(*f));
    f->dir = test_dir();
    f->path = file_join(f->dir, "data.mdb");
    struct store *s = fixture_open(f->dir);
    fixture_ids(s, 1, 1, 100000);
    struct store_batch *b = store_batch_new();
    for (uint32_t i = 0; i < 40; i++) {
        for (uint32_t k = 0; k < 5; k++)
            fixture_block(b, 1, 1, 100000, (i * 5 + k) * 200, 1, k == 0 ? 180 : 5, STATUS_OK);
        fixture_commit(s, b);
    }
    /* At last a run of pages so long that it lies behind all others. */
    fixture_block(b, 1, 1, 100000, 50000, 1, 1000, STATUS_OK);
    fixture_commit(s, b);
    struct store_txn t;
    store_batch_free(b);
    store_close(s);
    s = fixture_open_to_read(f->dir);
    assert_int_equal(store_read_begin(s, &t, NULL), OK);
    f->txn_id = store_txn_id(&t);
    store_read_end(&t);
    store_close(s);
    assert_int_equal(file_read(f->path, 64 << 20, &f->file, NULL), OK);
    while (f->file.data[f->file.len - 1] == 0) /* room set aside */
        f->file.len--;
    f->file.len = (f->file.len + PAGE - 1) / PAGE * PAGE;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct sample *f = *state;
    test_rm_rf(f->dir);
    free(f->path);
    buf_release(&f->file);
    free(f);
    return 0;
}

/* What is said of the file as it stands now. */
static err look(const struct sample *f, bool deep, struct errmsg *msg)
{
    int fd = open(f->path, O_RDWR | O_TRUNC | O_CLOEXEC);
    assert_int_equal(write(fd, f->file.data, f->file.len), f->file.len);
    uint64_t used_bytes;
    err e = store_pages_check_metas(fd, f->path, msg);
    if (!e)
        e = store_pages_check(fd, f->path, f->txn_id, deep, &used_bytes, msg);
    assert_true(e || (used_bytes > 0 && used_bytes <= f->file.len));
    close(fd);
    return e;
}

static void expect(const struct sample *f, const char *sentence)
{
    struct errmsg msg = { "" };
    err e = look(f, true, &msg);
    if (e != ERR_CORRUPT || !strstr(msg.text, sentence))
        fail_msg("expected '%s', got %s: '%s'", sentence, err_text(e), msg.text);
}

static void a_sound_file_passes(void **state)
{
    struct errmsg msg = { "" };
    assert_int_equal(look(*state, true, &msg), OK);
    assert_int_equal(look(*state, false, &msg), OK);
}

/* One value of the newest meta page, or of the older one beside it. */
static void damaged_metas_are_refused(void **state)
{
    static const struct {
        int at, bytes;
        uint64_t flip;
        bool older;
        const char *sentence;
    } cases[] = {
        { PAGE_HEAD, 4, 1, false, "is no LMDB file" },
        { PAGE_HEAD, 4, 1, true, "is no LMDB file" },
        { AT_FLAGS, 2, 8, false, "is no LMDB file" },
        { META_PAGE_BYTES, 4, 0x1001, false, "impossible page size" },
        { META_PAGE_BYTES, 4, 4096, false, "impossible page size" }, /* 0 */
        { META_LAST_PAGE, 8, 1ull << 40, false, "impossible last page" },
        { META_TXN, 8, 1, false, "impossible transaction number" },
        { META_TXN, 8, 1ull << 20, false, "impossible transaction number" },
        { META_TXN, 8, 1ull << 20, true, "impossible transaction number" },
        { META_MAIN_ENTRIES, 8, 1, false, "lost or won entries" },
        { META_MAIN_ROOT, 8, 1ull << 40, false, "lies outside the file" },
        { META_MAIN_ROOT - 34, 2, 64, false, "impossible tree" }, /* its depth */
    };
    struct sample *f = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t meta = cases[i].older ? PAGE - newest_meta(f) : newest_meta(f);
        size_t at = meta + (size_t)cases[i].at, bytes = (size_t)cases[i].bytes;
        uint64_t value = get(f, at, bytes);
        set(f, at, value ^ cases[i].flip, bytes);
        expect(f, cases[i].sentence);
        set(f, at, value, bytes);
    }
}

static void another_data_version_is_not_read(void **state)
{
    struct sample *f = *state;
    struct errmsg msg = { "" };
    set(f, META_VERSION, 2, 4);
    assert_int_equal(look(f, true, &msg), ERR_UNSUPPORTED);
    assert_non_null(strstr(msg.text, "version 2"));
}

/* The change is made in each page of the kind in turn; those that are in use must be noticed. */
typedef void change_f(struct sample *f, size_t page_at);

static size_t changes_noticed(struct sample *f, uint64_t kind, unsigned min_nodes, change_f *change,
                              const char *sentence, bool deep)
{
    size_t noticed = 0;
    for (size_t at = 2 * PAGE; at + PAGE <= f->file.len; at += PAGE) {
        uint8_t before[PAGE];
        memcpy(before, f->file.data + at, PAGE);
        if (get(f, at, 8) != at / PAGE || get(f, at + AT_FLAGS, 2) != kind)
            continue;
        if (kind != OVERFLOW_RUN && get(f, at + AT_LOWER, 2) < PAGE_HEAD + 2 * min_nodes)
            continue;
        struct errmsg msg = { "" };
        change(f, at);
        err e = look(f, deep, &msg);
        assert_true(e == OK || e == ERR_CORRUPT); /* OK: the page is free */
        noticed += e == ERR_CORRUPT && strstr(msg.text, sentence);
        memcpy(f->file.data + at, before, PAGE);
    }
    return noticed;
}

static void change_number(struct sample *f, size_t at)
{
    set(f, at, get(f, at, 8) ^ 4, 8);
}

static void change_upper(struct sample *f, size_t at)
{
    set(f, at + AT_UPPER, get(f, at + AT_UPPER, 2) - 2, 2);
}

static void lose_last_node(struct sample *f, size_t at)
{
    set(f, at + AT_LOWER, get(f, at + AT_LOWER, 2) - 2, 2);
}

static void change_lower(struct sample *f, size_t at)
{
    set(f, at + AT_LOWER, 0xFFF0, 2);
}

static void swap_nodes(struct sample *f, size_t at)
{
    uint64_t first = get(f, at + PAGE_HEAD, 2), second = get(f, at + PAGE_HEAD + 2, 2);
    set(f, at + PAGE_HEAD, second, 2);
    set(f, at + PAGE_HEAD + 2, first, 2);
}

static void move_node_out(struct sample *f, size_t at)
{
    set(f, at + PAGE_HEAD, 0xFFF0, 2);
}

static void widen_key(struct sample *f, size_t at)
{
    size_t node = at + get(f, at + PAGE_HEAD, 2);
    set(f, node + 6, 510, 2);
    set(f, node, 0xFFFF, 2);
}

static void empty_key(struct sample *f, size_t at)
{
    size_t node = at + get(f, at + PAGE_HEAD, 2);
    set(f, node + 6, 0, 2);
}

static void strange_node(struct sample *f, size_t at)
{
    size_t node = at + get(f, at + PAGE_HEAD, 2);
    set(f, node + 4, 4, 2);
}

/* Two children of a branch change places. */
static void swap_children(struct sample *f, size_t at)
{
    size_t a = at + get(f, at + PAGE_HEAD, 2), b = at + get(f, at + PAGE_HEAD + 2, 2);
    uint64_t first = get(f, a, 6), second = get(f, b, 6);
    set(f, a, second, 6);
    set(f, b, first, 6);
}

static void repeat_child(struct sample *f, size_t at)
{
    size_t a = at + get(f, at + PAGE_HEAD, 2), b = at + get(f, at + PAGE_HEAD + 2, 2);
    set(f, b, get(f, a, 6), 6);
}

/* The key that parts two children of a branch: it ends in a block's number. */
static void move_separator(struct sample *f, size_t at, int by)
{
    size_t node = at + get(f, at + PAGE_HEAD + 2, 2);
    size_t last = node + 8 + get(f, node + 6, 2) - 1;
    set(f, last, get(f, last, 1) + (uint64_t)by, 1);
}

static void raise_separator(struct sample *f, size_t at)
{
    move_separator(f, at, 1);
}

static void lower_separator(struct sample *f, size_t at)
{
    move_separator(f, at, -1);
}

static void damaged_pages_are_refused(void **state)
{
    static const struct {
        change_f *change;
        uint64_t kind;
        unsigned min_nodes;
        const char *sentence;
    } cases[] = {
        { change_number, LEAF, 1, "is not what it is used as" },
        { change_number, BRANCH, 1, "is not what it is used as" },
        { change_number, OVERFLOW_RUN, 0, "is no head of a large value" },
        { change_lower, LEAF, 1, "has an impossible head" },
        { change_upper, LEAF, 1, "has nodes that overlap" },
        { lose_last_node, LEAF, 2, "has nodes that overlap" },
        { swap_nodes, LEAF, 2, "has its keys out of order" },
        { move_node_out, LEAF, 1, "has a node outside its room" },
        { widen_key, LEAF, 1, "has a node that does not fit it" },
        { empty_key, LEAF, 1, "has a key of impossible length" },
        { strange_node, LEAF, 1, "has a node of a kind that does not belong there" },
        { swap_children, BRANCH, 2, "has its keys out of order" },
        { raise_separator, BRANCH, 2, "has its keys out of order" },
        { lower_separator, BRANCH, 2, "has its keys out of order" },
        { repeat_child, BRANCH, 2, "is referred to twice" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (changes_noticed(*state, cases[i].kind, cases[i].min_nodes, cases[i].change,
                            cases[i].sentence, true) == 0)
            fail_msg("case %zu: '%s' was never said", i, cases[i].sentence);
    }
}

/* Opening does not read large values: that would be the whole store. */
static void large_values_are_only_looked_at_deeply(void **state)
{
    assert_int_equal(changes_noticed(*state, OVERFLOW_RUN, 0, change_number, "is no head", false),
                     0);
}

/* But that they are all there is seen by their places alone. */
static void a_cut_is_seen_without_reading_large_values(void **state)
{
    struct sample *f = *state;
    size_t last = 0;
    for (size_t at = 2 * PAGE; at + PAGE <= f->file.len; at += PAGE) {
        if (get(f, at, 8) == at / PAGE && get(f, at + AT_FLAGS, 2) == OVERFLOW_RUN)
            last = at;
    }
    size_t end = last + get(f, last + AT_LOWER, 4) * PAGE;
    struct errmsg msg = { "" };
    f->file.len = end;
    assert_int_equal(look(f, false, &msg), OK);
    f->file.len = end - PAGE;
    assert_int_equal(look(f, false, &msg), ERR_CORRUPT);
    assert_non_null(strstr(msg.text, "cut short"));
}

/* The first record of the free list, as (offset of its count). */
static size_t free_list(const struct sample *f)
{
    size_t root = get(f, newest_meta(f) + META_FREE_ROOT, 8) * PAGE;
    assert_int_equal(get(f, root + AT_FLAGS, 2), LEAF);
    size_t node = root + get(f, root + PAGE_HEAD, 2);
    size_t list = node + 8 + get(f, node + 6, 2);
    assert_true(get(f, list, 8) > 0);
    return list;
}

static void a_page_in_use_must_not_be_free(void **state)
{
    struct sample *f = *state;
    set(f, free_list(f) + 8, get(f, newest_meta(f) + META_MAIN_ROOT, 8), 8);
    expect(f, "is both in use and free");
}

static void a_free_list_must_fit_its_record(void **state)
{
    struct sample *f = *state;
    set(f, free_list(f), 1000, 8);
    expect(f, "holds a free list that is cut");
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_sound_file_passes),
        T(damaged_metas_are_refused),
        T(another_data_version_is_not_read),
        T(damaged_pages_are_refused),
        T(large_values_are_only_looked_at_deeply),
        T(a_cut_is_seen_without_reading_large_values),
        T(a_page_in_use_must_not_be_free),
        T(a_free_list_must_fit_its_record),
    };
    return cmocka_run_group_tests_name("store_pages", tests, NULL, NULL);
}
