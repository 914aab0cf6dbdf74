"""DHCP by hand: messages built and read byte by byte, and raw sockets inside other namespaces."""

import ctypes
import random
import select
import socket
import struct
import time

from netns import CLONE_NEWNET

MAGIC = bytes([99, 130, 83, 99])
DISCOVER, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE, INFORM = range(1, 9)
BROADCAST_MAC = b"\xff" * 6


def socket_in(namespace, *arguments):
    """A socket that lives in a namespace while this process stays where it is."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/thread-self/ns/net", "rb") as home, open(f"/run/netns/{namespace}", "rb") as there:
        if libc.setns(there.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"setns {namespace}")
        try:
            return socket.socket(*arguments)
        finally:
            libc.setns(home.fileno(), CLONE_NEWNET)


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def mac_bytes(mac):
    return bytes.fromhex(mac.replace(":", ""))


class Message:
    """One DHCP message. `options` is a list of (code, bytes) in the order on the wire."""

    def __init__(self, kind=None, mac=None, options=(), **fields):
        self.op = fields.get("op", 1)
        self.hops = fields.get("hops", 0)
        self.xid = fields.get("xid", random.getrandbits(32))
        self.secs = fields.get("secs", 0)
        self.flags = fields.get("flags", 0)
        self.ciaddr = fields.get("ciaddr", "0.0.0.0")
        self.yiaddr = fields.get("yiaddr", "0.0.0.0")
        self.siaddr = fields.get("siaddr", "0.0.0.0")
        self.giaddr = fields.get("giaddr", "0.0.0.0")
        self.chaddr = mac_bytes(mac) if mac else b"\0" * 6
        self.options = ([(53, bytes([kind]))] if kind else []) + list(options)
        self.sname, self.file = fields.get("sname", b""), fields.get("file", b"")
        self.destination_mac = self.destination = self.source = None
        self.size = 0

    def encode(self):
        addresses = b"".join(socket.inet_aton(a) for a in (self.ciaddr, self.yiaddr, self.siaddr, self.giaddr))
        head = struct.pack(">BBBBIHH", self.op, 1, 6, self.hops, self.xid, self.secs, self.flags) + addresses
        options = b"".join(bytes([c, len(v)]) + v for c, v in self.options) + b"\xff"
        texts = self.sname.ljust(64, b"\0") + self.file.ljust(128, b"\0")
        return (head + self.chaddr.ljust(16, b"\0") + texts + MAGIC + options).ljust(300, b"\0")

    @classmethod
    def decode(cls, data):
        if len(data) < 240 or data[236:240] != MAGIC:
            return None
        message = cls()
        message.op, _, _, message.hops, message.xid, message.secs, message.flags = struct.unpack(">BBBBIHH", data[:12])
        message.ciaddr, message.yiaddr, message.siaddr, message.giaddr = (
            socket.inet_ntoa(data[i:i + 4]) for i in (12, 16, 20, 24))
        message.chaddr = data[28:34]
        message.sname, message.file = data[44:108].rstrip(b"\0"), data[108:236].rstrip(b"\0")
        message.size = len(data)
        at = 240
        while at + 1 < len(data) and data[at] != 255:
            if data[at] == 0:
                at += 1
                continue
            message.options.append((data[at], data[at + 2:at + 2 + data[at + 1]]))
            at += 2 + data[at + 1]
        # Without its End option a message is cut: nobody can use it.
        return message if at < len(data) and data[at] == 255 else None

    @property
    def kind(self):
        return (self.get(53) or b"\0")[0]

    def get(self, code):
        """An option's bytes, repeated instances joined; None if absent."""
        found = [v for c, v in self.options if c == code]
        return b"".join(found) if found else None

    def codes(self):
        return [c for c, _ in self.options]


def addresses(value):
    return [socket.inet_ntoa(value[i:i + 4]) for i in range(0, len(value or b""), 4)]


class Wire:
    """A raw Ethernet socket on one host's interface."""

    def __init__(self, host, port=68):
        self.host = host
        self.port = port
        self.socket = socket_in(host.namespace, socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
        self.socket.bind((host.interface, 0x0800))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, payload, source_mac, destination_mac=BROADCAST_MAC, source="0.0.0.0",
             destination="255.255.255.255", ports=(68, 67)):
        """One UDP datagram in one Ethernet frame."""
        data = payload.encode() if isinstance(payload, Message) else payload
        udp = struct.pack(">HHHH", *ports, 8 + len(data), 0) + data
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), random.getrandbits(16), 0, 64, 17, 0,
                         socket.inet_aton(source), socket.inet_aton(destination))
        ip = ip[:10] + struct.pack(">H", checksum(ip)) + ip[12:]
        self.socket.send(destination_mac + mac_bytes(source_mac) + b"\x08\x00" + ip + udp)

    def receive(self, xid=None, timeout=2.0, port=None):
        """The next DHCP message to our port (with this xid, if given), or None when the time is up."""
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            if not select.select([self.socket], [], [], left)[0]:
                return None
            frame = self.socket.recv(65535)
            if len(frame) < 42 or frame[23] != 17:
                continue
            length = (frame[14] & 15) * 4
            udp = frame[14 + length:]
            if struct.unpack(">H", udp[2:4])[0] != (port or self.port):
                continue
            message = Message.decode(udp[8:struct.unpack(">H", udp[4:6])[0]])
            if message and (xid is None or message.xid == xid):
                message.destination_mac = frame[0:6]
                message.source = socket.inet_ntoa(frame[26:30])
                message.destination = socket.inet_ntoa(frame[30:34])
                return message
        return None

    def ask(self, message, mac, timeout=3.0, tries=2, **where):
        """Send a message and wait for the answer to it."""
        for _ in range(tries):
            self.send(message, mac, **where)
            answer = self.receive(message.xid, timeout)
            if answer:
                return answer
        return None


def client_options(vendor=None, requests=(), host_name=None):
    options = []
    if host_name:
        options.append((12, host_name.encode()))
    if vendor is not None:
        options.append((60, vendor))
    if requests:
        options.append((55, bytes(requests)))
    return options


def full_lease(wire, mac, options, flags=0):
    """DISCOVER to ACK. Returns (offer, ack); either may be None."""
    discover = Message(DISCOVER, mac, options, flags=flags)
    offer = wire.ask(discover, mac)
    if offer is None or offer.kind != OFFER:
        return offer, None
    extra = [(50, socket.inet_aton(offer.yiaddr)), (54, offer.get(54) or b"")]
    request = Message(REQUEST, mac, extra + list(options), flags=flags, xid=discover.xid)
    return offer, wire.ask(request, mac)


def sure_lease(host, mac, options, tries=10):
    """The ACK of a client that does not give up soon: DHCP may just be coming back."""
    with Wire(host) as line:
        for _ in range(tries):
            _, ack = full_lease(line, mac, options, 0x8000)
            if ack is not None and ack.kind == ACK:
                return ack
    raise AssertionError(f"{mac} got no lease")

