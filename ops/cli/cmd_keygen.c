/* muster keygen: a key for a worker or an operator on another machine. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/io/file.h"
#include "common/mem.h"
#include "coordinator/access/keys.h"
#include "coordinator/exit_code.h"
#include "ops/cli/commands.h"
#include "ops/cli/common.h"

static const char HELP[] =
    "Usage: muster keygen NAME --state DIR [--role ROLE] [--out FILE]      where the coordinator "
    "is\n"
    "       muster keygen NAME --coordinator KEY [--role ROLE] [--out FILE]     anywhere else\n"
    "\n"
    "Makes a key for a worker or an operator of that name, as FILE, mode 0600. For muster-worker\n"
    "--key and muster status --key. Secrets are never printed.\n"
    "\n"
    "With --state (or --keys), the key is put into the coordinator's allow list at once; a "
    "running\n"
    "coordinator reads it when it is sent SIGHUP. Elsewhere, so that the secret never travels, "
    "the\n"
    "line that belongs into that list is printed.\n"
    "\n"
    "  --role ROLE        worker (the default) or operator\n"
    "  --state DIR        the sweep's state folder; its keys are in DIR/keys\n"
    "  --keys DIR         the folder of keys, if it is another one\n"
    "  --coordinator KEY  the public key of the coordinator: the line in keys/coordinator.pub\n"
    "  --out FILE         (NAME.key: with --state in the folder of keys, else here)\n"
    "  --help\n"
    "\n"
    "Exit: 0 made; 2 bad input, or the file or the name is there already.\n";

struct keygen {
    enum key_role role;
    const char *name, *state, *keys, *coordinator, *out;
};

/* What is mistyped would become a folder of keys with a coordinator's key that no coordinator has.
 */
static err check_folders(const struct keygen *k, struct errmsg *msg)
{
    if (k->state && !file_is_dir(k->state))
        return err_say(msg, ERR_NOT_FOUND, "%s: no such state folder", k->state);
    if (k->keys && !file_is_dir(k->keys))
        return err_say(
            msg, ERR_NOT_FOUND,
            "%s: no such folder of keys; muster run --listen --keys makes it, or mkdir -m "
            "700 before",
            k->keys);
    return OK;
}

/* Where the coordinator is: made, and allowed. */
static err issue_here(const struct keygen *k, struct errmsg *msg)
{
    char *dir = keys_dir(k->keys, k->state);
    char *file = xformat("%s.key", k->name);
    char *path = k->out ? xstrdup(k->out) : keys_path(dir, file);
    err e = check_folders(k, msg);
    if (e == OK)
        e = keys_issue(dir, k->role, k->name, path, msg);
    if (e == OK)
        printf("%s: the key of %s %s, allowed in %s/allowed\n"
               "A coordinator that runs reads the list when it is sent SIGHUP.\n",
               path, key_role_text(k->role), k->name, dir);
    free(path);
    free(file);
    free(dir);
    return e;
}

/* One at a time: of two that find no file yet the later would replace the key that the earlier was
 * told to be allowed. -1: a folder that cannot be opened, or on a file system without locks; then
 * that is up to people. */
static int lock_folder_of(const char *path)
{
    char *dir = file_dir_of(path);
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (fd >= 0 && flock(fd, LOCK_EX) != 0 && errno == EINTR)
        ;
    free(dir);
    return fd;
}

/* Elsewhere: the coordinator is told by hand. */
static err make_there(const struct keygen *k, struct errmsg *msg)
{
    struct key_file key;
    char *path = k->out ? xstrdup(k->out) : xformat("%s.key", k->name);
    key_make(k->role, k->name, &key);
    memcpy(key.coordinator, k->coordinator, KEY_TEXT_BYTES);
    int lock = lock_folder_of(path);
    err e = key_write(path, &key, msg);
    if (lock >= 0)
        (void)close(lock); /* nothing was written through it */
    if (e == OK)
        printf("%s %s %s\n", key_role_text(key.role), key.name, key.public_key);
    key_forget(&key);
    if (e == OK)
        fprintf(stderr,
                "%s is made. Append the line above to the coordinator's keys/allowed, and send it "
                "SIGHUP.\n",
                path);
    free(path);
    return e;
}

static int check_options(const struct keygen *k)
{
    if (!key_name_is_valid(span_str(k->name)))
        return say_error("keygen", EXIT_BAD_INPUT,
                         "\"%s\": expected a name of up to %d letters, digits, \".\", \"_\", \"-\"",
                         k->name, KEY_NAME_BYTES_MAX);
    if ((k->state || k->keys) == (k->coordinator != NULL))
        return say_error("keygen", EXIT_BAD_INPUT,
                         "expected --state DIR where the coordinator is, or --coordinator KEY "
                         "elsewhere; see --help");
    if (k->coordinator && !key_is_valid(span_str(k->coordinator)))
        return say_error("keygen", EXIT_BAD_INPUT,
                         "--coordinator: expected the 40 characters of its keys/coordinator.pub");
    return 0;
}

static int parse(int argc, char **argv, struct keygen *k)
{
    enum { ROLE = 256, STATE, KEYS, COORDINATOR, OUT, HELP_OPTION };
    static const struct option options[] = {
        { "role", required_argument, NULL, ROLE },
        { "state", required_argument, NULL, STATE },
        { "keys", required_argument, NULL, KEYS },
        { "coordinator", required_argument, NULL, COORDINATOR },
        { "out", required_argument, NULL, OUT },
        { "help", no_argument, NULL, HELP_OPTION },
        { NULL, 0, NULL, 0 },
    };
    int option;
    while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
        switch (option) {
        case ROLE:
            if (!key_role_parse(span_str(optarg), &k->role) || k->role == KEY_COORDINATOR)
                return say_error("keygen", EXIT_BAD_INPUT,
                                 "--role: expected worker or operator, found \"%s\"", optarg);
            break;
        case STATE: k->state = optarg; break;
        case KEYS: k->keys = optarg; break;
        case COORDINATOR: k->coordinator = optarg; break;
        case OUT: k->out = optarg; break;
        case HELP_OPTION: fputs(HELP, stdout); return -1;
        default: return say_bad_option(argv, option);
        }
    }
    if (optind + 1 != argc)
        return say_error("keygen", EXIT_BAD_INPUT, "expected one name; see muster keygen --help");
    k->name = argv[optind];
    return check_options(k);
}

int cmd_keygen(int argc, char **argv)
{
    struct keygen k = { .role = KEY_WORKER };
    struct errmsg msg = { "" };
    int code = parse(argc, argv, &k);
    if (code)
        return code < 0 ? 0 : code;
    err e = k.coordinator ? make_there(&k, &msg) : issue_here(&k, &msg);
    return e ? say_error("keygen", EXIT_BAD_INPUT, "%s", msg.text) : 0;
}
