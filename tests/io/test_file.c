/* Files, locks and the log, in a folder of their own. */
#include "tests/lib/test.h"

#include <dirent.h>
#include <errno.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io/clock.h"
#include "common/io/file.h"
#include "common/io/log.h"

struct folder {
    char *dir;
    char path[600]; /* of the file last named by in() */
};

static int make_folder(void **state)
{
    struct folder *f = calloc(1, sizeof(*f));
    f->dir = test_dir();
    *state = f;
    return 0;
}

static int remove_folder(void **state)
{
    struct folder *f = *state;
    test_rm_rf(f->dir);
    free(f);
    return 0;
}

static const char *in(struct folder *f, const char *name)
{
    (void)snprintf(f->path, sizeof(f->path), "%s/%s", f->dir, name);
    return f->path;
}

static unsigned entries(const char *dir)
{
    DIR *d = opendir(dir);
    assert_non_null(d);
    unsigned count = 0;
    for (const struct dirent *e = readdir(d); e; e = readdir(d))
        count += e->d_name[0] != '.' || strlen(e->d_name) > 2;
    (void)closedir(d);
    return count;
}

static void assert_content(const char *path, const char *content)
{
    struct buf b = { 0 };
    struct errmsg msg;
    assert_int_equal(file_read(path, 1 << 20, &b, &msg), OK);
    assert_string_equal(buf_cstr(&b), content);
    buf_release(&b);
}

static void what_is_written_can_be_read(void **state)
{
    struct folder *f = *state;
    struct errmsg msg;
    const char *path = in(f, "a");
    assert_int_equal(file_write_atomic(path, span_str("old"), 0600, &msg), OK);
    assert_int_equal(file_write_atomic(path, span_str("newer"), 0640, &msg), OK);
    assert_content(path, "newer");
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777 & ~0640u, 0); /* no wider than asked for */
    assert_int_equal(entries(f->dir), 1);            /* no temporary file is left */
}

static void reading_appends_and_respects_the_limit(void **state)
{
    struct folder *f = *state;
    struct errmsg msg;
    const char *path = in(f, "a");
    assert_int_equal(file_write_atomic(path, span_str("12345"), 0600, &msg), OK);
    struct buf b = { 0 };
    buf_append_str(&b, "x");
    assert_int_equal(file_read(path, 4, &b, &msg), ERR_LIMIT);
    assert_non_null(strstr(msg.text, path));
    assert_string_equal(buf_cstr(&b), "x"); /* as it was */
    assert_int_equal(file_read(path, 5, &b, &msg), OK);
    assert_string_equal(buf_cstr(&b), "x12345");
    buf_release(&b);
}

/* The size that stat gives is only a hint: files of /proc have none, others grow. */
static void a_file_without_a_size_is_read_to_its_end(void **state)
{
    (void)state;
    struct buf b = { 0 };
    struct errmsg msg;
    assert_int_equal(file_read("/proc/self/status", 1 << 20, &b, &msg), OK);
    assert_true(b.len > 100);
    buf_clear(&b);
    assert_int_equal(file_read("/proc/self/status", 10, &b, &msg), ERR_LIMIT);
    assert_int_equal(b.len, 0);
    buf_release(&b);
}

static void what_cannot_be_read_is_named(void **state)
{
    struct folder *f = *state;
    struct buf b = { 0 };
    struct errmsg msg;
    assert_int_equal(file_read(in(f, "none"), 10, &b, &msg), ERR_NOT_FOUND);
    assert_non_null(strstr(msg.text, f->path));
    assert_int_equal(file_read(f->dir, 10, &b, &msg), ERR_INVALID);
    assert_int_equal(mkfifo(in(f, "fifo"), 0600), 0);
    assert_int_equal(file_read(f->path, 10, &b, &msg), ERR_INVALID); /* and does not wait */
    assert_non_null(strstr(msg.text, "not a regular file"));
    assert_null(b.data);
}

static void die_while_writing(const char *path)
{
    static const char large[8192];
    (void)setrlimit(RLIMIT_CORE, &(struct rlimit){ 0 });
    (void)setrlimit(RLIMIT_FSIZE, &(struct rlimit){ 4096, 4096 });
    (void)signal(SIGXFSZ, SIG_DFL);
    (void)file_write_atomic(path, span_of(large, sizeof(large)), 0600, NULL);
    _exit(0);
}

