// Clients of an HTTP server, as many as wanted in one thread: each has an address and a connection of its own, and
// asks for the same file again as soon as it has it.
//
//     http_load SERVER PORT FIRST_CLIENT CLIENTS SECONDS PATH
//
// FIRST_CLIENT is the address of the first client; the others have the following ones. In PATH, `@` stands for the
// client's MAC, made from its number. A file under way when the time is up counts by its bytes, not as an answer.
// Prints one JSON object.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HEAD = 8192, BUFFER = 256 * 1024 };

struct client {
    int socket;
    char request[512];
    int request_length;
    char head[HEAD];
    int head_length;
    long long left; // of the body; -1 while the head is being read
    long long bytes, answers;
};

static struct sockaddr_in server;
static unsigned first_client;
static int poller;
static char buffer[BUFFER];
static long long refused, errors;

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static void ask(struct client *client) {
    client->head_length = 0;
    client->left = -1;
    if (send(client->socket, client->request, client->request_length, MSG_NOSIGNAL) != client->request_length)
        errors++;
}

static void open_connection(struct client *client, int number) {
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(first_client + number)};
    int one = 1;
    client->socket = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(client->socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (bind(client->socket, (struct sockaddr *)&own, sizeof own) ||
        connect(client->socket, (struct sockaddr *)&server, sizeof server)) {
        perror("connect");
        exit(1);
    }
    fcntl(client->socket, F_SETFL, O_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = number};
    epoll_ctl(poller, EPOLL_CTL_ADD, client->socket, &event);
    ask(client);
}

// Reads the head's end out of what has come; the rest belongs to the body.
static int read_head(struct client *client) {
    char *end = memmem(client->head, client->head_length, "\r\n\r\n", 4);
    if (!end)
        return client->head_length == HEAD ? -1 : 0;
    *end = 0;
    char *length = strcasestr(client->head, "\r\ncontent-length:");
    if (!length)
        return -1;
    if (!strstr(client->head, " 200 "))
        refused++;
    client->left = atoll(length + 17);
    return client->head_length - (end + 4 - client->head);
}

// -1: the connection is of no use any more.
static int readable(struct client *client) {
    for (;;) {
        int in_head = client->left < 0, got;
        if (in_head)
            got = recv(client->socket, client->head + client->head_length, HEAD - client->head_length, 0);
        else
            got = recv(client->socket, buffer, client->left < BUFFER ? client->left : BUFFER, 0);
        if (got < 0 && errno == EAGAIN)
            return 0;
        if (got <= 0)
            return -1;
        if (in_head) {
            client->head_length += got;
            got = read_head(client);
            if (got < 0)
                return -1;
            if (client->left < 0)
                continue;
        }
        client->bytes += got;
        client->left -= got;
        if (client->left == 0) {
            client->answers++;
            ask(client);
            return 0;
        }
    }
}

int main(int count, char **words) {
    if (count != 7)
        return fprintf(stderr, "http_load SERVER PORT FIRST_CLIENT CLIENTS SECONDS PATH\n"), 2;
    server.sin_family = AF_INET;
    inet_pton(AF_INET, words[1], &server.sin_addr);
    server.sin_port = htons(atoi(words[2]));
    first_client = ntohl(inet_addr(words[3]));
    int clients = atoi(words[4]);
    double seconds = atof(words[5]);
    struct client *all = calloc(clients, sizeof *all);
    poller = epoll_create1(0);
    for (int number = 0; number < clients; number++) {
        char path[256], mac[16];
        const char *mark = strchr(words[6], '@');
        snprintf(mac, sizeof mac, "00562B%06X", number + 1);
        if (mark)
            snprintf(path, sizeof path, "%.*s%s%s", (int)(mark - words[6]), words[6], mac, mark + 1);
        else
            snprintf(path, sizeof path, "%s", words[6]);
        all[number].request_length = snprintf(all[number].request, sizeof all[number].request,
                                              "GET %s HTTP/1.1\r\nHost: %s\r\nAccept: */*\r\n\r\n", path, words[1]);
        open_connection(&all[number], number);
    }
    double began = now(), end = began + seconds;
    struct epoll_event events[256];
    while (now() < end) {
        int ready = epoll_wait(poller, events, 256, 100);
        for (int i = 0; i < ready; i++) {
            struct client *client = &all[events[i].data.u32];
            if (readable(client) < 0) {
                errors++;
                close(client->socket);
                open_connection(client, events[i].data.u32);
            }
        }
    }
    double took = now() - began;
    long long bytes = 0, answers = 0, least = -1;
    for (int number = 0; number < clients; number++) {
        bytes += all[number].bytes;
        answers += all[number].answers;
        if (least < 0 || all[number].bytes < least)
            least = all[number].bytes;
    }
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double cpu = usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    printf("{\"seconds\":%.3f,\"bytes\":%lld,\"answers\":%lld,\"refused\":%lld,\"errors\":%lld,\"least\":%lld,"
           "\"cpu\":%.3f}\n", took, bytes, answers, refused, errors, least, cpu);
    return 0;
}
