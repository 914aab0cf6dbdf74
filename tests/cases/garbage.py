"""Garbage on every port: the server lives, gives away nothing, and goes on serving others."""

import contextlib
import os
import random
import socket
import struct
import time

import dhcp
import fleet
import lookalike
import wire
from cases import case, expect, same
from cases.leases import library, people, roster
from cases.migration import OLD, explain
from server import ADDRESS

CANARY = b"canary-0123456789-not-for-the-network"

# Ways to a file outside the library; {} is the canary's absolute path without its leading slash.
ESCAPES = ["../canary", "../../canary", "../../../../../../{}", "/{}", "//{}", "firmware/../../canary", "./../canary",
           "..\\canary", "..\\..\\canary", "\\{}", "%2e%2e/canary", "%2e%2e%2fcanary", "%2E%2E%5Ccanary",
           "..%2fcanary", "..%5ccanary", "%252e%252e/canary", "..%00/canary", "....//canary", "..;/canary",
           "/%2e%2e/%2e%2e/canary", "file:///{}", "%2f{}", "%c0%ae%c0%ae/canary", "..%c0%afcanary", "canary\0.sbn",
           "..\0/canary", "ledger.db", "../ledger.db", "/ledger.db", "roster.csv", "../roster.csv", "transload.toml",
           "../../transload.toml", "link.sbn", "linked/canary", "licenses/e2m/../../../canary", "~/canary", "CON",
           "C:\\{}", "\\\\server\\share\\canary"]


def send_udp(host, port, payloads):
    line = wire.socket_in(host.namespace, socket.AF_INET, socket.SOCK_DGRAM)
    with line:
        for payload in payloads:
            with contextlib.suppress(OSError):         # some are too long for a datagram
                line.sendto(payload, (ADDRESS, port))


def random_bytes(rng):
    return [rng.randbytes(rng.choice([0, 1, 2, 3, 4, 10, 239, 240, 241, 300, 576, 1472, 9000, 65507]))
            for _ in range(120)]


def dhcp_packets(rng):
    """Real messages, bent: cut, overlong, with options that lie about their length, loops of overload, odd types."""
    mac, vendor, requests, _ = people()["enterprise"]
    base = wire.Message(wire.DISCOVER, mac, wire.client_options(vendor, requests)).encode()
    found = [base[:n] for n in range(0, len(base), 7)]
    for _ in range(150):
        bent = bytearray(base)
        for _ in range(rng.randrange(1, 12)):
            bent[rng.randrange(len(bent))] = rng.randrange(256)
        found.append(bytes(bent))
    head = base[:240]
    for options in (b"", b"\x35", b"\x35\xff", b"\x35\x01", b"\x35\x00\xff", b"\x35\x01\x01\x3c\xff" + b"A" * 10,
                    b"\x35\x01\x01" + b"\x00" * 1200, b"\x35\x01\x01\x34\x01\x03\xff", b"\x35\x01\xfe\xff",
                    b"\x35\x01\x01\x37\xff" + bytes(range(255)) + b"\xff", b"\x35\x01\x01\x39\x02\x00\x01\xff",
                    b"\x35\x01\x03\x32\x03\x0a\x17\x2d\xff", b"\x35\x01\x01\x3d\x00\xff",
                    b"\x35\x01\x01" + b"\x3c\xff" + b"C" * 255 + b"\x3c\xff" + b"D" * 255 + b"\xff",
                    b"\x35\x01\x01\x52\xff" + b"\x01\xfe" * 127 + b"\x00\xff", b"\x35\x01\x01" + b"\x0c\x00" * 200):
        found.append(head + options)
    for at, value in ((0, 2), (1, 0), (1, 32), (2, 0), (2, 17), (2, 255), (3, 255)):
        bent = bytearray(base)
        bent[at] = value
        found.append(bytes(bent))
    overloaded = bytearray(base[:240] + b"\x35\x01\x01\x34\x01\x03\xff")
    overloaded[44:236] = b"\x34\x01\x03" * 64
    found.append(bytes(overloaded))
    found.append(base[:236] + b"\0\0\0\0" + base[240:])
    rng.shuffle(found)
    return found


