/* muster-launch: what uv_spawn cannot do between fork and exec. The worker starts it, it sets up
 * its own process and becomes the model. */
#include "worker/launch/options.h"
#include "worker/launch/steps.h"

#include <stdio.h>

int main(int argc, char **argv)
{
    struct launch_options options;
    char problem[256];
    if (!options_parse(argc, argv, &options, problem, sizeof problem))
        step_fail(LAUNCH_EXIT_CANNOT, "%s", problem);
    if (options.help) {
        fputs(options_usage, stdout);
        return 0;
    }

    step_die_with_parent(options.ppid); /* first: from here on nobody is left behind */
    step_own_session();
    step_mark();
    step_cpus(&options.cpus);
    step_memory_nodes(&options.nodes, options.strict_nodes);
    if (options.has_nice)
        step_nice(options.nice);
    step_descriptors(); /* before the limits: /proc may have to be read */
    for (size_t i = 0; i < options.limit_count; i++)
        step_limit(&options.limits[i]);
    step_folder(options.cwd);
    step_no_new_privileges();
    step_signals();
    step_become(options.command);
}
