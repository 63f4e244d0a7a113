#include "worker/host/host.h"

#include <stdlib.h>

#include "common/check.h"
#include "worker/host/adapters.h"

void host_family_release(struct host_family *family)
{
    free(family->pids);
    *family = (struct host_family){ 0 };
}

err host_open(const struct host_config *config, struct host **out, struct errmsg *msg)
{
    static const struct host_adapter *const adapters[HOST_KIND_COUNT] = {
        [HOST_EXEC] = &host_exec,
        [HOST_SIM] = &host_sim,
    };
    const struct host_adapter *adapter = adapters[config->model->host];
    err e = adapter->open(config, out, msg);
    if (e == OK)
        check((*out)->adapter == adapter);
    return e;
}

void host_request(struct host *h, const struct host_request *r)
{
    h->adapter->request(h, r);
}

void host_answer(struct host *h, const struct host_request *r, struct host_reply *out)
{
    check(h->adapter->answer); /* its hello said that it takes runs */
    h->adapter->answer(h, r, out);
}

void host_close(struct host *h)
{
    h->adapter->close(h);
}

void host_kill(struct host *h)
{
    h->adapter->kill(h);
}
