/* Bounded reading of MessagePack, before anything is unpacked. A five-byte frame can declare four
 * billion elements; a library that believes it reserves gigabytes. So every frame is walked first:
 * each declared count must fit into the bytes that are left, depth and node count are bounded. The
 * walk also finds where the body ends. */
#ifndef MUSTER_PROTO_WIRE_H
#define MUSTER_PROTO_WIRE_H

#include "common/err.h"
#include "common/span.h"
#include "proto/msg.h"

/* The most bytes that a frame of this type may have, its head included. */
size_t wire_frame_bytes_max(enum msg_type type);

/* What a walk found. */
struct wire_body {
    size_t len;
    uint32_t values; /* the array, and all that is in it */
};

/* The body that `bytes` begin with; what is behind it is not looked at. ERR_INVALID: it is not a
 * well-formed array within MESSAGE_DEPTH_MAX and MESSAGE_NODES_MAX. Maps and extension types do not
 * occur in the protocol and are refused. type: for messages. */
err wire_scan(struct span bytes, const char *type, struct wire_body *out, struct errmsg *msg);

#endif
