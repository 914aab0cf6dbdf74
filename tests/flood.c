/* What floods a bench: raw frames at a given rate, half-sent requests, or questions as fast as they are answered.
 *
 *   flood dhcp     IFACE SERVER_MAC SERVER RATE            DHCP garbage from ever new clients
 *   flood register IFACE SERVER_MAC SERVER RATE ADDRESS…   REGISTERs by UDP, each as if from one of these addresses
 *   flood rrq      IFACE SERVER_MAC SERVER RATE FILE       TFTP read requests as if from anywhere in 100.64.0.0/10
 *   flood phantoms SERVER PORT NAMES                       GETs of that many made-up SEP names, one after another, on one
 *                                                          connection
 *   flood heads    SERVER PORT EACH ADDRESS…               half-sent requests, so many from each address, held open
 *
 * It ends when its standard input does, and then prints what it did, in one number. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 64, FRAME = 1514, HEADERS = 42, TICK_MS = 4 };

static uint64_t seed = 88172645463325252ull;

static uint32_t chance(void) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 16);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void fail(const char *what) {
    perror(what);
    exit(2);
}

/* Whether to end; waits for at most so long. */
static int ended(int ms) {
    struct pollfd in = {.fd = 0, .events = POLLIN};
    char byte;
    return poll(&in, 1, ms) > 0 && read(0, &byte, 1) <= 0;
}

