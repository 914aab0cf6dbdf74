/* Preloaded into the server, it tampers with the syncs of the file whose name ends with NOSYNC.
 * They do nothing, as in a program that forgot them: the check of durability must find that out, or it proves nothing.
 * With NOSYNC_WHEN, one of eight fails instead, as on a disk that is going, while the file of that name exists. */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int concerns(int fd)
{
    const char *end = getenv("NOSYNC");
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (end == NULL || length < (ssize_t)strlen(end))
        return 0;
    path[length] = 0;
    return strcmp(path + length - strlen(end), end) == 0;
}

static int tampered(int fd, long call)
{
    const char *when = getenv("NOSYNC_WHEN");
    if (!concerns(fd))
        return (int)syscall(call, fd);
    if (when == NULL)
        return 0;
    if (access(when, F_OK) == 0 && random() % 8 == 0) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(call, fd);
}

int fsync(int fd)
{
    return tampered(fd, SYS_fsync);
}

int fdatasync(int fd)
{
    return tampered(fd, SYS_fdatasync);
}