static void what_a_killed_write_left_is_removed_and_nothing_else(void **state)
{
    static const char *const others[] = { "mine.tmp", "a.0123.tmp", "a.0123456789ABCDEF.tmp",
                                          ".0123456789abcdef.tmp", "a.0123456789abcdef.txt" };
    struct folder *f = *state;
    pid_t writer = fork();
    assert_true(writer >= 0);
    if (writer == 0)
        die_while_writing(in(f, "a"));
    int how;
    assert_int_equal(waitpid(writer, &how, 0), writer);
    assert_true(WIFSIGNALED(how));
    assert_int_equal(entries(f->dir), 1);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(file_write_atomic(in(f, others[i]), span_str("x"), 0600, NULL), OK);
    file_remove_unfinished(f->dir);
    assert_int_equal(entries(f->dir), 5);
    for (size_t i = 0; i < 5; i++)
        assert_content(in(f, others[i]), "x");
    file_remove_unfinished(in(f, "absent")); /* there is nothing to remove */
}

static void put_old(const char *path, int64_t age_s)
{
    const struct timespec at = { .tv_sec = (time_t)(clock_wall_ms() / 1000 - age_s) };
    const struct timespec times[2] = { at, at };
    assert_int_equal(file_write_atomic(path, span_str("x"), 0600, NULL), OK);
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* Who writes takes no lock: what is young may be in use. */
static void an_unfinished_file_is_abandoned_when_nobody_wrote_to_it_for_an_hour(void **state)
{
    struct folder *f = *state;
    put_old(in(f, "a.0123456789abcdef.tmp"), 3700);
    put_old(in(f, "a.1123456789abcdef.tmp"), 3500);
    put_old(in(f, "ba.0123456789abcdef.tmp"), 3700);
    put_old(in(f, "a.tmp"), 3700);
    file_remove_abandoned(f->dir, "a");
    assert_int_equal(entries(f->dir), 3);
    assert_false(file_exists(in(f, "a.0123456789abcdef.tmp")));
    file_remove_abandoned(f->dir, NULL);
    assert_int_equal(entries(f->dir), 2);
    assert_content(in(f, "a.1123456789abcdef.tmp"), "x");
    assert_content(in(f, "a.tmp"), "x");
}

static void a_failed_write_leaves_the_old_file(void **state)
{
    struct folder *f = *state;
    struct errmsg msg;
    const char *path = in(f, "a");
    assert_int_equal(file_write_atomic(path, span_str("old"), 0600, &msg), OK);

    struct rlimit before, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 4096; /* the disk is full after a page */
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    static const char large[10000];
    err e = file_write_atomic(path, span_of(large, sizeof(large)), 0600, &msg);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);

    assert_int_not_equal(e, OK);
    assert_non_null(strstr(msg.text, path));
    assert_content(path, "old");
    assert_int_equal(entries(f->dir), 1);
}

/* As root, an output to /dev/stdout would else put a file in the place of the link. */
static void what_is_no_regular_file_is_written_to_and_stays(void **state)
{
    struct folder *f = *state;
    struct errmsg msg = { "" };
    struct stat st;
    char link[700];
    (void)snprintf(link, sizeof(link), "%s/link", f->dir);
    assert_int_equal(file_write_named(in(f, "real"), span_str("a longer one"), 0600, &msg), OK);
    assert_content(f->path, "a longer one");
    assert_int_equal(symlink("real", link), 0);
    assert_int_equal(file_write_named(link, span_str("short"), 0600, &msg), OK);
    assert_int_equal(lstat(link, &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_content(f->path, "short");
    assert_int_equal(file_write_named("/dev/null", span_str("x"), 0600, &msg), OK);
    assert_int_equal(stat("/dev/null", &st), 0);
    assert_true(S_ISCHR(st.st_mode));
    assert_int_equal(file_write_named("/dev/full", span_str("x"), 0600, &msg), ERR_FULL);
    assert_non_null(strstr(msg.text, "cannot write '/dev/full'"));
    assert_int_equal(file_write_named(f->dir, span_str("x"), 0600, &msg), ERR_INVALID);
}

static void a_folder_is_not_replaced_by_a_file(void **state)
{
    struct folder *f = *state;
    struct errmsg msg;
    assert_int_equal(file_make_dir(in(f, "d"), 0700, &msg), OK);
    assert_int_equal(file_write_atomic(f->path, span_str("x"), 0600, &msg), ERR_INVALID);
    assert_true(file_is_dir(f->path));
    assert_int_equal(entries(f->dir), 1);
    assert_int_equal(file_write_atomic(in(f, "no/such"), span_str("x"), 0600, &msg), ERR_NOT_FOUND);
    assert_non_null(strstr(msg.text, "no/such'")); /* and not the name of a temporary file */
}

static void a_folder_that_is_not_there_cannot_be_synced(void **state)
{
    struct folder *f = *state;
    struct errmsg msg;
    assert_int_equal(file_sync_dir(f->dir, &msg), OK);
    assert_int_equal(file_sync_dir(in(f, "none"), &msg), ERR_NOT_FOUND);
    assert_non_null(strstr(msg.text, f->path));
}

static void folders_are_made_with_their_parents(void **state)
{
    struct folder *f = *state;
    struct errmsg msg;
    const char *const names[] = { "a/b/c", "a/b/c", "a/b/d/", "a//e" };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_int_equal(file_make_dir(in(f, names[i]), 0700, &msg), OK);
        assert_true(file_is_dir(f->path));
    }
    assert_int_equal(file_write_atomic(in(f, "file"), span_str(""), 0600, &msg), OK);
    assert_int_equal(file_make_dir(f->path, 0700, &msg), ERR_EXISTS);
    assert_non_null(strstr(msg.text, f->path));
    assert_int_equal(file_make_dir(in(f, "file/below"), 0700, &msg), ERR_EXISTS);
    assert_int_equal(file_make_dir("", 0700, &msg), ERR_INVALID);
    assert_true(file_exists(in(f, "file")));
    assert_false(file_is_dir(f->path));
    assert_false(file_exists(in(f, "none")));
}

static void paths_are_joined_and_split(void **state)
{
    (void)state;
    const char *const joins[][3] = {
        { "a", "b", "a/b" }, { "a/", "b", "a/b" }, { "a", "/b", "/b" },
        { "/", "b", "/b" },  { "", "b", "b" },     { "a", "b/c", "a/b/c" },
    };
    for (size_t i = 0; i < sizeof(joins) / sizeof(joins[0]); i++) {
        char *joined = file_join(joins[i][0], joins[i][1]);
        assert_string_equal(joined, joins[i][2]);
        free(joined);
    }
    const char *const dirs[][2] = {
        { "a", "." },    { "a/b", "a" }, { "/a", "/" },  { "/", "/" },       { "a/b/", "a" },
        { "a//b", "a" }, { "", "." },    { "//a", "/" }, { "a/b/c", "a/b" }, { "a/", "." },
    };
    for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
        char *dir = file_dir_of(dirs[i][0]);
        assert_string_equal(dir, dirs[i][1]);
        free(dir);
    }
}

