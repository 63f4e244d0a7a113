/* Inside the shim. */
#ifndef MUSTER_TESTS_FAULT_SHIM_PRIVATE_H
#define MUSTER_TESTS_FAULT_SHIM_PRIVATE_H

#include "tests/fault/shim.h"

enum { SHIM_NAME_BYTES = 512 };

/* A call that is about to be made. name[0] == 0: it is none of ours. */
struct shim_call {
    const char *call;
    char name[SHIM_NAME_BYTES]; /* below `under`, as it is on disk */
    enum shim_deed deed;        /* what is left to be done with it */
};

/* shim_plan.c */
void shim_of_fd(struct shim_call *c, const char *call, int fd);
void shim_of_path(struct shim_call *c, const char *call, const char *path);
void shim_of_socket(struct shim_call *c, const char *call);
/* Decides, and kills right away if so. True: the call is not to be made, errno says why. */
bool shim_enter(struct shim_call *c);
/* After the call, or after half of it. */
void shim_leave(const struct shim_call *c);
const struct shim_plan *shim_plan_now(void);
void shim_append(const char *path, const void *bytes, size_t len);
void shim_count_map(void);
void shim_count_deed(void); /* here, and in `hits` */
bool shim_is_used_up(void); /* `times` deeds were done, by whatever process */

/* shim_world.c: a file with the seconds that the wall clock is ahead; "no": locks are always given.
 * NULL: as it is. */
void shim_world_set(const char *clock, const char *locks);

/* shim_record.c; errno stays as it is. */
struct iovec;
void shim_record_write(const struct shim_call *c, int fd, const struct iovec *parts, int count,
                       int64_t at, size_t len);
void shim_record_size(const struct shim_call *c, int fd, int64_t size, bool may_shrink);
void shim_record_sync(const struct shim_call *c, int fd);
void shim_record_create(const struct shim_call *c, int fd, bool is_new);
void shim_record_mkdir(const struct shim_call *c);
void shim_record_rename(const struct shim_call *c, const char *to);
void shim_record_unlink(const struct shim_call *c);

#endif
