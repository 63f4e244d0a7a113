/* What every test program includes first: cmocka, a folder of its own for tests with files, and a
 * way to say that something must end the process. */
#ifndef MUSTER_TESTS_LIB_TEST_H
#define MUSTER_TESTS_LIB_TEST_H

/* cmocka.h needs these in front. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <sys/wait.h>
#include <unistd.h>

/* A fresh folder (mode 0700), for test_rm_rf. */
static inline char *test_dir(void)
{
    const char *parent = getenv("TMPDIR");
    char path[512];
    int len = snprintf(path, sizeof(path), "%s/muster-test-XXXXXX", parent ? parent : "/tmp");
    assert_true(len > 0 && (size_t)len < sizeof(path));
    assert_non_null(mkdtemp(path));
    char *dir = strdup(path);
    assert_non_null(dir);
    return dir;
}

static inline int test_rm_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
    (void)st;
    (void)type;
    (void)walk;
    return remove(path);
}

/* Removes the folder with all that is in it, and frees the name. */
static inline void test_rm_rf(char *dir)
{
    assert_int_equal(nftw(dir, test_rm_one, 16, FTW_DEPTH | FTW_PHYS), 0);
    free(dir);
}

/* Whether the process would end by check() in f. */
static inline bool test_aborts(void (*f)(void))
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);
        (void)dup2(quiet, STDERR_FILENO); /* the message is expected */
        (void)signal(SIGABRT, SIG_DFL);
        f();
        _exit(0);
    }
    int wait_status = 0;
    assert_int_equal(waitpid(child, &wait_status, 0), child);
    return WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGABRT;
}

/* Where the reference data of the tests lies. Tests that need it begin with test_need_shared. */
static inline const char *test_shared(void)
{
    const char *path = getenv("MUSTER_SHARED");
    return path ? path : "../shared";
}

static inline void test_need_shared(void)
{
    if (access(test_shared(), R_OK) != 0)
        skip(); /* a checkout by itself: the data come beside it */
}

#endif
