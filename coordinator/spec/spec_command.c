/* Commands: which words are files, and whether there is a program to start. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coordinator/spec/spec_private.h"

static bool is_regular(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static bool is_program(const char *path)
{
    return is_regular(path) && access(path, X_OK) == 0;
}

static bool is_in_path(struct loader *l, const char *word)
{
    const char *at = l->doc.env(l->doc.env_owner, "PATH");
    while (at && *at) {
        size_t len = strcspn(at, ":");
        const char *candidate = arena_format(&l->spec->arena, "%.*s/%s", (int)len, at, word);
        if (len > 0 && is_program(candidate))
            return true;
        at += len + (at[len] == ':');
    }
    return false;
}

/* The word to start; after a problem, the word as it is. */
static const char *find_program(struct loader *l, const struct yaml_node *node, const char *word)
{
    const char *path = spec_absolute(l, word);
    bool has_slash = strchr(word, '/') != NULL;
    if (is_program(path))
        return word[0] == '/' ? word : path;
    if (!has_slash && *word && is_in_path(l, word))
        return word; /* each worker finds its own */
    if (is_regular(path)) {
        yaml_problem(&l->doc, node,
                     "\"%s\" is not executable; make it so (chmod +x), or name its interpreter "
                     "before it",
                     path);
    } else {
        yaml_problem(&l->doc, node, "found no program \"%s\": looked for %s%s", word, path,
                     has_slash ? "" : ", and in PATH");
    }
    return word;
}

/* The first word behind an interpreter: the script. If it looks like one it has to be there; a typo
 * would else be found only when each worker fails to load the model. */
static bool is_script(const char *word)
{
    const char *dot = strrchr(word, '.');
    return word[0] != '-' && dot && (strcmp(dot, ".py") == 0 || strcmp(dot, ".sh") == 0);
}

static const char *resolve(struct loader *l, const struct yaml_node *list, size_t i,
                           const char *word)
{
    const struct yaml_node *node = list->entries[i].node;
    if (i == 0)
        return find_program(l, node, word);
    if (*word == '\0')
        return word;
    const char *path = spec_absolute(l, word);
    if (is_regular(path))
        return word[0] == '/' ? word : path;
    if (i == 1 && is_script(word))
        yaml_problem(&l->doc, node, "there is no file \"%s\"", path);
    return word;
}

void spec_read_command(struct loader *l, const struct yaml_node *node, struct spec_command *out)
{
    const char *const *written;
    size_t count;
    if (!yaml_texts(&l->doc, node, "a list of words, the program first", MODEL_WORDS_MAX, &written,
                    &count))
        return;
    const char **words = spec_alloc(l, count * sizeof(*words));
    for (size_t i = 0; i < count; i++)
        words[i] = resolve(l, node, i, written[i]);
    *out = (struct spec_command){ written, words, count };
}