static uint16_t checksum(const uint8_t *data, int length) {
    uint32_t sum = 0;
    for (int i = 0; i < length; i += 2) sum += data[i] << 8 | data[i + 1];
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

struct target {
    uint8_t mac[6];
    in_addr_t address;
};

/* Ethernet, IP and UDP before a payload that is in its place already; returns the frame's length. */
static int wrap(uint8_t *frame, const struct target *to, const uint8_t *from_mac, in_addr_t from, in_addr_t address,
                int from_port, int port, int payload) {
    memcpy(frame, to->mac, 6);
    memcpy(frame + 6, from_mac, 6);
    frame[12] = 8, frame[13] = 0;
    uint8_t *ip = frame + 14;
    uint16_t total = htons(28 + payload), length = htons(8 + payload), number = chance();
    memset(ip, 0, 20);
    ip[0] = 0x45, ip[8] = 64, ip[9] = 17;
    memcpy(ip + 2, &total, 2);
    memcpy(ip + 4, &number, 2);
    memcpy(ip + 12, &from, 4);
    memcpy(ip + 16, &address, 4);
    uint16_t sum = htons(checksum(ip, 20)), source = htons(from_port), destination = htons(port);
    memcpy(ip + 10, &sum, 2);
    uint8_t *udp = ip + 20;
    memcpy(udp, &source, 2);
    memcpy(udp + 2, &destination, 2);
    memcpy(udp + 4, &length, 2);
    memset(udp + 6, 0, 2);
    return HEADERS + payload;
}

static void made_up(uint8_t *mac, int phone) {
    uint32_t number = chance();
    memcpy(mac, phone ? "\xc4\xb9\xcd" : "\x02\x00\x5e", 3);
    mac[3] = number >> 16, mac[4] = number >> 8, mac[5] = number;
}

/* A third are whole DISCOVERs of phones that nobody has, a third are such with some bytes changed, a third are noise behind
 * a true head. */
static int dhcp(uint8_t *frame, const struct target *to) {
    static const char vendor[] = "Cisco Systems, Inc. IP Phone CP-8851";
    uint8_t *m = frame + HEADERS, mac[6];
    uint32_t kind = chance() % 3, xid = chance();
    made_up(mac, kind == 0);
    memset(m, 0, 300);
    m[0] = 1, m[1] = 1, m[2] = 6;
    memcpy(m + 4, &xid, 4);
    memcpy(m + 28, mac, 6);
    memcpy(m + 236, "\x63\x82\x53\x63\x35\x01\x01\x3c", 8);
    m[244] = sizeof vendor - 1;
    memcpy(m + 245, vendor, sizeof vendor - 1);
    memcpy(m + 245 + sizeof vendor - 1, "\x37\x08\x01\x2a\x42\x06\x03\x0f\x96\x23\xff", 11);
    if (kind == 1)
        for (int i = 0; i < 8; i++) m[chance() % 300] = chance();
    if (kind == 2)
        for (int i = 240; i < 300; i++) m[i] = chance();
    return wrap(frame, to, mac, 0, INADDR_BROADCAST, 68, 67, 300);
}

static int sip(uint8_t *frame, const struct target *to, char **addresses, int count) {
    static const char *loads[] = {"sip88xx.12-5-1SR1-4", "sip88xx.TLexE2M-11-2-3C-4", "sip88xx.11-7-1-17"};
    uint8_t mac[6];
    /* Given as MAC=ADDRESS, as who sniffs a REQUEST knows them. */
    const char *phone = addresses[chance() % count], *from = strchr(phone, '=') + 1;
    made_up(mac, 0);
    int length = snprintf(
        (char *)frame + HEADERS, FRAME - HEADERS,
        "REGISTER sip:bench SIP/2.0\r\nVia: SIP/2.0/UDP %s:5060;branch=z9hG4bK%08x\r\nFrom: <sip:x@bench>;tag=%x\r\n"
        "To: <sip:x@bench>\r\nCall-ID: %08x@%s\r\nCSeq: %u REGISTER\r\nContact: <sip:x@%s:5060>;+sip.instance=\""
        "<urn:uuid:00000000-0000-0000-0000-%.12s>\";+u.sip!devicename.ccm.cisco.com=\"SEP%.12s\";+u.sip!model.ccm.cisco."
        "com=\"684\"\r\nReason: SIP;cause=200;text=\"cisco-alarm:23 Name=SEP%.12s ActiveLoad=%s.loads Last=initialized\"\r\n"
        "Max-Forwards: 70\r\nExpires: 3600\r\nContent-Length: 0\r\n\r\n",
        from, chance(), chance(), chance(), from, chance() % 100000 + 1, from, phone, phone, phone, loads[chance() % 3]);
    return wrap(frame, to, mac, inet_addr(from), to->address, 5060, 5060, length);
}

static int rrq(uint8_t *frame, const struct target *to, const char *file) {
    uint8_t *m = frame + HEADERS, mac[6];
    made_up(mac, 0);
    m[0] = 0, m[1] = 1;
    int at = 2 + sprintf((char *)m + 2, "%s", file) + 1;
    memcpy(m + at, "octet\0blksize\0" "1428", 19);
    in_addr_t from = htonl(0x64400000u | (chance() & 0x3fffff));
    return wrap(frame, to, mac, from, to->address, 1024 + chance() % 60000, 69, at + 19);
}

/* Sends frames at a steady rate; prints how many a second went out. */
static void raw(int argc, char **argv) {
    if (argc < 6) exit(2);
    struct target to = {.address = inet_addr(argv[4])};
    unsigned char *mac = to.mac;
    sscanf(argv[3], "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", mac, mac + 1, mac + 2, mac + 3, mac + 4, mac + 5);
    double rate = atof(argv[5]);
    int line = socket(AF_PACKET, SOCK_RAW, 0);
    struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(argv[2])};
    if (line < 0 || bind(line, (struct sockaddr *)&at, sizeof at) < 0) fail("packet socket");
    static uint8_t frames[BATCH][FRAME];
    struct iovec parts[BATCH];
    struct mmsghdr messages[BATCH];
    double began = now();
    uint64_t sent = 0;
    while (!ended(TICK_MS)) {
        uint64_t due = (uint64_t)((now() - began) * rate);
        /* What could not be sent in a second is not caught up with in a burst. */
        if (due > sent + (uint64_t)rate) began += (due - sent - rate) / rate, due = sent + (uint64_t)rate;
        while (sent < due) {
            int count = due - sent > BATCH ? BATCH : (int)(due - sent);
            memset(messages, 0, sizeof messages);
            for (int i = 0; i < count; i++) {
                int length = argv[1][0] == 'd' ? dhcp(frames[i], &to)
                           : argv[1][1] == 'e' ? sip(frames[i], &to, argv + 6, argc - 6)
                                               : rrq(frames[i], &to, argv[6]);
                parts[i] = (struct iovec){frames[i], (size_t)length};
                messages[i].msg_hdr.msg_iov = parts + i;
                messages[i].msg_hdr.msg_iovlen = 1;
            }
            int done = sendmmsg(line, messages, count, 0);
            if (done < 0 && errno != ENOBUFS && errno != EAGAIN) fail("sendmmsg");
            if (done <= 0) break;
            sent += done;
        }
    }
    printf("%.0f\n", sent / (now() - began));
}

