"""mdns.py ADDRESS NAME: asks for a name by multicast DNS (RFC 6762) from the interface with that address, and prints the IPv4
addresses that are answered within two seconds.
"""

import select
import socket
import struct
import sys
import time

GROUP = ("224.0.0.251", 5353)
IPV4 = 1


def skip_name(message, at):
    while message[at] not in (0,) and message[at] < 0xC0:
        at += message[at] + 1
    return at + (1 if message[at] == 0 else 2)


def answers(message):
    """The IPv4 addresses in the answer section."""
    questions, count = struct.unpack(">HH", message[4:8])
    at = 12
    for _ in range(questions):
        at = skip_name(message, at) + 4
    for _ in range(count):
        at = skip_name(message, at)
        kind, _, _, length = struct.unpack(">HHIH", message[at:at + 10])
        at += 10
        if kind == IPV4:
            yield socket.inet_ntoa(message[at:at + 4])
        at += length


def main():
    address, name = sys.argv[1:]
    line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    # From another port than 5353, the answer comes to the asker alone (section 6.7).
    line.bind((address, 0))
    line.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))
    line.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    line.sendto(struct.pack(">6H", 7, 0, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", IPV4, 1), GROUP)
    until = time.monotonic() + 2
    while (left := until - time.monotonic()) > 0 and select.select([line], [], [], left)[0]:
        print(*answers(line.recv(9000)), sep="\n")


if __name__ == "__main__":
    main()
