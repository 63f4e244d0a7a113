/* The only clock. Pure code gets its time as an argument. */
#ifndef MUSTER_COMMON_IO_CLOCK_H
#define MUSTER_COMMON_IO_CLOCK_H

#include <stdint.h>

int64_t clock_mono_ns(void); /* for deadlines: CLOCK_MONOTONIC */
int64_t clock_boot_ns(void); /* CLOCK_BOOTTIME: also runs while the machine is suspended */
int64_t clock_wall_ms(void); /* for people: ms since 1970 */
int64_t clock_cpu_ns(void);  /* for benchmarks: that this thread has had a core */

#endif
