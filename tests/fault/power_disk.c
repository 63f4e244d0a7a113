#include "tests/fault/power_disk.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/check.h"
#include "common/io/file.h"
#include "common/mem.h"

enum { SECTOR = 512, PAGE = 4096 };

/* Bytes at an offset, or a size: bytes NULL. */
struct change {
    uint64_t at, len;
    const uint8_t *bytes;
    bool shrinks;
    uint64_t time;
};

struct file {
    uint64_t inode;
    bool is_folder;
    struct buf durable; /* its bytes after a power cut that takes all it can */
    struct change *pending;
    size_t count, capacity;
};

/* A name in a folder: inode 0 takes it away. */
struct name {
    uint64_t folder, inode;
    const char *text;
    uint64_t time;
};

struct names {
    struct name *items;
    size_t count, capacity;
};

struct power_disk {
    uint64_t root, time;
    struct file **files;
    size_t count, capacity;
    struct names durable; /* at most one a (folder, text) */
    struct names pending; /* in order; those of one time are one change */
    struct buf image;     /* of the file that is being built: its room is kept */
};

/* ---- Files ---- */

static struct file *find_file(const struct power_disk *d, uint64_t inode)
{
    for (size_t i = 0; i < d->count; i++)
        if (d->files[i]->inode == inode)
            return d->files[i];
    return NULL;
}

static struct file *get_file(const struct power_disk *d, uint64_t inode)
{
    struct file *f = find_file(d, inode);
    check(f); /* else the recording has a gap */
    return f;
}

/* A number of an inode that is gone may be given again. */
static void add_file(struct power_disk *d, uint64_t inode, bool is_folder)
{
    struct file *f = find_file(d, inode);
    if (!f) {
        f = xcalloc(1, sizeof(*f));
        d->files = xgrow(d->files, &d->capacity, d->count + 1, sizeof(d->files[0]));
        d->files[d->count++] = f;
    }
    buf_clear(&f->durable);
    f->count = 0;
    f->inode = inode;
    f->is_folder = is_folder;
}

struct power_disk *power_disk_new(uint64_t root)
{
    struct power_disk *d = xcalloc(1, sizeof(*d));
    d->root = root;
    add_file(d, root, true);
    return d;
}

void power_disk_free(struct power_disk *d)
{
    for (size_t i = 0; i < d->count; i++) {
        buf_release(&d->files[i]->durable);
        free(d->files[i]->pending);
        free(d->files[i]);
    }
    free(d->files);
    buf_release(&d->image);
    free(d->durable.items);
    free(d->pending.items);
    free(d);
}

static void add_change(struct power_disk *d, const struct power_head *op, const uint8_t *bytes)
{
    struct file *f = get_file(d, op->inode);
    f->pending = xgrow(f->pending, &f->capacity, f->count + 1, sizeof(f->pending[0]));
    f->pending[f->count++] = (struct change){ .at = op->offset,
                                              .len = op->len,
                                              .bytes = op->kind == POWER_WRITE ? bytes : NULL,
                                              .shrinks = op->flags & POWER_SHRINK,
                                              .time = d->time };
}

static void resize(struct buf *image, uint64_t size)
{
    if (size > image->len) {
        buf_reserve(image, size - image->len);
        memset(image->data + image->len, 0, size - image->len);
    }
    image->len = size;
}

static void apply_bytes(struct buf *image, uint64_t at, const uint8_t *bytes, uint64_t len)
{
    if (at + len > image->len)
        resize(image, at + len);
    memcpy(image->data + at, bytes, len);
}

static void apply_change(struct buf *image, const struct change *c)
{
    if (c->bytes)
        apply_bytes(image, c->at, c->bytes, c->len);
    else if (c->shrinks || c->at > image->len)
        resize(image, c->at);
}

/* ---- Names ---- */

static void add_name(struct names *n, struct name name)
{
    n->items = xgrow(n->items, &n->capacity, n->count + 1, sizeof(n->items[0]));
    n->items[n->count++] = name;
}

static void set_name(struct names *n, struct name name)
{
    size_t i = 0;
    while (i < n->count &&
           (n->items[i].folder != name.folder || strcmp(n->items[i].text, name.text) != 0))
        i++;
    if (i < n->count)
        n->items[i] = n->items[--n->count];
    if (name.inode)
        add_name(n, name);
}

static void begin_entry(struct power_disk *d, const struct power_head *op, const uint8_t *bytes)
{
    struct name name = { .inode = op->inode, .time = d->time };
    memcpy(&name.folder, bytes, sizeof(name.folder));
    name.text = (const char *)bytes + sizeof(name.folder);
    if (op->kind != POWER_UNLINK)
        add_file(d, op->inode, op->kind == POWER_MKDIR);
    add_name(&d->pending, name);
}

static void begin_rename(struct power_disk *d, const struct power_head *op, const uint8_t *bytes)
{
    uint64_t folders[2];
    memcpy(folders, bytes, sizeof(folders));
    const char *from = (const char *)bytes + sizeof(folders), *to = from + strlen(from) + 1;
    check(folders[0] == folders[1]); /* else one sync of a folder would not do */
    add_name(&d->pending, (struct name){ folders[0], 0, from, d->time });
    add_name(&d->pending, (struct name){ folders[1], op->inode, to, d->time });
}

