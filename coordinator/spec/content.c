#include "coordinator/spec/content.h"

#include "common/io/file.h"
#include "coordinator/spec/text_key.h"

struct known_file {
    const char *path;
    struct digest digest;
};

err content_digest(struct content *c, const char *path, struct digest *out, struct errmsg *msg)
{
    uint64_t key = text_key(path);
    struct known_file *file = map_find(&c->known, key);
    if (file && strcmp(file->path, path) == 0) {
        *out = file->digest;
        return OK;
    }
    struct buf bytes = { 0 };
    err e = file_read(path, CONTENT_BYTES_MAX, &bytes, msg);
    if (!e) {
        *out = digest_of(buf_span(&bytes));
        file = arena_alloc(&c->arena, sizeof(*file));
        *file = (struct known_file){ arena_strdup(&c->arena, path), *out };
        map_put(&c->known, key, file);
    }
    buf_release(&bytes);
    return e;
}

void content_release(struct content *c)
{
    map_release(&c->known);
    arena_release(&c->arena);
}
