/* Shared by the files behind spec.h, and by nothing else. */
#ifndef MUSTER_COORDINATOR_SPEC_SPEC_PRIVATE_H
#define MUSTER_COORDINATOR_SPEC_SPEC_PRIVATE_H

#include "common/map.h"
#include "coordinator/spec/spec.h"

/* What is at hand while a file is read. Each reader below reports what is wrong and goes on. */
struct loader {
    struct yaml_doc doc;
    struct spec *spec;
    struct map suite_names, model_names; /* text_key -> the yaml_node that has the name */
};

/* spec.c */

/* A name of letters, digits and `punctuation`, that no other one of its kind has (`taken`; NULL:
 * any). True if it can be used. */
bool spec_read_name(struct loader *l, const struct yaml_node *node, const char *punctuation,
                    struct map *taken, const char **out);
void spec_read_globs(struct loader *l, const struct yaml_node *node, struct spec_globs *out);
/* A path that must exist, made absolute. */
void spec_read_path(struct loader *l, const struct yaml_node *node, const char **out);
/* folder/name, or name if it is absolute. In the arena. */
const char *spec_absolute(struct loader *l, const char *name);
void *spec_alloc(struct loader *l, size_t bytes);

/* spec_command.c */
void spec_read_command(struct loader *l, const struct yaml_node *node, struct spec_command *out);

/* spec_suite.c, spec_model.c */
void spec_read_suite(struct loader *l, const struct yaml_node *node, struct spec_suite *out);
void spec_read_model(struct loader *l, const struct yaml_node *node, struct spec_model *out);

#endif
