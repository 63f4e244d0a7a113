/* Between the wire and the agent: messages become events. Pure; live and in the simulation. */
#ifndef MUSTER_WORKER_TRANSLATE_H
#define MUSTER_WORKER_TRANSLATE_H

#include "proto/definition/definition.h"
#include "worker/agent/event.h"

/* False: the message is none of the agent's (definitions; a rejection that is not about the
 * session). A grant lacks its needs and its refusal: see translate_needs. Borrows from m. */
bool translate_message(const struct msg *m, struct agent_event *out);

struct agent_needs translate_needs(const struct model_definition *model);

#endif