def tftp_packets(rng, escapes):
    def read(name, mode=b"octet", options=b""):
        return b"\0\x01" + name + b"\0" + mode + b"\0" + options
    found = [read(n) for n in escapes]
    found += [b"\0\x01", b"\0\x01x", b"\0\x01\0", b"\0\x01\0\0", b"\0\x01x\0octet", b"\0\x01x\0nonsense\0",
              read(b"x", b"mail"), read(b"x" * 5000), read(b"\xff\xfe" * 40), read(b"x", b"o" * 4000), b"\0\x02x\0octet\0",
              b"\0\x03\0\x01data", b"\0\x04\0\x01", b"\0\x05\0\x01\0", b"\0\x06", b"\0\x00", b"\xff\xff", b"\0"]
    for name, value in ((b"blksize", b"0"), (b"blksize", b"7"), (b"blksize", b"99999999999999999999"),
                        (b"blksize", b"-1"), (b"blksize", b""), (b"windowsize", b"0"), (b"windowsize", b"65536"),
                        (b"timeout", b"0"), (b"timeout", b"256"), (b"tsize", b"x"), (b"rollover", b"7"),
                        (b"", b""), (b"BLKSIZE", b"1428\0blksize\x00512")):
        found.append(read(b"sip88xx.12-5-1SR1-4.loads", options=name + b"\0" + value + b"\0"))
    found.append(read(b"x", options=b"a\0b\0" * 2000))
    found += [b"\0\x01" + rng.randbytes(rng.randrange(1, 600)) for _ in range(80)]
    rng.shuffle(found)
    return found


def http_requests(rng, escapes):
    """Whole raw requests, since no well-behaved client would send them."""
    host = f"Host: {ADDRESS}\r\n".encode()
    found = [b"GET /" + n + b" HTTP/1.1\r\n" + host + b"Connection: close\r\n\r\n"
             for n in escapes]
    found += [b"GET " + n + b" HTTP/1.0\r\n\r\n" for n in escapes]
    found += [b"\r\n\r\n", b"GET", b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/9.9\r\n" + host + b"\r\n",
              b"GET / HTTP/1.1\r\n" + host + host + b"\r\n", b"GET /" + b"A" * 200_000 + b" HTTP/1.1\r\n" + host + b"\r\n",
              b"GET / HTTP/1.1\r\n" + host + b"X: " + b"y" * 500_000 + b"\r\n\r\n",
              b"GET / HTTP/1.1\r\n" + host + b"x: y\r\n" * 20_000 + b"\r\n",
              b"POST / HTTP/1.1\r\n" + host + b"Content-Length: 99999999999\r\n\r\nx",
              b"POST / HTTP/1.1\r\n" + host + b"Content-Length: -5\r\n\r\n",
              b"POST / HTTP/1.1\r\n" + host + b"Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n",
              b"GET / HTTP/1.1\r\n" + host + b"Range: bytes=" + b"0-1," * 9000 + b"\r\n\r\n",
              b"GET / HTTP/1.1\r\n" + host + b"Range: bytes=99999999999999999999-1\r\n\r\n",
              b"GET / HTTP/1.1\r\n" + host + b"If-None-Match: " + b'"' * 5000 + b"\r\n\r\n",
              b"GET / HTTP/1.1\r\n" + host + b"If-Modified-Since: \xff\xfe\r\n\r\n",
              b"GET / HTTP/1.1\r\n" + host + b"User-Agent: Cisco-CP-8851-3PCC/" + b"9" * 5000 + b" (zz)\r\n\r\n",
              b"CONNECT x:1 HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
              b"OPTIONS * HTTP/1.1\r\n" + host + b"\r\n", b"GET http://[::1/ HTTP/1.1\r\n" + host + b"\r\n"]
    found += [rng.randbytes(rng.randrange(1, 4000)) for _ in range(60)]
    rng.shuffle(found)
    return found


def http_answers(host, port, requests):
    """Send each request on a connection of its own; returns everything that came back."""
    came = b""
    for request in requests:
        line = wire.socket_in(host.namespace, socket.AF_INET, socket.SOCK_STREAM)
        line.settimeout(0.4)
        with line:
            try:
                line.connect((ADDRESS, port))
                line.sendall(request)
                while part := line.recv(65536):
                    came += part[:65536]
            except OSError:
                pass                                   # the server may well hang up
    return came