static void sync_names(struct power_disk *d, uint64_t folder)
{
    size_t left = 0;
    for (size_t i = 0; i < d->pending.count; i++) {
        struct name name = d->pending.items[i];
        if (name.folder == folder)
            set_name(&d->durable, name);
        else
            d->pending.items[left++] = name;
    }
    d->pending.count = left;
}

/* ---- Time ---- */

void power_disk_begin(struct power_disk *d, const struct power_head *op, const uint8_t *bytes)
{
    d->time++;
    switch ((enum power_kind)op->kind) {
    case POWER_WRITE:
    case POWER_SIZE: add_change(d, op, bytes); break;
    case POWER_CREATE:
    case POWER_MKDIR:
    case POWER_UNLINK: begin_entry(d, op, bytes); break;
    case POWER_RENAME: begin_rename(d, op, bytes); break;
    case POWER_SYNC:
    case POWER_MARK: break;
    }
}

static void sync_file(struct file *f)
{
    for (size_t i = 0; i < f->count; i++)
        apply_change(&f->durable, &f->pending[i]);
    f->count = 0;
}

void power_disk_end(struct power_disk *d, const struct power_head *op)
{
    if (op->kind == POWER_SYNC) {
        struct file *f = get_file(d, op->inode);
        if (f->is_folder)
            sync_names(d, op->inode);
        else
            sync_file(f);
    } else if (op->kind == POWER_WRITE && op->flags & POWER_SYNCED) {
        struct file *f = get_file(d, op->inode);
        apply_change(&f->durable, &f->pending[--f->count]); /* its own bytes alone */
    }
}

bool power_disk_is_open(const struct power_disk *d)
{
    bool open = d->pending.count > 0;
    for (size_t i = 0; i < d->count; i++)
        open = open || d->files[i]->count > 0;
    return open;
}

/* ---- What is left ---- */

/* One draw of what the power cut takes. */
struct cut {
    enum power_mode mode;
    uint64_t until; /* POWER_PREFIX */
    struct rng *rng;
};

static bool keeps(const struct cut *cut, uint64_t time)
{
    switch (cut->mode) {
    case POWER_ALL: return true;
    case POWER_NOTHING: return false;
    case POWER_PREFIX: return time <= cut->until;
    case POWER_SECTORS:
    case POWER_PAGES:
    case POWER_MODES: break;
    }
    return rng_below(cut->rng, 2);
}

static void tear(struct buf *image, const struct change *c, uint64_t unit, struct rng *rng)
{
    for (uint64_t at = c->at, end; at < c->at + c->len; at = end) {
        end = (at / unit + 1) * unit;
        if (end > c->at + c->len)
            end = c->at + c->len;
        if (rng_below(rng, 2))
            apply_bytes(image, at, c->bytes + (at - c->at), end - at);
    }
}

static void cut_file(const struct cut *cut, const struct file *f, struct buf *image)
{
    bool torn = cut->mode == POWER_SECTORS || cut->mode == POWER_PAGES;
    buf_clear(image);
    buf_append_span(image, buf_span(&f->durable));
    for (size_t i = 0; i < f->count; i++) {
        const struct change *c = &f->pending[i];
        if (torn && c->bytes)
            tear(image, c, cut->mode == POWER_SECTORS ? SECTOR : PAGE, cut->rng);
        else if (keeps(cut, c->time))
            apply_change(image, c);
    }
}

static void cut_names(const struct power_disk *d, const struct cut *cut, struct names *out)
{
    for (size_t i = 0; i < d->durable.count; i++)
        add_name(out, d->durable.items[i]);
    bool kept = false;
    for (size_t i = 0; i < d->pending.count; i++) {
        const struct name *name = &d->pending.items[i];
        if (i == 0 || name->time != name[-1].time)
            kept = keeps(cut, name->time);
        if (kept)
            set_name(out, *name);
    }
}

/* Holes stay holes: most of a store's file is room set aside. */
static void write_file(const char *path, const struct buf *image)
{
    static const uint8_t zeros[PAGE];
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    check(fd >= 0 && ftruncate(fd, (off_t)image->len) == 0);
    for (size_t at = 0; at < image->len; at += PAGE) {
        size_t len = image->len - at < PAGE ? image->len - at : PAGE;
        if (memcmp(image->data + at, zeros, len) != 0)
            check(pwrite(fd, image->data + at, len, (off_t)at) == (ssize_t)len);
    }
    check(close(fd) == 0);
}

static void build_folder(struct power_disk *d, const struct cut *cut, const struct names *names,
                         uint64_t folder, const char *into)
{
    for (size_t i = 0; i < names->count; i++) {
        const struct name *name = &names->items[i];
        if (name->folder != folder)
            continue;
        const struct file *f = get_file(d, name->inode);
        char *path = file_join(into, name->text);
        if (f->is_folder) {
            check(mkdir(path, 0700) == 0);
            build_folder(d, cut, names, f->inode, path);
        } else {
            cut_file(cut, f, &d->image);
            write_file(path, &d->image);
        }
        free(path);
    }
}

void power_disk_build(struct power_disk *d, enum power_mode mode, struct rng *rng, const char *into)
{
    struct cut cut = { .mode = mode, .until = 1 + rng_below(rng, d->time + 1), .rng = rng };
    struct names names = { 0 };
    cut_names(d, &cut, &names);
    build_folder(d, &cut, &names, d->root, into);
    free(names.items);
}
