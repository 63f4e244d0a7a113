/* One line an event: wall time, level, event name, key=value. Levels: error (a person must act),
 * warn (we coped), info (life cycle), debug. Values from outside are made safe for terminals. */
#ifndef MUSTER_COMMON_IO_LOG_H
#define MUSTER_COMMON_IO_LOG_H

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* path NULL: stderr. Lines are appended, each with one write(2). Not thread safe: loop thread. */
int log_open(const char *path, enum log_level level); /* 0, or -1 and errno */
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)

#endif