def tftp_answers(host, requests):
    came = b""
    for request in requests:
        line = wire.socket_in(host.namespace, socket.AF_INET, socket.SOCK_DGRAM)
        line.settimeout(0.15)
        with line:
            try:
                line.sendto(request, (ADDRESS, 69))
                part, peer = line.recvfrom(65536)
                came += part
                line.sendto(struct.pack(">HH", 5, 0) + b"enough\0", peer)
            except OSError:
                pass
    return came


@case("garbage: on every port, while phones walk on")
def garbage(bench):
    firmware = library(bench)
    phones = [fleet.phone(m, 0x700 + n, OLD) for n, m in enumerate(("8851", "7841", "8865", "7832"))]
    server = bench.server(firmware, roster() + phones, licensed=phones)
    secret = os.path.join(bench.folder, "canary")
    for path in (secret, os.path.join(server.folder, "canary"), os.path.join(server.state, "canary")):
        with open(path, "wb") as file:
            file.write(CANARY)
    os.symlink(secret, os.path.join(server.state, "firmware", "link.sbn"))
    os.symlink(bench.folder, os.path.join(server.state, "firmware", "linked"))
    server.start()
    escapes = [e.replace("{}", secret.lstrip("/")).encode("latin-1") for e in ESCAPES]
    rng = random.Random(bench.seed)
    attacker = bench.switch.host("garbage", mac="02:00:00:00:00:66", address="10.23.45.66/24")
    rounds = 12 if bench.long else 2
    with bench.fleet(phones, firmware) as phones_on:
        phones_on.power_on()
        came = b""
        with wire.Wire(attacker) as line:
            for round_number in range(rounds):
                for port in (67, 69):
                    send_udp(attacker, port, random_bytes(rng))
                for packet in dhcp_packets(rng):
                    if len(packet) < 1400:
                        line.send(packet, "020000000066")
                send_udp(attacker, 67, dhcp_packets(rng))
                came += tftp_answers(attacker, tftp_packets(rng, escapes))
                for port in (80, 6970):
                    came += http_answers(attacker, port, http_requests(rng, escapes))
                where = f"round {round_number}, seed {bench.seed}"
                expect(server.process.poll() is None, f"the server ended, {where}:\n{server.log_tail()}")
                same(f"panics, {where}", server.panics(), [])
                expect(CANARY not in came, f"the canary came back, {where}")
                expect(b"SQLite format" not in came, f"the ledger came back, {where}")
                expect(b"model;MAC" not in came, f"the roster came back, {where}")
                expect(b"mac=C" not in came, f"a license came back, {where}")
                came = came[-200:]
        stranded = phones_on.wait(fleet.on_target(fleet.targets(lookalike.MPP_11)), 120)
        explain(bench, server, phones_on, stranded)


@case("garbage: thousands of half-open requests do not keep others out")
def half_open(bench):
    firmware = library(bench)
    phone = fleet.phone("7811", 0x7F0, OLD)
    server = bench.server(firmware, [phone]).start()
    attacker = bench.switch.host("garbage", mac="02:00:00:00:00:66", address="10.23.45.66/24")
    rng = random.Random(bench.seed)
    connections = []
    for number in range(300):
        line = wire.socket_in(attacker.namespace, socket.AF_INET, socket.SOCK_STREAM)
        line.settimeout(1)
        try:
            line.connect((ADDRESS, (80, 6970)[number % 2]))
            line.send(b"GET /x HTTP/1.1\r\nHost: x\r\nX: " + rng.randbytes(3).hex().encode())
            connections.append(line)
        except OSError:
            line.close()
    # Reads that are never acknowledged, and leases that are never taken.
    name = b"\0\x01rootfs78xx.12-5-1SR1-4.sbn\0octet\0blksize\x001428\0"
    for _ in range(300):
        send_udp(attacker, 69, [name])
    with wire.Wire(attacker) as line:
        for number in range(2000):
            mac = f"C80084{0x100000 + number:06X}"
            options = wire.client_options(b"Cisco Systems, Inc. IP Phone CP-7811", dhcp.ENTERPRISE_REQUESTS)
            line.send(wire.Message(wire.DISCOVER, mac, options), mac)
    time.sleep(0.5)
    expect(server.process.poll() is None, f"the server ended:\n{server.log_tail()}")
    with bench.fleet([phone], firmware) as phones_on:
        phones_on.power_on()
        stranded = phones_on.wait(fleet.on_target(fleet.targets(lookalike.MPP_11)), 150)
        explain(bench, server, phones_on, stranded)
    for line in connections:
        line.close()
