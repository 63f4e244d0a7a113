/* Shared by the files behind yaml_doc.h, and by nothing else. */
#ifndef MUSTER_COORDINATOR_SPEC_YAML_PRIVATE_H
#define MUSTER_COORDINATOR_SPEC_YAML_PRIVATE_H

#include "coordinator/spec/yaml_doc.h"

/* yaml_expand.c */

/* The text of a scalar with its variables filled in; the text itself where there are none. NULL
 * after a problem: a variable that is unset and has no default, or a ${ that is not understood. */
const char *yaml_expand(struct yaml_doc *doc, const struct yaml_node *scalar);

/* yaml_say.c */

/* A plain scalar that stands for no value: empty, ~ or null. text: expanded. */
bool yaml_is_nothing(const struct yaml_node *scalar, const char *text);
/* "expected ..., found ...". text: of a scalar, expanded; unused for lists and mappings. */
void yaml_wrong(struct yaml_doc *doc, const struct yaml_node *node, const char *text,
                const char *expected);
/* As yaml_problem, at another line of the file. */
void yaml_problem_at(struct yaml_doc *doc, const struct yaml_node *node, uint32_t line,
                     const char *sentence);
/* In quotes, and not too long. In the arena. */
const char *yaml_quoted(struct yaml_doc *doc, const char *text);

#endif
