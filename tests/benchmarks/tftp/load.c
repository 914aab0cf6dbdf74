// A crowd of TFTP clients, each at an address of its own, that compares every byte it gets with the file itself.
//
//     load SERVER PORT NAME FILE CLIENTS BLOCK WINDOW SECONDS FIRST-ADDRESS LOSS
//
// With SECONDS above 0, each client fetches the file again and again. When all have their first block, "begin" is
// printed; so many seconds later "end BYTES SECONDS CPU-SECONDS LEAST MOST" with what arrived in between, the
// processor time this program took for it, and the bytes of the slowest and the fastest client.
// With SECONDS 0, each fetches it once, and "done WHOLE REFUSED FAILED SECONDS RETRANSMISSIONS" is printed.
// LOSS is the share of packets that each direction loses, from 0 to 1. Exit status 1: a byte was wrong.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum state { ASKING, READING, OVER };

struct client {
    int fd;
    enum state state;
    int connected;
    unsigned window, since_ack, block_size;
    uint64_t block;      // The last in order.
    uint64_t got;        // Bytes in the measured time.
    double heard;
    uint32_t address;
};

static struct sockaddr_in server;
static const char *name;
static const unsigned char *file;
static size_t size;
static unsigned block_size, window;
static double loss, patience = 1.0;
static uint64_t bytes, retransmissions;
static unsigned clients_begun, whole, refused, failed;
static int epoll, measuring;
static double seconds;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static double cpu(void) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return u.ru_utime.tv_sec + u.ru_stime.tv_sec + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static int lost(void) { return loss > 0 && drand48() < loss; }

static void ask(struct client *c) {
    char packet[600];
    int n = 2;
    packet[0] = 0, packet[1] = 1;
    n += sprintf(packet + n, "%s", name) + 1;
    n += sprintf(packet + n, "octet") + 1;
    if (block_size != 512) {
        n += sprintf(packet + n, "blksize") + 1;
        n += sprintf(packet + n, "%u", block_size) + 1;
    }
    if (window != 1) {
        n += sprintf(packet + n, "windowsize") + 1;
        n += sprintf(packet + n, "%u", window) + 1;
    }
    if (!lost()) sendto(c->fd, packet, n, 0, (struct sockaddr *)&server, sizeof server);
}

static void acknowledge(struct client *c) {
    unsigned char packet[4] = {0, 4, c->block >> 8, c->block};
    c->since_ack = 0;
    if (!lost()) send(c->fd, packet, 4, MSG_DONTWAIT);
}

static void begin(struct client *c) {
    if (c->fd >= 0) close(c->fd);
    c->fd = socket(AF_INET, SOCK_DGRAM, 0);
    int room = 1 << 20;
    setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    struct sockaddr_in local = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(c->address)};
    if (c->fd < 0 || bind(c->fd, (struct sockaddr *)&local, sizeof local)) {
        perror("a client's socket");
        exit(2);
    }
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event);
    c->state = ASKING, c->connected = 0, c->block = 0, c->since_ack = 0, c->window = 1, c->block_size = 512;
    c->heard = now();
    ask(c);
}

static void finish(struct client *c) {
    if (seconds > 0) {
        begin(c);
    } else {
        c->state = OVER;
        close(c->fd), c->fd = -1;
    }
}

// The number after an option's name in an OACK, or `otherwise`.
static unsigned option(const char *packet, ssize_t length, const char *wanted, unsigned otherwise) {
    const char *at = packet + 2, *end = packet + length;
    while (at < end) {
        const char *value = at + strnlen(at, end - at) + 1;
        if (value >= end) break;
        if (!strcasecmp(at, wanted)) return atoi(value);
        at = value + strnlen(value, end - value) + 1;
    }
    return otherwise;
}