static void a_real_path_has_no_links(void **state)
{
    struct folder *f = *state;
    struct errmsg msg;
    char *dir = file_real(f->dir, &msg);
    assert_int_equal(symlink(".", in(f, "link")), 0);
    char *linked = file_real(f->path, &msg);
    assert_string_equal(linked, dir);
    assert_null(file_real(in(f, "none"), &msg));
    assert_non_null(strstr(msg.text, f->path));
    free(dir);
    free(linked);
}

static void the_program_knows_where_it_lies(void **state)
{
    (void)state;
    char *dir = file_program_dir();
    char *self = file_join(dir, "test_file");
    assert_int_equal(dir[0], '/');
    assert_true(file_exists(self));
    free(self);
    free(dir);
}

static void a_lock_is_exclusive_and_names_its_holder(void **state)
{
    struct folder *f = *state;
    struct errmsg msg;
    int first = -1, second = -1;
    const char *path = in(f, "lock");
    assert_int_equal(file_lock(path, &first, &msg), OK);
    assert_int_equal(file_lock(path, &second, &msg), ERR_BUSY);
    assert_int_equal(second, -1);
    char pid[32];
    (void)snprintf(pid, sizeof(pid), ": %ld ", (long)getpid());
    assert_non_null(strstr(msg.text, path));
    assert_non_null(strstr(msg.text, pid));
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);

    assert_int_equal(close(first), 0);
    assert_int_equal(file_lock(path, &second, &msg), OK);
    assert_true(fcntl(second, F_GETFD) & FD_CLOEXEC); /* no child keeps it */
    assert_int_equal(close(second), 0);
}

/* The message shows what another process wrote: it must not reach the terminal as it is. */
static void a_lock_shows_its_holder_safely(void **state)
{
    struct folder *f = *state;
    struct errmsg msg;
    int held = -1, other = -1;
    const char *path = in(f, "lock");
    assert_int_equal(file_lock(path, &held, &msg), OK);
    assert_int_equal(ftruncate(held, 0), 0);
    assert_int_equal(pwrite(held, "\x1B[2J1\n", 6, 0), 6);
    assert_int_equal(file_lock(path, &other, &msg), ERR_BUSY);
    assert_null(strchr(msg.text, '\x1B'));
    assert_non_null(strstr(msg.text, "\\x1B[2J1"));
    assert_int_equal(close(held), 0);
}

