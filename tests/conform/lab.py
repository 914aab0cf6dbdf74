"""A segment with the asked server on it, and clients that send whatever a case wants."""

import itertools
import socket

import wire
from cases import expect, same
from conform import RELAYED
from conform.servers import FAR, NEAR, RELAY, SERVER

# Silence is believed after so long; a server on the same machine answers within milliseconds.
SILENCE = 0.7


def ip(address):
    return socket.inet_aton(address)


class Lab:
    """What a case works with. `setup` is what the case wants of the server's configuration."""

    def __init__(self, switch, server_host, client_host, server, way, setup):
        self.switch, self.host, self.server, self.way = switch, client_host, server, way
        self.server_host = server_host
        self.server_mac = wire.mac_bytes(server_host.ip("-br", "link", "show", server_host.interface).split()[2])
        self.host_mac = client_host.ip("-br", "link", "show", client_host.interface).split()[2].replace(":", "")
        self.line = wire.Wire(client_host, port=67 if way == RELAYED else 68)
        self.numbers = itertools.count(1)
        self.setup = setup

    @property
    def network(self):
        return FAR if self.way == RELAYED else NEAR

    def address(self, number):
        return f"{self.network}.{number}"

    def client(self, mac=None, id=None):
        return Client(self, mac or f"02000000{next(self.numbers):04X}", id)

    def uses(self, address):
        """The client's machine answers ARP for its address from now on."""
        self.host.run("ip", "address", "replace", f"{address}/24", "dev", self.host.interface)

    def close(self):
        self.line.socket.close()


class Client:
    """One client, direct or behind the relay. What it asks returns the answer, or None for silence."""

    def __init__(self, lab, mac, id):
        self.lab, self.mac, self.id = lab, mac, id

    def message(self, kind, *options, **fields):
        if self.lab.way == RELAYED:
            fields = dict({"giaddr": RELAY}, **fields)
        own = [(61, self.id)] if self.id is not None else []
        message = wire.Message(kind, self.mac, own + list(options), **fields)
        message.hops = 1 if self.lab.way == RELAYED else 0
        return message

    def send(self, payload, unicast_from=None):
        """Out on the wire: through the relay, to the server alone from an address of the client's, or to everybody."""
        # A bridge takes no frame from a group address, or from zeros.
        odd = int(self.mac[:2], 16) & 1 or not int(self.mac, 16)
        source = self.lab.host_mac if odd else self.mac
        if self.lab.way == RELAYED and unicast_from is None:
            self.lab.line.send(payload, self.lab.host_mac, self.lab.server_mac, RELAY, SERVER, (67, 67))
        elif unicast_from:
            self.lab.line.send(payload, source, self.lab.server_mac, unicast_from, SERVER)
        else:
            self.lab.line.send(payload, source)

    def ask(self, message, unicast_from=None, xid=None, port=None):
        self.send(message, unicast_from)
        answer = self.lab.line.receive(message.xid if xid is None else xid, SILENCE, port)
        if answer is not None:
            well_formed(message, answer, self.lab)
        return answer

    def discover(self, *options, **fields):
        return self.ask(self.message(wire.DISCOVER, *wishes(options), **fields))

    def request(self, *options, **fields):
        return self.ask(self.message(wire.REQUEST, *wishes(options), **fields))

    def select(self, address, *options, server=SERVER, **fields):
        return self.request((50, ip(address)), (54, ip(server)), *options, **fields)

    def reboot(self, address, *options, **fields):
        return self.request((50, ip(address)), *options, **fields)

    def renew(self, address, *options, **fields):
        """RENEWING goes to the server alone, from the client's own address, past any relay."""
        self.lab.uses(address)
        message = self.message(wire.REQUEST, *options, **dict(fields, ciaddr=address, giaddr="0.0.0.0"))
        return self.ask(message, unicast_from=address, port=68)

    def rebind(self, address, *options, **fields):
        self.lab.uses(address)
        return self.request(*options, ciaddr=address, **fields)

    def release(self, address, *options, server=SERVER):
        return self.ask(self.message(wire.RELEASE, (54, ip(server)), *options, ciaddr=address, giaddr="0.0.0.0"), unicast_from=address)

    def decline(self, address, *options, server=SERVER):
        named = [(code, ip(value)) for code, value in ((54, server), (50, address)) if value]
        return self.ask(self.message(wire.DECLINE, *named, *options))

    def inform(self, address, *options, **fields):
        self.lab.uses(address)
        return self.ask(self.message(wire.INFORM, *options, ciaddr=address, **fields), port=68)

    # With what is expected

    def offered(self, *options, **fields):
        offer = self.discover(*options, **fields)
        expect(offer is not None and offer.kind == wire.OFFER, f"no OFFER but {shown(offer)}")
        return offer

    def leased(self, *options, **fields):
        """DISCOVER to ACK; the ACK."""
        offer = self.offered(*options, **fields)
        ack = self.select(offer.yiaddr, *options, **fields)
        acknowledged(ack, offer.yiaddr)
        return ack


def wishes(options):
    """The options, with a request list if they have none."""
    return options if any(code == 55 for code, _ in options) else ((55, b"\x01\x03"), *options)


def shown(answer):
    names = ("?", "DISCOVER", "OFFER", "REQUEST", "DECLINE", "ACK", "NAK", "RELEASE", "INFORM")
    return "silence" if answer is None else f"{names[min(answer.kind, 8)]} {answer.yiaddr} {answer.codes()}"


def acknowledged(answer, address):
    expect(answer is not None and answer.kind == wire.ACK, f"no ACK but {shown(answer)}")
    same("yiaddr of the ACK", answer.yiaddr, address)


def refused(answer):
    expect(answer is not None and answer.kind == wire.NAK, f"no NAK but {shown(answer)}")


def silent(answer):
    expect(answer is None, f"no silence but {shown(answer)}")


def well_formed(asked, answer, lab):
    """What holds of every answer: RFC 2131 Table 3 and §4.1, RFC 6842 §3, RFC 3046 §2.2."""
    same("op, xid, chaddr", (answer.op, answer.xid, answer.chaddr), (2, asked.xid, asked.chaddr))
    same("giaddr", answer.giaddr, asked.giaddr)
    same("server identifier", wire.addresses(answer.get(54)), [SERVER])
    same("client identifier", answer.get(61), asked.get(61))
    same("options a server must not send", [c for c in answer.codes() if c in (50, 55, 57)], [])
    # The parts of a long value follow each other (RFC 3396 §7).
    parts = [code for code, _ in itertools.groupby(answer.codes())]
    same("options given twice", [c for c in set(parts) if parts.count(c) > 1], [])
    expect(answer.size >= 300 or lab.server.name == "kea", f"{answer.size} octets of BOOTP")
    if answer.kind == wire.NAK:
        same("ciaddr, yiaddr, siaddr of a NAK", (answer.ciaddr, answer.yiaddr, answer.siaddr), ("0.0.0.0",) * 3)
        same("lease time in a NAK", answer.get(51), None)
        same("relay's options in a NAK", answer.get(82), asked.get(82))
    else:
        t1, t2, lease = (int.from_bytes(answer.get(code) or b"", "big") for code in (58, 59, 51))
        if asked.kind == wire.INFORM:
            same("T1, T2, lease time for an INFORM", (t1, t2, lease), (0, 0, 0))
        elif lease != 0xFFFFFFFF:
            expect(lease and t1 < (t2 or lease) <= lease, f"T1 {t1}, T2 {t2}, lease {lease}")
