// The least a TFTP server can do: receive, find the client, send the next block from memory. One file, one socket, no
// retransmission, no check of anything. What a real server costs is compared with it; it is not fit for use.
//
//     floor ADDRESS PORT FILE
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

// A client is known by its address and port.
struct client { uint64_t key; uint64_t block; unsigned block_size; };
static struct client clients[1 << 16];

static struct client *find(uint64_t key) {
    uint64_t at = (key * 0x9e3779b97f4a7c15) >> 48;
    while (clients[at].key && clients[at].key != key) at = (at + 1) & 0xffff;
    clients[at].key = key;
    return &clients[at];
}

int main(int count, char **given) {
    if (count != 4) return 2;
    int port = socket(AF_INET, SOCK_DGRAM, 0), fd = open(given[3], O_RDONLY), room = 4 << 20;
    struct sockaddr_in local = {.sin_family = AF_INET, .sin_port = htons(atoi(given[2]))};
    inet_pton(AF_INET, given[1], &local.sin_addr);
    struct stat st;
    setsockopt(port, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    if (fd < 0 || fstat(fd, &st) || bind(port, (struct sockaddr *)&local, sizeof local)) return perror("floor"), 1;
    size_t size = st.st_size;
    const unsigned char *file = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    unsigned char in[2048], out[2048];
    for (;;) {
        struct sockaddr_in peer;
        socklen_t length = sizeof peer;
        ssize_t got = recvfrom(port, in, sizeof in - 1, 0, (struct sockaddr *)&peer, &length);
        if (got < 4) continue;
        struct client *c = find((uint64_t)peer.sin_addr.s_addr << 16 | peer.sin_port);
        if (in[1] == 1) {
            in[got] = 0;
            char *option = memmem(in, got, "blksize", 8);
            c->block = 0, c->block_size = option ? atoi(option + 8) : 512;
            if (option) {
                int n = sprintf((char *)out + 2, "blksize") + 3;
                n += sprintf((char *)out + n, "%u", c->block_size) + 1;
                out[0] = 0, out[1] = 6;
                sendto(port, out, n, 0, (struct sockaddr *)&peer, length);
                continue;
            }
        } else if (in[1] != 4 || (in[2] << 8 | in[3]) != (c->block & 0xffff)) {
            continue;
        }
        size_t at = c->block * c->block_size, data = at > size ? 0 : size - at;
        if (at > size) continue;
        if (data > c->block_size) data = c->block_size;
        c->block++;
        out[0] = 0, out[1] = 3, out[2] = c->block >> 8, out[3] = c->block;
        memcpy(out + 4, file + at, data);
        sendto(port, out, 4 + data, 0, (struct sockaddr *)&peer, length);
    }
}
