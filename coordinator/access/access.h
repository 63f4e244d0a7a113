/* Who may connect over TCP: the coordinator's keys, the allow list in force, and the answers to
 * ZeroMQ when a peer knocks (ZAP, on a thread of its own: a busy loop must not keep anybody waiting
 * at the door, and while nobody answers, nobody gets in).
 *
 * CURVE proves that a peer holds its key; what the key may do is decided here, twice: at the
 * handshake, and again for each message, since a connection may outlive its line in the list. */
#ifndef MUSTER_COORDINATOR_ACCESS_ACCESS_H
#define MUSTER_COORDINATOR_ACCESS_ACCESS_H

#include "common/io/key.h"

struct access;

/* dir: the folder of keys (keys.h), made if need be. The handler answers once this returns: before
 * any endpoint with keys is bound. */
err access_open(void *zmq_context, const char *dir, struct access **out, struct errmsg *msg);
/* Before the context ends; NULL is fine. */
void access_close(struct access *a);

/* The coordinator's own key: to bind with. Borrowed. */
const struct key_file *access_key(const struct access *a);

/* What ZAP is asked about at an endpoint for peers of this role. */
const char *access_domain(enum key_role role);

/* A holder, as messages name it (zpeer.user): a number, from 1, that stays with its public key
 * while the process lives. 0: no such text. */
uint32_t access_holder(const char *user);
/* Whether this holder's key is in the list with this role, now. */
bool access_allows(const struct access *a, uint32_t holder, enum key_role role);
/* Its name in the list; "" if it never was there. Borrowed until the next reload. */
const char *access_name(const struct access *a, uint32_t holder);

/* Read the allow list again. After a failure the list in force stays. */
struct access_change {
    size_t allowed, added, removed; /* keys; changed roles and names count as neither */
};
err access_reload(struct access *a, struct access_change *out, struct errmsg *msg);

/* Peers that were turned away since the last call, and the last of them. */
struct access_refusals {
    uint64_t count;
    char address[64];
    char public_key[KEY_TEXT_BYTES];
    const char *why; /* static */
};
void access_refusals(struct access *a, struct access_refusals *out);

#endif
