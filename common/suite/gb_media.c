/* Names in annotations come from outside and become paths that programs open, so they must stay
 * inside the task's folder, by their words (no "/" in front, no "..") and in truth: a symbolic link
 * may lead out only to where the annotation itself leads. (A Hugging Face cache is such a tree: all
 * its files are links into one folder of blobs.) */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io/file.h"
#include "common/mem.h"
#include "common/suite/general_bench.h"

/* A name is looked for in the task's folder, then in these. */
static const char *const subfolders[] = { "",       "images/", "videos/",      "audios/",
                                          "image/", "video/",  "pointclouds/", "audio/" };

enum { SUBFOLDER_COUNT = sizeof(subfolders) / sizeof(subfolders[0]) };

static bool is_below(const char *path, const char *folder)
{
    size_t len = strlen(folder);
    return strncmp(path, folder, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

err gb_media_open(const char *folder, const char *annotation, enum modality modality,
                  struct gb_media *out, struct errmsg *msg)
{
    *out = (struct gb_media){ .folder_fd = -1, .modality = modality, .folder = xstrdup(folder) };
    err e = ERR_IO;
    char *file = NULL;
    out->root = file_real(folder, msg);
    if (!out->root)
        goto done;
    file = file_real(annotation, msg);
    if (!file)
        goto done;
    out->store = file_dir_of(file);
    if (is_below(out->store, out->root)) {
        free(out->store);
        out->store = NULL;
    }
    out->folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    e = out->folder_fd < 0 ? err_say(msg, ERR_IO, "%s: %s", folder, strerror(errno)) : OK;
done:
    free(file);
    if (e)
        gb_media_close(out);
    return e;
}

void gb_media_close(struct gb_media *m)
{
    if (m->folder_fd >= 0)
        close(m->folder_fd);
    free(m->folder);
    free(m->root);
    free(m->store);
    *m = (struct gb_media){ .folder_fd = -1 };
}

static bool ends_with(const char *text, const char *suffix)
{
    size_t len = strlen(text), suffix_len = strlen(suffix);
    return len > suffix_len && strcmp(text + len - suffix_len, suffix) == 0;
}

/* NLP tasks have no media: there a "path" is a word of the question. */
enum gb_field gb_field_of(enum modality modality, const char *key)
{
    static const char *const file_suffixes[] = { "_file", "_files", "_file_list" };
    static const char *const path_suffixes[] = { "_path", "_paths", "_folder", "_dir" };
    static const char *const path_names[] = { "image",      "images",      "video", "videos",
                                              "audio",      "audios",      "mesh",  "mask",
                                              "pointcloud", "point_cloud", "depth" };
    for (size_t i = 0; i < sizeof(file_suffixes) / sizeof(file_suffixes[0]); i++) {
        if (ends_with(key, file_suffixes[i]))
            return GB_FILE;
    }
    if (modality == MODALITY_NLP)
        return GB_PLAIN;
    for (size_t i = 0; i < sizeof(path_suffixes) / sizeof(path_suffixes[0]); i++) {
        if (ends_with(key, path_suffixes[i]))
            return GB_PATH;
    }
    for (size_t i = 0; i < sizeof(path_names) / sizeof(path_names[0]); i++) {
        if (strcmp(key, path_names[i]) == 0)
            return GB_PATH;
    }
    return GB_PLAIN;
}

/* Not empty, not absolute, and no part of it is "..". */
static bool stays_inside(const char *name)
{
    if (!*name || *name == '/')
        return false;
    for (const char *part = name; part; part = strchr(part, '/')) {
        part += *part == '/';
        if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || part[2] == '\0'))
            return false;
    }
    return true;
}

/* The first of the places where `name` is, relative to the task's folder. */
static bool find(const struct gb_media *m, const char *name, char relative[PATH_MAX],
                 struct stat *st)
{
    for (size_t i = 0; i < SUBFOLDER_COUNT; i++) {
        int len = snprintf(relative, PATH_MAX, "%s%s", subfolders[i], name);
        if (len < PATH_MAX && fstatat(m->folder_fd, relative, st, 0) == 0)
            return true;
    }
    return false;
}

static err check_place(const struct gb_media *m, const char *name, const char *path,
                       struct errmsg *msg)
{
    char *real = file_real(path, msg);
    if (!real)
        return ERR_INVALID;
    bool inside = is_below(real, m->root) || (m->store && is_below(real, m->store));
    free(real);
    return inside ? OK
                  : err_say(msg, ERR_INVALID, "'%s' is a link that leaves the task's folder", name);
}

