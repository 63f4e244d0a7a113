#include "coordinator/store/pages.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/bitmap.h"
#include "common/mem.h"

/* LMDB's structures as they lie in the file, in the machine's byte order. */
enum {
    META_COUNT = 2,
    META_MAGIC = (int)0xBEEFC0DE,
    META_VERSION = 1,
    PAGE_BRANCH = 0x01,
    PAGE_LEAF = 0x02,
    PAGE_OVERFLOW = 0x04,
    PAGE_META = 0x08,
    NODE_OVERFLOW = 0x01, /* the value is a page number: it fills an overflow run */
    NODE_TREE = 0x02,     /* the value is a struct tree: a named table */
    PAGE_BYTES_MIN = 256,
    PAGE_BYTES_MAX = 65536,
    KEY_BYTES_MAX = 511,
    DEPTH_MAX = 32,            /* of one tree */
    LEVELS_MAX = 2 * DEPTH_MAX /* a table's tree hangs in the main tree */
};

struct page_head {
    uint64_t number;
    uint16_t pad, flags;
    uint16_t lower, upper; /* of the free room; in an overflow page both are one u32: its pages */
};

struct node_head {
    uint32_t low; /* leaf: bytes of the value; branch: low bits of the child's page number */
    uint16_t high, key_len; /* leaf: NODE_ flags; branch: high bits of the page number */
};

struct tree {
    uint32_t pad; /* in the free tree of a meta page: the page size */
    uint16_t flags, depth;
    uint64_t branch_pages, leaf_pages, overflow_pages, entries;
    uint64_t root; /* NO_PAGE: empty */
};

struct meta {
    uint32_t magic, version;
    uint64_t address, map_bytes;
    struct tree free, main;
    uint64_t last_page, txn_id;
};

_Static_assert(sizeof(struct page_head) == 16 && sizeof(struct node_head) == 8, "as in LMDB");
_Static_assert(sizeof(struct tree) == 48 && sizeof(struct meta) == 136, "as in LMDB, 64 bit");

#define NO_PAGE UINT64_MAX

enum tree_kind { TREE_FREE, TREE_MAIN, TREE_TABLE };

struct walk {
    int fd;
    const char *path;
    struct errmsg *msg;
    uint32_t page_bytes;
    uint64_t page_count, file_bytes;
    bool deep;
    struct bitmap used, free;
    enum tree_kind kind;          /* of the tree being walked */
    uint64_t entries;             /* of it, so far */
    unsigned level;               /* of the page being walked, from the root of the outer tree */
    uint8_t *buffers[LEVELS_MAX]; /* a page a level */
};

static err damaged(const struct walk *w, uint64_t page, const char *what)
{
    return err_say(w->msg, ERR_CORRUPT,
                   "%s: page %" PRIu64 " %s; the file is damaged: restore it from a backup",
                   w->path, page, what);
}

