/* Preloaded into the server, it makes the syncs of one file do nothing: what a program that forgot them would do.
 * The check of durability must find that out, or it proves nothing. NOSYNC is the end of the file's name. */

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int forgotten(int fd)
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

int fsync(int fd)
{
    return forgotten(fd) ? 0 : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    return forgotten(fd) ? 0 : (int)syscall(SYS_fdatasync, fd);
}