err gb_media_resolve(const struct gb_media *m, enum gb_field field, const char *name,
                     struct buf *out, struct errmsg *msg)
{
    char relative[PATH_MAX];
    struct stat st;
    if (!*name)
        return err_say(msg, ERR_INVALID, "expected the name of a file, found an empty text");
    if (!stays_inside(name))
        return err_say(msg, ERR_INVALID, "'%s' leaves the task's folder", name);
    if (!find(m, name, relative, &st))
        return err_say(msg, ERR_INVALID,
                       "'%s' is not in the task's folder, nor in its images, "
                       "videos, audios or pointclouds",
                       name);
    bool right_kind = S_ISREG(st.st_mode) || (field == GB_PATH && S_ISDIR(st.st_mode));
    if (!right_kind)
        return err_say(msg, ERR_INVALID, "'%s' is no regular file", name);
    size_t start = out->len;
    buf_printf(out, "%s/%s", m->folder, relative);
    buf_append_byte(out, '\0');
    err e = check_place(m, name, (const char *)out->data + start, msg);
    if (e)
        out->len = start;
    return e;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

struct entries {
    char **names;
    size_t count, capacity;
};

/* The names in a folder in the order of their bytes. False: too many. */
static bool list_folder(DIR *dir, struct entries *out)
{
    for (struct dirent *entry; (entry = readdir(dir)) && out->count <= FOLDER_ENTRIES_MAX;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        out->names = xgrow(out->names, &out->capacity, out->count + 1, sizeof(*out->names));
        out->names[out->count++] = xstrdup(entry->d_name);
    }
    if (out->count)
        qsort(out->names, out->count, sizeof(*out->names), compare_names);
    return out->count <= FOLDER_ENTRIES_MAX;
}

static DIR *open_folder(int parent, const char *name)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir && fd >= 0)
        close(fd);
    return dir;
}

static void entries_release(struct entries *e)
{
    for (size_t i = 0; i < e->count; i++)
        free(e->names[i]);
    free(e->names);
}

static err digest_path(int parent, const char *name, int depth, struct digester *d,
                       struct errmsg *msg);

static err digest_folder(int parent, const char *name, int depth, struct digester *d,
                         struct errmsg *msg)
{
    struct entries entries = { 0 };
    DIR *dir = depth < FOLDER_DEPTH_MAX ? open_folder(parent, name) : NULL;
    err e = OK;
    if (!dir || !list_folder(dir, &entries))
        e = err_say(msg, ERR_LIMIT,
                    "the folder '%s' cannot be listed: unreadable, deeper than %d folders, or with "
                    "more than %d entries",
                    name, FOLDER_DEPTH_MAX, FOLDER_ENTRIES_MAX);
    digester_add_u64(d, entries.count);
    for (size_t i = 0; i < entries.count && !e; i++)
        e = digest_path(dirfd(dir), entries.names[i], depth + 1, d, msg);
    if (dir)
        closedir(dir);
    entries_release(&entries);
    return e;
}

/* Name and size of one file, or of all in a folder. */
static err digest_path(int parent, const char *name, int depth, struct digester *d,
                       struct errmsg *msg)
{
    struct stat st;
    digester_add_str(d, name);
    if (fstatat(parent, name, &st, 0) != 0) {
        digester_add_str(d, "missing");
        return OK;
    }
    if (S_ISDIR(st.st_mode))
        return digest_folder(parent, name, depth, d, msg);
    digester_add_u64(d, (uint64_t)st.st_size);
    return OK;
}

static err digest_name(const struct gb_media *m, const json_t *value, struct digester *d,
                       struct errmsg *msg)
{
    const char *name = json_string_value(value);
    char relative[PATH_MAX];
    struct stat st;
    if (!name)
        return OK; /* the annotation's bytes are in the digest; gb_media_resolve complains */
    if (!stays_inside(name) || !find(m, name, relative, &st)) {
        digester_add_str(d, "missing");
        return OK;
    }
    return digest_path(m->folder_fd, relative, 0, d, msg);
}

static err digest_object(const struct gb_media *m, json_t *object, struct digester *d,
                         struct errmsg *msg)
{
    const char *key;
    json_t *value;
    err e = OK;
    json_object_foreach(object, key, value)
    {
        if (e || gb_field_of(m->modality, key) == GB_PLAIN)
            continue;
        if (!json_is_array(value))
            e = digest_name(m, value, d, msg);
        for (size_t i = 0; i < json_array_size(value) && !e; i++)
            e = digest_name(m, json_array_get(value, i), d, msg);
    }
    return e;
}

err gb_media_digest(const struct gb_media *m, const json_t *item, struct digester *d,
                    struct errmsg *msg)
{
    err e = digest_object(m, json_object_get(item, "input"), d, msg);
    return e ? e : digest_object(m, json_object_get(item, "output"), d, msg);
}
