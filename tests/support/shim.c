/* Stands between a process and the C library: numbers each durable write and each request, and at one of them
 * kills the process, lets the call fail, or lets the power fail (what was not synced is gone).
 * Armed from within the process by shim_arm(); until then it only passes on. Built by tests/support/shim.py. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum { COUNT, KILL, FAIL_ONCE, FAIL_ON, POWER };
enum { WRITES = 1, SYNCS = 2, SENDS = 4, NAMES = 8 };

static int armed, mode, kinds, fail_with, trace = -1;
static long left, seen;
static char part[512];
static unsigned coin;
static pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER;

static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_send)(int, const void *, size_t, int);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_ftruncate)(int, off_t);
static int (*real_rename)(const char *, const char *);
static int (*real_link)(const char *, const char *);
static int (*real_unlink)(const char *);

__attribute__((constructor)) static void find(void) {
    real_write = dlsym(RTLD_NEXT, "write");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    real_send = dlsym(RTLD_NEXT, "send");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
    real_rename = dlsym(RTLD_NEXT, "rename");
    real_link = dlsym(RTLD_NEXT, "link");
    real_unlink = dlsym(RTLD_NEXT, "unlink");
}

/* What was written and not yet synced, newest first, with what stood there before. */
struct undo {
    struct undo *next;
    dev_t dev;
    ino_t ino;
    int fd;
    off_t size, at;
    size_t length;
    char old[];
};
static struct undo *unsynced;
static struct { dev_t dev; ino_t ino; int fd; } files[256];
static int known;

/* A descriptor of our own: never closed, since closing one drops the process's locks on the file. */
static int own(int fd, struct stat *status) {
    char path[64];
    if (fstat(fd, status) || !S_ISREG(status->st_mode)) return -1;
    for (int at = 0; at < known; at++)
        if (files[at].dev == status->st_dev && files[at].ino == status->st_ino) return files[at].fd;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int mine = open(path, O_RDWR | O_CLOEXEC);
    if (mine >= 0 && known < 256) {
        files[known].dev = status->st_dev;
        files[known].ino = status->st_ino;
        files[known++].fd = mine;
    }
    return mine;
}

static void remember(int fd, off_t at, size_t length) {
    struct stat status;
    int mine = own(fd, &status);
    if (mine < 0) return;
    struct undo *one = malloc(sizeof *one + length);
    ssize_t got = pread(mine, one->old, length, at);
    *one = (struct undo){unsynced, status.st_dev, status.st_ino, mine, status.st_size, at, got < 0 ? 0 : (size_t)got};
    unsynced = one;
}

static void synced(int fd) {
    struct stat status;
    if (fstat(fd, &status)) return;
    for (struct undo **at = &unsynced; *at;) {
        struct undo *one = *at;
        if (one->dev == status.st_dev && one->ino == status.st_ino) {
            *at = one->next;
            free(one);
        } else at = &one->next;
    }
}

static void die(void) {
    if (mode == POWER)
        for (struct undo *one = unsynced; one; one = one->next) {
            if (coin && rand_r(&coin) % 2) continue;
            if (one->length) real_pwrite(one->fd, one->old, one->length, one->at);
            real_ftruncate(one->fd, one->size);
        }
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

/* Called under the guard before each call that counts; tells whether it is to fail. */
static int point(int kind, char letter) {
    if (trace >= 0) real_write(trace, &letter, 1);
    if (!(kinds & kind)) return 0;
    seen++;
    if (mode == COUNT || --left > 0) return 0;
    if (mode == KILL || mode == POWER) die();
    if (mode == FAIL_ONCE && left < 0) return 0;
    errno = fail_with;
    return 1;
}

static int ours(int fd) {
    char link[64], path[1024];
    if (!armed) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return strstr(path, part) != NULL;
}

#define GUARDED(mine, kind, letter, before, call, after)                    \
    if (!(mine)) return call;                                               \
    pthread_mutex_lock(&guard);                                             \
    int failed = point(kind, letter);                                       \
    if (failed) { pthread_mutex_unlock(&guard); return -1; }                \
    if (mode == POWER) { before; }                                          \
    __typeof__(call) result = call;                                         \
    if (mode == POWER && result >= 0) { after; }                            \
    int number = errno;                                                     \
    pthread_mutex_unlock(&guard);                                           \
    errno = number;                                                         \
    return result

ssize_t write(int fd, const void *data, size_t length) {
    GUARDED(ours(fd), WRITES, 'w', remember(fd, lseek(fd, 0, SEEK_CUR), length), real_write(fd, data, length), (void)0);
}
ssize_t pwrite64(int fd, const void *data, size_t length, off_t at) {
    GUARDED(ours(fd), WRITES, 'w', remember(fd, at, length), real_pwrite(fd, data, length, at), (void)0);
}
ssize_t pwrite(int fd, const void *data, size_t length, off_t at) { return pwrite64(fd, data, length, at); }
int ftruncate64(int fd, off_t size) {
    struct stat status = {0};
    GUARDED(ours(fd), WRITES, 't',
            fstat(fd, &status); if (status.st_size > size) remember(fd, size, (size_t)(status.st_size - size));
            else remember(fd, status.st_size, 0),
            real_ftruncate(fd, size), (void)0);
}
int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }
int fsync(int fd) { GUARDED(ours(fd), SYNCS, 's', (void)0, real_fsync(fd), synced(fd)); }
int fdatasync(int fd) { GUARDED(ours(fd), SYNCS, 's', (void)0, real_fdatasync(fd), synced(fd)); }
ssize_t send(int fd, const void *data, size_t length, int flags) {
    int request = armed && length > 4 && (!memcmp(data, "PUT ", 4) || !memcmp(data, "GET ", 4));
    GUARDED(request, SENDS, *(const char *)data, (void)0, real_send(fd, data, length, flags), (void)0);
}
int rename(const char *from, const char *to) {
    GUARDED(armed && strstr(to, part), NAMES, 'n', (void)0, real_rename(from, to), (void)0);
}
int link(const char *from, const char *to) {
    GUARDED(armed && strstr(to, part), NAMES, 'n', (void)0, real_link(from, to), (void)0);
}
int unlink(const char *path) {
    GUARDED(armed && strstr(path, part), NAMES, 'n', (void)0, real_unlink(path), (void)0);
}

/* what: a mode; which: kinds added up; n: the first of them that is meant; error: for the failing modes;
 * where: a part of the paths that count; seed: 0 drops all that is unsynced, others a part of it. */
void shim_arm(int what, int which, long n, int error, const char *where, unsigned seed, int trace_to) {
    mode = what;
    kinds = which;
    left = n;
    fail_with = error;
    coin = seed;
    trace = trace_to;
    strncpy(part, where, sizeof part - 1);
    armed = 1;
}
long shim_seen(void) { return seen; }