static void take(struct client *c, const unsigned char *packet, ssize_t length, struct sockaddr_in *from) {
    if (length < 4 || lost()) return;
    if (!c->connected) {
        connect(c->fd, (struct sockaddr *)from, sizeof *from);
        c->connected = 1;
    }
    double time = now();
    if (packet[1] == 5) {
        if (seconds > 0) {
            fprintf(stderr, "refused: %.*s\n", (int)length - 4, packet + 4);
            exit(3);
        }
        refused++, c->state = OVER;
        close(c->fd), c->fd = -1;
        return;
    }
    c->heard = time;
    if (packet[1] == 6) {
        if (c->block > 0) return;
        c->window = option((const char *)packet, length, "windowsize", 1);
        c->block_size = option((const char *)packet, length, "blksize", 512);
        acknowledge(c);
        return;
    }
    if (packet[1] != 3) return;
    unsigned number = packet[2] << 8 | packet[3];
    if (number != ((c->block + 1) & 0xffff)) {
        // Of a window only the first packet out of order is answered.
        if (c->window == 1 ? number == (c->block & 0xffff) : c->since_ack != UINT32_MAX) {
            acknowledge(c);
            c->since_ack = c->window == 1 ? 0 : UINT32_MAX;
        }
        return;
    }
    if (c->since_ack == UINT32_MAX) c->since_ack = 0;
    if (c->state == ASKING) c->state = READING, clients_begun++;
    size_t data = length - 4, at = c->block * c->block_size;
    if (at + data > size || memcmp(file + at, packet + 4, data)) {
        fprintf(stderr, "wrong bytes in block %llu\n", (unsigned long long)c->block + 1);
        exit(1);
    }
    c->block++;
    if (measuring) bytes += data, c->got += data;
    int last = data < c->block_size;
    if (last && at + data != size) {
        fprintf(stderr, "the file ended at byte %zu of %zu\n", at + data, size);
        exit(1);
    }
    if (last || ++c->since_ack >= c->window) acknowledge(c);
    if (last) {
        // The last ACK must arrive, or the server takes the transfer for unfinished.
        if (loss > 0)
            for (int again = 0; again < 3; again++) acknowledge(c);
        whole++;
        finish(c);
    }
}

int main(int count, char **given) {
    if (count != 11) {
        fprintf(stderr, "load SERVER PORT NAME FILE CLIENTS BLOCK WINDOW SECONDS FIRST-ADDRESS LOSS\n");
        return 2;
    }
    server = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(atoi(given[2]))};
    inet_pton(AF_INET, given[1], &server.sin_addr);
    name = given[3];
    int fd = open(given[4], O_RDONLY);
    struct stat st;
    if (fd < 0 || fstat(fd, &st)) {
        perror(given[4]);
        return 2;
    }
    size = st.st_size;
    file = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    unsigned clients = atoi(given[5]);
    block_size = atoi(given[6]), window = atoi(given[7]);
    seconds = atof(given[8]), loss = atof(given[10]);
    struct in_addr first;
    inet_pton(AF_INET, given[9], &first);
    struct rlimit many = {clients + 100, clients + 100};
    setrlimit(RLIMIT_NOFILE, &many);
    srand48(1);
    epoll = epoll_create1(0);
    struct client *all = calloc(clients, sizeof *all);
    double began = now(), tick = began, end = 0, cpu_before = 0, begun_at = 0;
    for (unsigned i = 0; i < clients; i++) {
        all[i].fd = -1, all[i].address = ntohl(first.s_addr) + i;
        begin(&all[i]);
    }
    static unsigned char packet[65536];
    struct epoll_event events[256];
    for (;;) {
        int ready = epoll_wait(epoll, events, 256, 50);
        for (int i = 0; i < ready; i++) {
            struct client *c = events[i].data.ptr;
            for (unsigned n = 0; c->fd >= 0 && n < c->window; n++) {
                struct sockaddr_in from;
                socklen_t room = sizeof from;
                ssize_t length = recvfrom(c->fd, packet, sizeof packet, MSG_DONTWAIT, (struct sockaddr *)&from, &room);
                if (length < 0) break;
                uint64_t block = c->block;
                take(c, packet, length, &from);
                if (c->block < block) break;
            }
        }
        double time = now();
        if (time > tick) {
            tick = time + 0.1;
            for (unsigned i = 0; i < clients; i++) {
                struct client *c = &all[i];
                if (c->state == OVER || time < c->heard + patience) continue;
                c->heard = time, retransmissions++;
                if (c->connected) acknowledge(c); else ask(c);
            }
        }
        if (seconds == 0) {
            if (time > began + 280) failed = clients - whole - refused;
            if (whole + refused + failed == clients) {
                printf("done %u %u %u %.3f %llu\n", whole, refused, failed, time - began,
                       (unsigned long long)retransmissions);
                return 0;
            }
        } else if (!measuring && (clients_begun >= clients || time > began + 20)) {
            measuring = 1, end = time + seconds, begun_at = time, cpu_before = cpu();
            printf("begin\n"), fflush(stdout);
        } else if (measuring && time >= end) {
            double took = cpu() - cpu_before;
            uint64_t least = UINT64_MAX, most = 0;
            for (unsigned i = 0; i < clients; i++) {
                if (all[i].got < least) least = all[i].got;
                if (all[i].got > most) most = all[i].got;
            }
            printf("end %llu %.4f %.4f %llu %llu\n", (unsigned long long)bytes, time - begun_at, took,
                   (unsigned long long)least, (unsigned long long)most);
            fflush(stdout);
            // Who starts these reads its counters now, before the servers notice that everybody left.
            getchar();
            return 0;
        }
    }
}
