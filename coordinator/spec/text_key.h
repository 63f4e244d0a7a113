/* A text as the id of a map (common/map.h). Two texts may share one: compare them as well where
 * that would do harm. */
#ifndef MUSTER_COORDINATOR_SPEC_TEXT_KEY_H
#define MUSTER_COORDINATOR_SPEC_TEXT_KEY_H

#include "common/digest.h"

static inline uint64_t text_key(const char *text)
{
    struct digest d = digest_of(span_str(text));
    uint64_t key;
    memcpy(&key, d.bytes, sizeof(key));
    return key ? key : 1; /* 0 is no id */
}

#endif
