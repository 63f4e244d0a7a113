/* The words of the protocol's enums, for logs and for people. */
#include "proto/msg.h"

const char *msg_type_text(enum msg_type type)
{
    switch (type) {
#define X(name, value, text, sender)                                                               \
    case name: return text;
        MSG_LIST(X)
#undef X
    }
    return NULL;
}

char msg_sender(enum msg_type type)
{
    switch (type) {
#define X(name, value, text, sender)                                                               \
    case name: return sender;
        MSG_LIST(X)
#undef X
    }
    return 0;
}

const char *slot_state_text(enum slot_state s)
{
    static const char *const texts[] = {
#define X(name, text) text,
        SLOT_STATE_LIST(X)
#undef X
    };
    return s < SLOT_STATE_COUNT ? texts[s] : "?";
}

const char *ended_text(enum ended e)
{
    static const char *const texts[] = {
#define X(name, text) text,
        ENDED_LIST(X)
#undef X
    };
    return e < ENDED_COUNT ? texts[e] : "?";
}
