"""Many DHCP clients on one interface, who remember every lease they were acknowledged and watch that it is kept."""

import contextlib
import select
import socket
import time

import wire

VENDOR = b"Cisco Systems, Inc. IP Phone CP-8851"
OUTSTANDING = 64
# A question without an answer for so long is given up, as its client would ask again.
PATIENCE = 1.0
# As long as a server may take to come up and answer.
STARTING = 30.0


class Client:
    """One client; `address` is what it was acknowledged last and has not given up."""

    def __init__(self, number):
        # Every other one is a phone: its lease is not all that is written down about it.
        self.mac = f"{'C4B9CD' if number % 2 else '020000'}{number:06X}"
        self.options = wire.client_options(VENDOR if number % 2 else None, (1, 3, 6, 66, 150))
        if number % 3 == 0:
            self.options.append((61, b"\xff" + number.to_bytes(8, "big")))
        self.address = None
        self.asked = None       # (kind, xid, address, when) of the question under way

    def message(self, kind, *more, **fields):
        return wire.Message(kind, self.mac, self.options + list(more), flags=0x8000, **fields)


class Load:
    """The clients. `problems` lists broken promises."""

    def __init__(self, host, random, count):
        self.line = wire.Wire(host)
        self.line.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 << 20)
        self.random = random
        self.clients = [Client(number) for number in range(count)]
        self.by_xid = {}
        self.holders = {}       # address -> client
        self.fresh = set()      # acknowledged since the last check
        self.acks = self.naks = self.releases = 0
        self.problems = []

    def close(self):
        self.line.socket.close()

    # Asking

    def _ask(self, client, kind, address=None, server=None):
        more = [(50, socket.inet_aton(address))] if address else []
        more += [(54, server)] if server else []
        message = client.message(kind, *more)
        if client.asked:
            self.by_xid.pop(client.asked[1], None)
        client.asked = (kind, message.xid, address, time.monotonic())
        self.by_xid[message.xid] = client
        self._send(message, client)

    def _send(self, message, client):
        # Where the wire is full it is lost, as on any other.
        with contextlib.suppress(BlockingIOError):
            self.line.send(message, client.mac)

    def _confirm(self, client):
        """INIT-REBOOT: an ACK says that the server knows the lease, a NAK that it does not."""
        self._ask(client, wire.REQUEST, client.address)

    def _begin(self, client):
        """Whatever a client might want next."""
        wish = self.random.random()
        if client.address is None or wish < 0.2:
            self._ask(client, wire.DISCOVER)
        elif wish < 0.6:
            self._confirm(client)
        else:
            address, client.address = client.address, None
            del self.holders[address]
            self.fresh.discard(client)
            self.releases += 1
            self._send(client.message(wire.RELEASE, (54, socket.inet_aton("10.23.45.67")), ciaddr=address), client)

    # Hearing

    def _hear(self, seconds):
        """Take in what comes within that time; returns whether anything did."""
        if not select.select([self.line.socket], [], [], seconds)[0]:
            return False
        while answer := self.line.receive(timeout=0.0005):
            client = self.by_xid.pop(answer.xid, None)
            if client:
                self._take(client, answer)
        return True

    def _take(self, client, answer):
        kind, _, wanted, _ = client.asked
        client.asked = None
        if answer.kind == wire.OFFER and kind == wire.DISCOVER:
            if client.address not in (None, answer.yiaddr):
                self._problem(f"{client.mac} has {client.address} and was offered {answer.yiaddr}")
            self._ask(client, wire.REQUEST, answer.yiaddr, answer.get(54))
        elif answer.kind == wire.NAK:
            self.naks += 1
            if wanted == client.address:
                self._problem(f"{client.mac} was acknowledged {client.address} and is refused it")
                self._drop(client)
        elif answer.kind == wire.ACK and kind == wire.REQUEST:
            self.acks += 1
            holder = self.holders.get(answer.yiaddr, client)
            if holder is not client:
                self._problem(f"{answer.yiaddr} is {holder.mac}'s and was given to {client.mac}")
                self._drop(holder)
            if client.address not in (None, answer.yiaddr):
                self._drop(client)
            client.address = answer.yiaddr
            self.holders[answer.yiaddr] = client
            self.fresh.add(client)

    def _problem(self, what):
        self.problems.append(what)

    def _drop(self, client):
        self.holders.pop(client.address, None)
        self.fresh.discard(client)
        client.address = None

    # What a check is made of

    def run(self, seconds):
        """Ask and answer for that long, with many questions under way at any time."""
        until = time.monotonic() + seconds
        while (now := time.monotonic()) < until:
            self._forget_silent(now)
            while len(self.by_xid) < OUTSTANDING:
                client = self.random.choice(self.clients)
                if client.asked is None:
                    self._begin(client)
            self._hear(0.005)

    def drain(self):
        """What the server had sent before it stopped counts, so it is heard out; unanswered questions are dropped."""
        while self._hear(0.05):
            pass
        self._forget_silent(float("inf"))

    def _forget_silent(self, now):
        for client in [c for c in self.by_xid.values() if now - c.asked[3] > PATIENCE]:
            del self.by_xid[client.asked[1]]
            client.asked = None

    def check(self, alive, everybody=False, sample=100):
        """Have the server confirm each lease acknowledged since the last check, and a sample of the others."""
        held = list(self.holders.values())
        chosen = held if everybody else set(self.random.sample(held, min(sample, len(held)))) | self.fresh
        waiting = sorted(chosen, key=lambda client: client.mac)
        self.fresh.clear()
        before = {client: client.address for client in waiting}
        deadline = time.monotonic() + STARTING
        while waiting:
            alive()
            if time.monotonic() > deadline:
                self._problem(f"{len(waiting)} clients get no answer, the first {waiting[0].mac}")
                break
            for start in range(0, len(waiting), OUTSTANDING):
                part = waiting[start:start + OUTSTANDING]
                for client in part:
                    self._confirm(client)
                patience = time.monotonic() + 0.3
                while any(c.asked for c in part) and (left := patience - time.monotonic()) > 0:
                    self._hear(left)
                if all(c.asked for c in part):
                    break       # not up yet
            self._forget_silent(float("inf"))
            # An answer leaves it fresh, or without its address.
            waiting = [c for c in waiting if c.address == before[c] and c not in self.fresh]
        self.fresh.clear()
        return len(before)
