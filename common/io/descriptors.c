#include "common/io/descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

err descriptors_raise(unsigned needed, struct errmsg *msg)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return err_say(msg, ERR_IO, "cannot read the limit of open files: %s", strerror(errno));
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit); /* then with what there is */
    if (limit.rlim_max >= needed)
        return OK;
    return err_say(
        msg, ERR_LIMIT,
        "this process may have %llu open files and sockets, and needs at least %u: raise "
        "the limit (ulimit -n)",
        (unsigned long long)limit.rlim_max, needed);
}

void descriptors_fill(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0) /* becomes fd, the lowest that is free; children inherit it */
            (void)open("/dev/null", fd == STDOUT_FILENO ? O_RDONLY : O_RDWR);
}