/* ERR_CORRUPT if the file ends before. */
static err read_at(const struct walk *w, uint64_t offset, void *out, size_t bytes)
{
    for (size_t done = 0; done < bytes;) {
        ssize_t n = pread(w->fd, (uint8_t *)out + done, bytes - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_say(w->msg, ERR_IO, "cannot read %s: %s", w->path, strerror(errno));
        if (n == 0)
            return err_say(w->msg, ERR_CORRUPT,
                           "%s is cut short: %" PRIu64 " bytes, but %" PRIu64
                           " are in use; restore it from a backup",
                           w->path, w->file_bytes, offset + bytes);
        done += (size_t)n;
    }
    return OK;
}

/* Each meta page is written by every second transaction, so their numbers are neighbours: a page
 * whose number was damaged would silently roll the store back, or pass for the newer one. */
static bool metas_agree(const struct meta metas[META_COUNT])
{
    uint64_t a = metas[0].txn_id, b = metas[1].txn_id;
    bool places = a % 2 == 0 && (b % 2 == 1 || b == 0);
    return places && (a == b + 1 || b == a + 1 || (a == 0 && b == 0));
}

static err read_meta(struct walk *w, unsigned index, struct meta *out)
{
    struct page_head head;
    uint64_t at = (uint64_t)index * w->page_bytes;
    err e = read_at(w, at, &head, sizeof(head));
    if (!e)
        e = read_at(w, at + sizeof(head), out, sizeof(*out));
    if (e)
        return e;
    if (!(head.flags & PAGE_META) || out->magic != (uint32_t)META_MAGIC)
        return err_say(w->msg, ERR_CORRUPT, "%s is no LMDB file, or its first pages are damaged",
                       w->path);
    if (out->version != META_VERSION)
        return err_say(w->msg, ERR_UNSUPPORTED, "%s: LMDB data version %u; this program reads %d",
                       w->path, out->version, META_VERSION);
    uint32_t page_bytes = out->free.pad;
    if (page_bytes < PAGE_BYTES_MIN || page_bytes > PAGE_BYTES_MAX ||
        (page_bytes & (page_bytes - 1)) != 0)
        return damaged(w, index, "gives an impossible page size");
    if (out->last_page < 1 || out->last_page >= UINT32_MAX)
        return damaged(w, index, "gives an impossible last page");
    w->page_bytes = page_bytes;
    return OK;
}

static err read_metas_once(struct walk *w, struct meta metas[META_COUNT])
{
    struct stat st;
    if (fstat(w->fd, &st))
        return err_say(w->msg, ERR_IO, "cannot read %s: %s", w->path, strerror(errno));
    w->file_bytes = (uint64_t)st.st_size;
    err e = OK;
    for (unsigned i = 0; i < META_COUNT && !e; i++)
        e = read_meta(w, i, &metas[i]);
    if (!e && metas[0].free.pad != metas[1].free.pad)
        e = damaged(w, 1, "gives another page size than its neighbour");
    if (!e && !metas_agree(metas))
        e = damaged(w, metas[0].txn_id < metas[1].txn_id, "has an impossible transaction number");
    return e;
}

/* Another process may be writing: what does not agree but is another the next time is no damage. */
static err read_metas(struct walk *w, struct meta metas[META_COUNT])
{
    struct meta before[META_COUNT] = { 0 };
    memset(metas, 0, sizeof(before));
    err e = read_metas_once(w, metas);
    while (e == ERR_CORRUPT && memcmp(before, metas, sizeof(before)) != 0) {
        memcpy(before, metas, sizeof(before));
        e = read_metas_once(w, metas);
    }
    return e;
}

err store_pages_check_metas(int fd, const char *path, struct errmsg *msg)
{
    struct walk w = { .fd = fd, .path = path, .msg = msg };
    struct meta metas[META_COUNT];
    return read_metas(&w, metas);
}

static err check_bounds(const struct walk *w, uint64_t page, uint64_t count)
{
    if (page < META_COUNT || page >= w->page_count || count > w->page_count - page)
        return damaged(w, page, "is referred to, but lies outside the file");
    return OK;
}

static err claim(struct walk *w, struct bitmap *set, uint64_t page, uint64_t count)
{
    err e = check_bounds(w, page, count);
    if (e)
        return e;
    for (uint64_t i = page; i < page + count; i++) {
        if (!bitmap_set(set, (uint32_t)i))
            return damaged(w, i, "is referred to twice");
    }
    return OK;
}

/* A value too large for a leaf lies on pages of its own, in a row. */
static err check_overflow(struct walk *w, uint64_t page, uint64_t value_bytes)
{
    struct page_head head;
    uint64_t count = (sizeof(head) - 1 + value_bytes) / w->page_bytes + 1;
    err e = check_bounds(w, page, count);
    if (e)
        return e;
    if (w->deep) {
        e = read_at(w, page * w->page_bytes, &head, sizeof(head));
        if (e)
            return e;
        uint32_t pages;
        memcpy(&pages, &head.lower, sizeof(pages));
        if (head.number != page || head.flags != PAGE_OVERFLOW || pages < count)
            return damaged(w, page, "is no head of a large value");
        count = pages; /* more than needed after a larger value was replaced */
    }
    e = claim(w, &w->used, page, count);
    if (!e && (page + count) * w->page_bytes > w->file_bytes)
        e = read_at(w, (page + count) * w->page_bytes - 1, &head, 1); /* says how short */
    return e;
}

/* A record of the free tree: a count, then so many page numbers. There may be room behind. */
static err check_free_list(struct walk *w, uint64_t holder, struct span list)
{
    uint64_t count, page;
    if (list.len < sizeof(count) || list.len % sizeof(page) != 0)
        return damaged(w, holder, "holds a free list of odd length");
    memcpy(&count, list.data, sizeof(count));
    if (count > list.len / sizeof(page) - 1)
        return damaged(w, holder, "holds a free list that is cut");
    err e = OK;
    for (uint64_t i = 1; i <= count && !e; i++) {
        memcpy(&page, list.data + i * sizeof(page), sizeof(page));
        e = claim(w, &w->free, page, 1);
    }
    return e;
}

static err check_large_free_list(struct walk *w, uint64_t page, uint32_t bytes)
{
    if (bytes > w->page_count * sizeof(uint64_t) + w->page_bytes)
        return damaged(w, page, "holds an impossibly long free list");
    uint8_t *list = xmalloc(bytes);
    err e = read_at(w, page * w->page_bytes + sizeof(struct page_head), list, bytes);
    if (!e)
        e = check_free_list(w, page, span_of(list, bytes));
    free(list);
    return e;
}

struct node {
    struct node_head head;
    struct span key;
    const uint8_t *value;
    size_t value_here; /* bytes of the value in this page */
};

static int compare_keys(const struct walk *w, struct span a, struct span b)
{
    if (w->kind == TREE_FREE) { /* transaction numbers */
        uint64_t x, y;
        memcpy(&x, a.data, sizeof(x));
        memcpy(&y, b.data, sizeof(y));
        return (x > y) - (x < y);
    }
    int order = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static uint16_t node_offset(const uint8_t *page, unsigned i)
{
    uint16_t at;
    memcpy(&at, page + sizeof(struct page_head) + i * sizeof(at), sizeof(at));
    return at;
}

/* Node `i` of a page that was checked. */
static struct node node_of(const uint8_t *page, unsigned i)
{
    struct page_head head;
    struct node node = { 0 };
    const uint8_t *at = page + node_offset(page, i);
    memcpy(&head, page, sizeof(head));
    memcpy(&node.head, at, sizeof(node.head));
    node.key = span_of(at + sizeof(node.head), node.head.key_len);
    node.value = node.key.data + node.key.len;
    if (head.flags == PAGE_LEAF)
        node.value_here = node.head.high & NODE_OVERFLOW ? sizeof(uint64_t) : node.head.low;
    return node;
}

/* Node `i` of a page whose head was checked: that it lies within the page. */
static err check_node(const struct walk *w, const uint8_t *page, unsigned i, struct node *out)
{
    struct page_head head;
    memcpy(&head, page, sizeof(head));
    uint16_t at = node_offset(page, i);
    if (at < head.upper || at % 2 != 0 || at + sizeof(out->head) > w->page_bytes)
        return damaged(w, head.number, "has a node outside its room");
    *out = node_of(page, i);
    if (out->key.len > KEY_BYTES_MAX ||
        at + sizeof(out->head) + out->key.len + out->value_here > w->page_bytes)
        return damaged(w, head.number, "has a node that does not fit it");
    if (head.flags == PAGE_BRANCH && i == 0)
        return OK; /* LMDB ignores this key; it may be empty */
    if (out->key.len == 0 || (w->kind == TREE_FREE && out->key.len != sizeof(uint64_t)))
        return damaged(w, head.number, "has a key of impossible length");
    return OK;
}

static err walk_tree(struct walk *w, enum tree_kind kind, const struct tree *tree);

static err check_leaf_node(struct walk *w, uint64_t page, const struct node *node)
{
    w->entries++;
    uint16_t flags = node->head.high;
    if (flags == NODE_OVERFLOW) {
        uint64_t first;
        memcpy(&first, node->value, sizeof(first));
        err e = check_overflow(w, first, node->head.low);
        if (!e && w->kind == TREE_FREE)
            e = check_large_free_list(w, first, node->head.low);
        return e;
    }
    struct span value = span_of(node->value, node->value_here);
    if (flags == 0 && w->kind == TREE_FREE)
        return check_free_list(w, page, value);
    if (flags == 0 && w->kind == TREE_TABLE)
        return OK;
    if (flags == NODE_TREE && w->kind == TREE_MAIN && value.len == sizeof(struct tree)) {
        struct tree tree;
        memcpy(&tree, value.data, sizeof(tree));
        return walk_tree(w, TREE_TABLE, &tree);
    }
    return damaged(w, page, "has a node of a kind that does not belong there");
}

/* The head of a page, and that its nodes fill the rest of it, in order, within [low, high). An
 * empty bound is none. */
static err check_page(const struct walk *w, const uint8_t *page, uint64_t number, uint16_t kind,
                      struct span low, struct span high, unsigned *out_nodes)
{
    struct page_head head;
    memcpy(&head, page, sizeof(head));
    if (head.number != number || head.flags != kind)
        return damaged(w, number, "is not what it is used as");
    if (head.lower <= sizeof(head) || head.lower % 2 != 0 || head.lower > head.upper ||
        head.upper > w->page_bytes)
        return damaged(w, number, "has an impossible head");
    unsigned nodes = (head.lower - (unsigned)sizeof(head)) / 2;
    size_t filled = 0;
    struct span previous = { 0 };
    for (unsigned i = 0; i < nodes; i++) {
        struct node node;
        err e = check_node(w, page, i, &node);
        if (e)
            return e;
        filled += (sizeof(node.head) + node.key.len + node.value_here + 1) & ~(size_t)1;
        if (i == 0 && kind == PAGE_BRANCH)
            continue;
        if ((previous.len > 0 && compare_keys(w, previous, node.key) >= 0) ||
            (low.len > 0 && compare_keys(w, node.key, low) < 0) ||
            (high.len > 0 && compare_keys(w, node.key, high) >= 0))
            return damaged(w, number, "has its keys out of order");
        previous = node.key;
    }
    if (filled != w->page_bytes - head.upper)
        return damaged(w, number, "has nodes that overlap");
    *out_nodes = nodes;
    return OK;
}

static uint64_t child_of(const struct node *node)
{
    return node->head.low | (uint64_t)node->head.high << 32;
}

/* levels: how many there are from this page down to its leaves, itself included. */
static err walk_page(struct walk *w, uint64_t number, unsigned levels, struct span low,
                     struct span high)
{
    err e = claim(w, &w->used, number, 1);
    uint8_t *page = w->buffers[w->level];
    if (!page)
        page = w->buffers[w->level] = xmalloc(w->page_bytes);
    if (!e)
        e = read_at(w, number * w->page_bytes, page, w->page_bytes);
    unsigned nodes = 0;
    bool is_leaf = levels == 1;
    if (!e)
        e = check_page(w, page, number, is_leaf ? PAGE_LEAF : PAGE_BRANCH, low, high, &nodes);
    w->level++;
    for (unsigned i = 0; i < nodes && !e; i++) {
        struct node node = node_of(page, i);
        if (is_leaf) {
            e = check_leaf_node(w, number, &node);
        } else {
            struct span end = i + 1 < nodes ? node_of(page, i + 1).key : high;
            e = walk_page(w, child_of(&node), levels - 1, i == 0 ? low : node.key, end);
        }
    }
    w->level--;
    return e;
}

static err walk_tree(struct walk *w, enum tree_kind kind, const struct tree *tree)
{
    enum tree_kind outer_kind = w->kind;
    uint64_t outer_entries = w->entries;
    w->kind = kind;
    w->entries = 0;
    err e = OK;
    if (tree->root != NO_PAGE) {
        if (tree->depth < 1 || tree->depth > DEPTH_MAX)
            return damaged(w, tree->root, "is the root of an impossible tree");
        e = walk_page(w, tree->root, tree->depth, (struct span){ 0 }, (struct span){ 0 });
    }
    if (!e && w->entries != tree->entries)
        e = damaged(w, tree->root, "is the root of a tree that lost or won entries");
    w->kind = outer_kind;
    w->entries = outer_entries;
    return e;
}

static err walk_state(struct walk *w, const struct meta *meta)
{
    err e = walk_tree(w, TREE_FREE, &meta->free);
    if (!e)
        e = walk_tree(w, TREE_MAIN, &meta->main);
    for (uint32_t i = 0; i < w->used.bits && !e; i++) {
        if (bitmap_get(&w->used, i) && bitmap_get(&w->free, i))
            e = damaged(w, i, "is both in use and free");
    }
    return e;
}

err store_pages_check(int fd, const char *path, uint64_t txn_id, bool deep,
                      uint64_t *out_used_bytes, struct errmsg *msg)
{
    struct walk w = { .fd = fd, .path = path, .msg = msg, .deep = deep };
    struct meta metas[META_COUNT];
    err e = read_metas(&w, metas);
    if (e)
        return e;
    const struct meta *meta = &metas[txn_id % META_COUNT];
    if (meta->txn_id != txn_id)
        return err_say(msg, ERR_AGAIN, "%s is being written faster than it can be read", path);
    w.page_count = meta->last_page + 1;
    bitmap_init(&w.used, (uint32_t)w.page_count);
    bitmap_init(&w.free, (uint32_t)w.page_count);
    e = walk_state(&w, meta);
    if (!e)
        *out_used_bytes = (META_COUNT + (uint64_t)bitmap_count(&w.used)) * w.page_bytes;
    bitmap_release(&w.used);
    bitmap_release(&w.free);
    for (unsigned i = 0; i < LEVELS_MAX; i++)
        free(w.buffers[i]);
    return e;
}
