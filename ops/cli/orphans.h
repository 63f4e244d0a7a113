/* What a child that died left behind. A worker that is killed takes its models with it, but not
 * what those had started; it would hold memory and GPUs until somebody notices. */
#ifndef MUSTER_OPS_CLI_ORPHANS_H
#define MUSTER_OPS_CLI_ORPHANS_H

#include "ops/cli/children.h"

/* From now on orphans among our descendants become our children. Before the first child. */
void orphans_adopt(void);
/* Kill all that belong to none of the running children. True while somebody is left: call it again
 * after a moment. */
bool orphans_end(const struct children *c);

#endif
