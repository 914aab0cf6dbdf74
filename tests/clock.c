/* Preloaded into the server, it sets the clock ahead by CLOCK_AHEAD seconds; CLOCK_TRUSTED says whether the kernel
 * vouches for it. */

#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t id, struct timespec *now)
{
    int result = (int)syscall(SYS_clock_gettime, id, now);
    if (result == 0 && id == CLOCK_REALTIME)
        now->tv_sec += atol(getenv("CLOCK_AHEAD"));
    return result;
}

int adjtimex(struct timex *about)
{
    memset(about, 0, sizeof *about);
    about->status = getenv("CLOCK_TRUSTED") ? 0 : STA_UNSYNC;
    return TIME_OK;
}
