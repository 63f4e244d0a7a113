/* That damage in the structure of LMDB's file is found without LMDB: each case changes a few bytes
 * of a sound file, as a broken disk might, and names the sentence that must come. */
#include "tests/io/store_fixture.h"

#include <errno.h>

#include "coordinator/store/pages.h"
#include "coordinator/store/table.h"
#include "tests/io/failing.h"

/* Where things lie in the file (LMDB 0.9, 64 bit). */
enum {
    PAGE = 4096,
    PAGE_HEAD = 16,
    AT_FLAGS = 10,
    AT_LOWER = 12,
    AT_UPPER = 14,
    META_VERSION = PAGE_HEAD + 4,
    META_PAGE_BYTES = PAGE_HEAD + 24,
    META_MAIN_DEPTH = META_PAGE_BYTES + 48 + 6,
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

/* Takes the file as it was made. */
static void take_sample(struct sample *f)
{
    struct store_txn t;
    struct store *s = fixture_open_to_read(f->dir);
    assert_int_equal(store_read_begin(s, &t, NULL), OK);
    f->txn_id = store_txn_id(&t);
    store_read_end(&t);
    store_close(s);
    assert_int_equal(file_read(f->path, 64 << 20, &f->file, NULL), OK);
    while (f->file.data[f->file.len - 1] == 0) /* room set aside */
        f->file.len--;
    f->file.len = (f->file.len + PAGE - 1) / PAGE * PAGE;
}

static struct sample *sample_new(void)
{
    struct sample *f = calloc(1, sizeof(*f));
    f->dir = test_dir();
    f->path = file_join(f->dir, "data.mdb");
    return f;
}

/* Some blocks larger than a page, and so many cells that the table of blocks has branches, and free
 * pages of earlier commits. */
static int setup(void **state)
{
    struct sample *f = sample_new();
    struct store *s = fixture_open(f->dir);
    fixture_ids(s, 40, 5, 100000);
    struct store_batch *b = store_batch_new();
    for (uint32_t i = 0; i < 40; i++) {
        for (uint32_t k = 0; k < 5; k++)
            fixture_block(b, i + 1, k + 1, 100000, 0, 1, k == 0 ? 180 : 5, STATUS_OK);
        fixture_commit(s, b);
    }
    /* At last a run of pages so long that it lies behind all others. */
    fixture_block(b, 1, 1, 100000, 50000, 1, 1000, STATUS_OK);
    fixture_commit(s, b);
    store_batch_free(b);
    store_close(s);
    take_sample(f);
    *state = f;
    return 0;
}

enum { LARGE_BLOCKS = 300 };

static err delete_large_blocks(struct store_txn *t, void *context, struct errmsg *msg)
{
    (void)context;
    err e = OK;
    for (uint32_t i = 1; i <= LARGE_BLOCKS && !e; i++) {
        struct store_key key = store_key_place(TABLE_BLOCK, 1, 1, i);
        e = store_delete(t, TABLE_BLOCK, &key, msg);
    }
    return e;
}

/* So many pages given back at once that their list is a large value itself. */
static int setup_large_list(void **state)
{
    struct sample *f = sample_new();
    struct store *s = fixture_open(f->dir);
    fixture_ids(s, 1, 1, 100000);
    struct store_batch *b = store_batch_new();
    for (uint32_t i = 0; i <= LARGE_BLOCKS; i++)
        fixture_block(b, 1, 1, 100000, i * 300, 1, 300, STATUS_OK); /* none shares its record */
    fixture_commit(s, b);
    assert_int_equal(store_write(s, STORE_NEED_SMALL, delete_large_blocks, NULL, NULL), OK);
    store_batch_free(b);
    store_close(s);
    take_sample(f);
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
        { META_MAIN_DEPTH, 2, 64, false, "impossible tree" },
        { META_PAGE_BYTES, 4, PAGE ^ 6144, false, "impossible page size" },
        { META_PAGE_BYTES, 4, PAGE ^ 128, false, "impossible page size" },
        { META_PAGE_BYTES, 4, PAGE ^ 131072, false, "impossible page size" },
        { META_TXN, 8, 1, true, "impossible transaction number" },
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

/* The same values, set to what no flipped bit makes of them. */
static void impossible_metas_are_refused(void **state)
{
    static const struct {
        int index; /* of the meta page; -1: the newest */
        int at, bytes;
        uint64_t value;
        const char *sentence;
    } cases[] = {
        { 1, META_PAGE_BYTES, 4, 2 * PAGE, "page 1 gives another page size than its neighbour" },
        { 0, META_TXN, 8, 0, "impossible transaction number" },
        { 1, META_TXN, 8, 0, "impossible transaction number" },
        { -1, META_LAST_PAGE, 8, 0, "impossible last page" },
        { -1, META_MAIN_DEPTH, 2, 0, "impossible tree" },
        { -1, META_MAIN_ROOT, 8, 1, "page 1 is referred to, but lies outside the file" },
        { -1, META_MAIN_ROOT, 8, 1 << 20, "page 1048576 is referred to, but lies outside" },
    };
    struct sample *f = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t meta = cases[i].index < 0 ? newest_meta(f) : (size_t)cases[i].index * PAGE;
        size_t at = meta + (size_t)cases[i].at, bytes = (size_t)cases[i].bytes;
        uint64_t value = get(f, at, bytes);
        set(f, at, cases[i].value, bytes);
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

static void change_flags(struct sample *f, size_t at)
{
    set(f, at + AT_FLAGS, 8 | get(f, at + AT_FLAGS, 2), 2);
}

static void no_nodes(struct sample *f, size_t at)
{
    set(f, at + AT_LOWER, PAGE_HEAD, 2);
}

static void odd_lower(struct sample *f, size_t at)
{
    set(f, at + AT_LOWER, get(f, at + AT_LOWER, 2) + 1, 2);
}

static void upper_behind_the_page(struct sample *f, size_t at)
{
    set(f, at + AT_UPPER, PAGE + 2, 2);
}

static void odd_node(struct sample *f, size_t at)
{
    set(f, at + PAGE_HEAD, get(f, at + PAGE_HEAD, 2) + 1, 2);
}

static void node_in_the_free_room(struct sample *f, size_t at)
{
    set(f, at + PAGE_HEAD, get(f, at + AT_UPPER, 2) - 2, 2);
}

static void node_head_over_the_end(struct sample *f, size_t at)
{
    set(f, at + PAGE_HEAD, PAGE - 4, 2);
}

static void key_too_long(struct sample *f, size_t at)
{
    set(f, at + get(f, at + PAGE_HEAD, 2) + 6, 512, 2);
}

/* Of leaves in the main tree: its keys are names of tables. */
static bool is_main_leaf(const struct sample *f, size_t at)
{
    size_t node = at + get(f, at + PAGE_HEAD, 2);
    return get(f, node + 4, 2) == 2;
}

static void plain_value_for_a_table(struct sample *f, size_t at)
{
    if (is_main_leaf(f, at))
        set(f, at + get(f, at + PAGE_HEAD, 2) + 4, 0, 2);
}

static void table_of_odd_size(struct sample *f, size_t at)
{
    size_t node = at + get(f, at + PAGE_HEAD, 2);
    if (is_main_leaf(f, at)) /* one byte, so that with its padding it takes as much as before */
        set(f, node, get(f, node + 6, 2) % 2 ? 49 : 47, 4);
}

static void table_in_a_table(struct sample *f, size_t at)
{
    if (!is_main_leaf(f, at))
        set(f, at + get(f, at + PAGE_HEAD, 2) + 4, 2, 2);
}

/* The first large value of a leaf. */
static size_t large_value(const struct sample *f, size_t at)
{
    size_t nodes = (get(f, at + AT_LOWER, 2) - PAGE_HEAD) / 2;
    for (size_t i = 0; i < nodes; i++) {
        size_t node = at + get(f, at + PAGE_HEAD + 2 * i, 2);
        if (get(f, node + 4, 2) == 1)
            return node;
    }
    return 0;
}

static void value_longer_than_the_file(struct sample *f, size_t at)
{
    if (large_value(f, at))
        set(f, large_value(f, at), UINT32_MAX, 4);
}

static void value_longer_than_its_run(struct sample *f, size_t at)
{
    size_t node = large_value(f, at);
    if (node)
        set(f, node, get(f, node, 4) + PAGE, 4);
}

static void run_longer_than_the_file(struct sample *f, size_t at)
{
    set(f, at + AT_LOWER, 1 << 20, 4);
}

/* So far behind the file that its offset is none: as bytes it would be below 0. */
static void value_nowhere(struct sample *f, size_t at)
{
    size_t node = large_value(f, at);
    if (node)
        set(f, node + 8 + get(f, node + 6, 2), ((uint64_t)1 << 51) + 5, 8);
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
        { change_flags, LEAF, 1, "is not what it is used as" },
        { change_flags, OVERFLOW_RUN, 0, "is no head of a large value" },
        { no_nodes, LEAF, 1, "has an impossible head" },
        { odd_lower, LEAF, 1, "has an impossible head" },
        { upper_behind_the_page, LEAF, 1, "has an impossible head" },
        { odd_node, LEAF, 1, "has a node outside its room" },
        { node_in_the_free_room, LEAF, 1, "has a node outside its room" },
        { node_head_over_the_end, LEAF, 1, "has a node outside its room" },
        { key_too_long, LEAF, 1, "has a node that does not fit it" },
        { plain_value_for_a_table, LEAF, 1, "has a node of a kind that does not belong there" },
        { table_of_odd_size, LEAF, 1, "has a node of a kind that does not belong there" },
        { table_in_a_table, LEAF, 1, "has a node of a kind that does not belong there" },
        { value_longer_than_the_file, LEAF, 1, "is referred to, but lies outside the file" },
        { value_longer_than_its_run, LEAF, 1, "is no head of a large value" },
        { run_longer_than_the_file, OVERFLOW_RUN, 0, "is referred to, but lies outside the file" },
        { value_nowhere, LEAF, 1, "is referred to, but lies outside the file" },
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

/* The first record of the free list. */
static size_t free_node(const struct sample *f)
{
    size_t root = get(f, newest_meta(f) + META_FREE_ROOT, 8) * PAGE;
    assert_int_equal(get(f, root + AT_FLAGS, 2), LEAF);
    return root + get(f, root + PAGE_HEAD, 2);
}

/* Where its count stands, the page numbers behind. */
static size_t free_list(const struct sample *f)
{
    size_t node = free_node(f);
    size_t list = node + 8 + get(f, node + 6, 2);
    assert_true(get(f, list, 8) > 1);
    return list;
}

static void a_page_in_use_must_not_be_free(void **state)
{
    struct sample *f = *state;
    set(f, free_list(f) + 8, get(f, newest_meta(f) + META_MAIN_ROOT, 8), 8);
    expect(f, "is both in use and free");
}

static void a_page_must_not_be_free_twice(void **state)
{
    struct sample *f = *state;
    set(f, free_list(f) + 8, get(f, free_list(f) + 16, 8), 8);
    expect(f, "is referred to twice");
}

static void a_free_list_must_fit_its_record(void **state)
{
    struct sample *f = *state;
    set(f, free_list(f), 1000, 8);
    expect(f, "holds a free list that is cut");
}

static void a_free_list_is_of_whole_numbers(void **state)
{
    struct sample *f = *state;
    set(f, free_node(f), get(f, free_node(f), 4) - 1, 4); /* with its padding it takes as much */
    expect(f, "holds a free list of odd length");
}

static void the_key_of_a_free_list_is_a_number(void **state)
{
    struct sample *f = *state;
    set(f, free_node(f) + 6, 6, 2); /* of 8 bytes; the other two are the value's */
    set(f, free_node(f), get(f, free_node(f), 4) + 2, 4);
    expect(f, "has a key of impossible length");
}

static void a_large_free_list_is_looked_at(void **state)
{
    struct sample *f = *state;
    struct errmsg msg = { "" };
    size_t node = free_node(f), value = node + 8 + get(f, node + 6, 2);
    assert_int_equal(get(f, node + 4, 2), 1); /* a large value */
    assert_int_equal(look(f, true, &msg), OK);
    assert_int_equal(look(f, false, &msg), OK);
    uint64_t bytes = get(f, node, 4);
    uint64_t run = get(f, value, 8);
    size_t list = run * PAGE + PAGE_HEAD;
    set(f, node, 4, 4);
    expect(f, "holds a free list of odd length");
    uint64_t pages = get(f, newest_meta(f) + META_LAST_PAGE, 8) + 1;
    set(f, value, 50, 8); /* where so many pages are of nobody, or of tables */
    set(f, node, pages * 8 + PAGE + 8, 4);
    assert_int_equal(look(f, false, &msg), ERR_CORRUPT);
    assert_non_null(strstr(msg.text, "holds an impossibly long free list"));
    set(f, node, bytes, 4);
    set(f, value, run, 8);
    set(f, list + 8, 1, 8);
    expect(f, "page 1 is referred to, but lies outside the file");
}

/* It is read deeply, too: the file ends before the first page of a large value. */
static void a_cut_before_a_large_value_is_seen(void **state)
{
    struct sample *f = *state;
    size_t last = 0;
    for (size_t at = 2 * PAGE; at + PAGE <= f->file.len; at += PAGE) {
        if (get(f, at, 8) == at / PAGE && get(f, at + AT_FLAGS, 2) == OVERFLOW_RUN)
            last = at;
    }
    f->file.len = last;
    expect(f, "is cut short");
}

/* Each read of the file in turn; `expected` is what comes of it. */
static void fail_each_read(struct sample *f, int code, err expected)
{
    struct errmsg msg = { "" };
    assert_int_equal(look(f, true, &msg), OK);
    int fd = open(f->path, O_RDONLY | O_CLOEXEC);
    uint64_t nth = 1, used_bytes;
    for (bool failed = true; failed; nth++) {
        failing_set(&(struct failing){ .calls = "pread", .nth = nth, .code = code });
        err e = store_pages_check(fd, f->path, f->txn_id, true, &used_bytes, &msg);
        failed = failing_end() > 0;
        assert_int_equal(e, failed ? expected : OK);
        if (e && (!strstr(msg.text, f->path) || !strstr(msg.text, strerror(code))))
            fail_msg("'%s'", msg.text);
    }
    assert_true(nth > 5);
    close(fd);
}

static void a_page_that_cannot_be_read_is_no_damage(void **state)
{
    fail_each_read(*state, EIO, ERR_IO);
}

static void a_read_that_is_interrupted_is_done_again(void **state)
{
    fail_each_read(*state, EINTR, OK);
}

static void a_file_that_cannot_be_examined_is_told(void **state)
{
    struct sample *f = *state;
    struct errmsg msg = { "" };
    int fd = open(f->path, O_RDONLY | O_CLOEXEC);
    failing_set(&(struct failing){ .calls = "fstat", .nth = 1, .code = EIO });
    assert_int_equal(store_pages_check_metas(fd, f->path, &msg), ERR_IO);
    assert_int_equal(failing_end(), 1);
    assert_non_null(strstr(msg.text, f->path));
    close(fd);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define L(f) cmocka_unit_test_setup_teardown(f, setup_large_list, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_sound_file_passes),
        T(damaged_metas_are_refused),
        T(impossible_metas_are_refused),
        T(another_data_version_is_not_read),
        T(damaged_pages_are_refused),
        T(large_values_are_only_looked_at_deeply),
        T(a_cut_is_seen_without_reading_large_values),
        T(a_page_in_use_must_not_be_free),
        T(a_page_must_not_be_free_twice),
        T(a_free_list_must_fit_its_record),
        T(a_free_list_is_of_whole_numbers),
        T(the_key_of_a_free_list_is_a_number),
        L(a_large_free_list_is_looked_at),
        T(a_cut_before_a_large_value_is_seen),
        L(a_page_that_cannot_be_read_is_no_damage),
        L(a_read_that_is_interrupted_is_done_again),
        T(a_file_that_cannot_be_examined_is_told),
    };
    return cmocka_run_group_tests_name("store_pages", tests, NULL, NULL);
}