static int dial(in_addr_t from, in_addr_t to, int port, int flags) {
    int line = socket(AF_INET, SOCK_STREAM | flags, 0), on = 1;
    struct sockaddr_in source = {.sin_family = AF_INET, .sin_addr.s_addr = from};
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = to};
    if (line < 0) fail("socket");
    setsockopt(line, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(line, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (from) {
        setsockopt(line, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
        if (bind(line, (struct sockaddr *)&source, sizeof source) < 0) fail("bind");
    }
    if (connect(line, (struct sockaddr *)&server, sizeof server) < 0 && errno != EINPROGRESS) {
        close(line);
        return -1;
    }
    return line;
}

/* One connection, one question at a time; prints how many a second were answered. */
static void phantoms(char **argv) {
    static char answer[1 << 20];
    uint64_t answered = 0;
    double began = now();
    int line = -1;
    struct timeval patience = {.tv_sec = 1};
    while (!ended(0)) {
        if (line < 0 && (line = dial(0, inet_addr(argv[2]), atoi(argv[3]), 0)) < 0) {
            ended(50);
            continue;
        }
        setsockopt(line, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        uint8_t mac[6];
        made_up(mac, 1);
        uint32_t number = chance() % (uint32_t)atoi(argv[4]);
        mac[3] = number >> 16, mac[4] = number >> 8, mac[5] = number;
        char request[256];
        int length = sprintf(request, "GET /SEP%02X%02X%02X%02X%02X%02X.cnf.xml HTTP/1.1\r\nHost: %s\r\n\r\n", mac[0], mac[1],
                             mac[2], mac[3], mac[4], mac[5], argv[2]);
        int have = 0, whole = -1;
        if (send(line, request, length, MSG_NOSIGNAL) == length)
            while (have < (int)sizeof answer - 1 && (whole < 0 || have < whole)) {
                ssize_t more = recv(line, answer + have, sizeof answer - 1 - have, 0);
                if (more <= 0) break;
                have += more;
                answer[have] = 0;
                char *end = strstr(answer, "\r\n\r\n"), *said = strcasestr(answer, "\ncontent-length:");
                if (whole < 0 && end) whole = (int)(end + 4 - answer) + (said && said < end ? atoi(said + 16) : 0);
            }
        if (whole >= 0 && have >= whole) answered++;
        /* Hung up on, or kept waiting: a new connection. */
        if (whole < 0 || have < whole || strcasestr(answer, "\nconnection: close")) close(line), line = -1;
    }
    printf("%.0f\n", answered / (now() - began));
}

/* Requests that never end; what the server closes is opened again after a moment. Prints how many were open in the end. */
static void heads(int argc, char **argv) {
    int port = atoi(argv[3]), each = atoi(argv[4]), count = each * (argc - 5), events = epoll_create1(0);
    struct rlimit most = {.rlim_cur = 65536, .rlim_max = 65536};
    setrlimit(RLIMIT_NOFILE, &most);
    struct head { int line; int said; double again; } *all = calloc(count, sizeof *all);
    for (int i = 0; i < count; i++) all[i].line = -1;
    static const char half[] = "GET /SEP02005E000000.cnf.xml HTTP/1.1\r\nHost: bench\r\nX-Half: ";
    while (!ended(20)) {
        int opened = 0;
        for (int i = 0; i < count && opened < 200; i++) {
            if (all[i].line >= 0 || all[i].again > now()) continue;
            all[i].line = dial(inet_addr(argv[5 + i / each]), inet_addr(argv[2]), port, SOCK_NONBLOCK);
            all[i].said = 0, all[i].again = now() + 0.25, opened++;
            if (all[i].line < 0) continue;
            struct epoll_event event = {.events = EPOLLOUT | EPOLLIN | EPOLLRDHUP | EPOLLET, .data.u32 = i};
            epoll_ctl(events, EPOLL_CTL_ADD, all[i].line, &event);
        }
        struct epoll_event ready[256];
        for (int found; (found = epoll_wait(events, ready, 256, 0)) > 0;)
            for (int i = 0; i < found; i++) {
                struct head *head = all + ready[i].data.u32;
                char byte[4096];
                if (ready[i].events & EPOLLOUT && !head->said)
                    head->said = send(head->line, half, sizeof half - 1, MSG_NOSIGNAL) > 0;
                if (ready[i].events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
                    ssize_t got = recv(head->line, byte, sizeof byte, MSG_DONTWAIT);
                    if (got > 0 || (got < 0 && errno == EAGAIN)) continue;
                    close(head->line);
                    head->line = -1, head->again = now() + 0.25;
                }
            }
    }
    int open = 0;
    for (int i = 0; i < count; i++) open += all[i].line >= 0 && all[i].said;
    printf("%d\n", open);
}

int main(int argc, char **argv) {
    seed ^= (uint64_t)(now() * 1e9);
    if (argc > 4 && !strcmp(argv[1], "phantoms")) phantoms(argv);
    else if (argc > 5 && !strcmp(argv[1], "heads")) heads(argc, argv);
    else if (argc > 5) raw(argc, argv);
    else return fprintf(stderr, "see the head of flood.c\n"), 2;
}
