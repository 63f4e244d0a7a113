#include "common/io/parent.h"

#include <sys/prctl.h>
#include <unistd.h>

#include "common/check.h"

bool parent_tie(pid_t parent)
{
    check(prctl(PR_SET_PDEATHSIG, PARENT_ENDED) == 0);
    return parent == 0 || getppid() == parent; /* else it ended before we asked */
}