static void a_path_to_be_made_lies_where_its_parent_lies(void **state)
{
    struct folder *f = *state;
    struct errmsg msg;
    err here = file_refuse_network(f->dir, &msg);
    assert_int_equal(file_refuse_network(in(f, "not/there/yet"), &msg), here);
    assert_int_equal(file_refuse_network("/proc", &msg), OK); /* odd, but not a network */
}

/* Where a machine has a mount of these kinds, it is refused by name. */
static void network_mounts_are_refused(void **state)
{
    (void)state;
    FILE *mounts = fopen("/proc/mounts", "re");
    assert_non_null(mounts);
    char line[4096], path[1024], type[128];
    unsigned seen = 0;
    while (fgets(line, sizeof(line), mounts)) {
        if (sscanf(line, "%*s %1023s %127s", path, type) != 2)
            continue;
        bool network = strncmp(type, "nfs", 3) == 0 || strcmp(type, "9p") == 0 ||
                       strcmp(type, "lustre") == 0 || strcmp(type, "cifs") == 0;
        if (!network || strcmp(path, "/") == 0 || !file_is_dir(path))
            continue;
        struct errmsg msg;
        assert_int_equal(file_refuse_network(path, &msg), ERR_UNSUPPORTED);
        assert_non_null(strstr(msg.text, path));
        seen++;
    }
    (void)fclose(mounts);
    if (seen == 0)
        skip();
}

static void random_bytes_differ(void **state)
{
    (void)state;
    uint8_t a[1000] = { 0 }, b[1000] = { 0 };
    file_random(a, sizeof(a));
    file_random(b, sizeof(b));
    assert_memory_not_equal(a, b, sizeof(a));
    assert_memory_not_equal(a + 992, "\0\0\0\0\0\0\0\0", 8); /* filled to the end */
}

static void clocks_run_forward(void **state)
{
    (void)state;
    int64_t mono = clock_mono_ns(), boot = clock_boot_ns();
    assert_true(clock_mono_ns() >= mono && clock_boot_ns() >= boot);
    assert_true(clock_wall_ms() > INT64_C(1577836800000)); /* 2020 */
}

static void log_lines_are_single_safe_and_chosen_by_level(void **state)
{
    struct folder *f = *state;
    const char *path = in(f, "log");
    assert_int_equal(log_open(path, LOG_INFO), 0);
    log_info("worker_joined name=%s", "a\nb\x1B[31m");
    log_debug("not_shown");
    char *endless = calloc(1, 100001);
    memset(endless, 'x', 100000);
    log_error("endless text=%s", endless);
    free(endless);
    assert_int_equal(log_open(NULL, LOG_INFO), 0);
    log_debug("not_shown either");

    struct buf b = { 0 };
    assert_int_equal(file_read(path, 1 << 20, &b, NULL), OK);
    const char *text = buf_cstr(&b), *newline = strchr(text, '\n');
    assert_non_null(newline);
    /* 2024-01-31T12:00:00.000Z info worker_joined ... */
    assert_int_equal(text[10], 'T');
    assert_int_equal(text[23], 'Z');
    const char *expected = " info worker_joined name=a\\x0Ab\\x1B[31m\nYYYY";
    assert_memory_equal(text + 24, expected, strlen(expected) - 4);
    assert_memory_equal(newline + 25, " error endless text=xxx", 23);
    assert_in_range(b.len, 4000, 5000);
    assert_memory_equal(text + b.len - 4, "...\n", 4);
    buf_release(&b);
    assert_int_equal(log_open(in(f, "no/log"), LOG_INFO), -1);
    assert_int_equal(errno, ENOENT);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        TEST(what_is_written_can_be_read),
        TEST(reading_appends_and_respects_the_limit),
        TEST(a_file_without_a_size_is_read_to_its_end),
        TEST(what_cannot_be_read_is_named),
        TEST(what_a_killed_write_left_is_removed_and_nothing_else),
        TEST(an_unfinished_file_is_abandoned_when_nobody_wrote_to_it_for_an_hour),
        TEST(a_failed_write_leaves_the_old_file),
        TEST(what_is_no_regular_file_is_written_to_and_stays),
        TEST(a_folder_is_not_replaced_by_a_file),
        TEST(a_folder_that_is_not_there_cannot_be_synced),
        TEST(folders_are_made_with_their_parents),
        TEST(paths_are_joined_and_split),
        TEST(a_real_path_has_no_links),
        TEST(the_program_knows_where_it_lies),
        TEST(a_lock_is_exclusive_and_names_its_holder),
        TEST(a_lock_shows_its_holder_safely),
        TEST(a_path_to_be_made_lies_where_its_parent_lies),
        TEST(network_mounts_are_refused),
        TEST(random_bytes_differ),
        TEST(clocks_run_forward),
        TEST(log_lines_are_single_safe_and_chosen_by_level),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
