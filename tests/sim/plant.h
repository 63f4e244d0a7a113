/* Bugs that can be planted at the joints of the simulation, to see whether it finds them. The code
 * under test is never touched by these; tests/sim/plants/ holds patches that do.
 *
 * To add one: a line here, and the place where it shows asks is_planted. */
#ifndef MUSTER_TESTS_SIM_PLANT_H
#define MUSTER_TESTS_SIM_PLANT_H

/* X(name, text, what the shell does wrong) */
#define PLANT_LIST(X)                                                                              \
    X(PLANT_NONE, "none", "nothing")                                                               \
    X(PLANT_ACK_EARLY, "ack-early", "says what a turn says before its commit")                     \
    X(PLANT_EPOCH_SAME, "epoch-same", "does not raise the epoch at a restart")                     \
    X(PLANT_REACK_DROPPED, "reack-dropped", "does not acknowledge a repetition")                   \
    X(PLANT_COMMIT_TWICE, "commit-twice", "applies a batch again when a restart finds it")         \
    X(PLANT_COMMIT_LOST, "commit-lost", "says a commit is done that is not, now and then")         \
    X(PLANT_STRIKES_FORGOTTEN, "strikes-forgotten", "restores no strikes")                         \
    X(PLANT_STRIKES_RAISED, "strikes-raised", "restores one strike too many")                      \
    X(PLANT_ROW_FORGOTTEN, "row-forgotten", "restores an ended instance as open")                  \
    X(PLANT_FAILURES_FORGOTTEN, "failures-forgotten", "restores no count of failures")             \
    X(PLANT_FILTER_IGNORED, "filter-ignored", "records the whole block, whatever is to be kept")   \
    X(PLANT_BEATS_WITHHELD, "beats-withheld", "keeps beats from the core")                         \
    X(PLANT_TIME_WITHHELD, "time-withheld", "keeps the time from the core: nothing expires")       \
    X(PLANT_REVOKE_IGNORED, "revoke-ignored", "keeps revocations from the agent")                  \
    X(PLANT_DRAIN_IGNORED, "drain-ignored", "keeps the order to drain from the agent")             \
    X(PLANT_CRASH_AS_OK, "crash-as-ok", "tells of a host's crash as an answer")                    \
    X(PLANT_ACK_ALL, "ack-all", "forgets everything at any acknowledgement")                       \
    X(PLANT_RESEND_IGNORED, "resend-ignored", "does not send again what is not acknowledged")      \
    X(PLANT_HELLO_SEQ, "hello-seq", "announces the next message instead of the first unacked one") \
    X(PLANT_ANSWERS_SWAPPED, "answers-swapped", "gives an answer to the request beside it")        \
    X(PLANT_BLAME_ALL, "blame-all", "tells that each request crashed when the host did")

enum plant {
#define X(name, text, wrong) name,
    PLANT_LIST(X)
#undef X
        PLANT_COUNT
};

#endif
