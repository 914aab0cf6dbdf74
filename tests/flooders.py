"""The floods that a bench meets. Each flood is one row of the table that floods.py prints."""

import multiprocessing
import os
import socket
import subprocess
import time

import wire
from server import ADDRESS, NETWORK

FLOODER = f"{NETWORK}.66"
GATEWAY = f"{NETWORK}.1"
# Seventy hosts of one network behind the same switch.
MANY = [f"10.23.44.{number}" for number in range(1, 71)]
COMPONENT = "rootfs88xx.12-5-1SR1-4.sbn"
ADMIN_PORT = 8080


class Program:
    """flood.c at work in the flooder's namespace, on the flooder's core."""

    def __init__(self, lab, *arguments):
        command = ["taskset", "-c", str(lab.flood_core), lab.program, *map(str, arguments)]
        self.process = lab.flooder.popen(*command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def stop(self):
        """What it did: a rate, or how many connections it holds."""
        out, _ = self.process.communicate(timeout=30)
        if self.process.returncode != 0:
            raise AssertionError(f"the flooder ended with {self.process.returncode}")
        return float(out)


class Decliner:
    """Takes leases as ever new phones and declines them, some a second; counts the declines."""

    def __init__(self, lab, rate):
        self.count = multiprocessing.Value("i", 0)
        self.began = time.monotonic()
        self.process = multiprocessing.Process(target=self._run, args=(lab, rate), daemon=True)
        self.process.start()

    def _run(self, lab, rate):
        os.sched_setaffinity(0, {lab.flood_core})
        server = socket.inet_aton(ADDRESS)
        vendor = wire.client_options(b"Cisco Systems, Inc. IP Phone CP-8851", (1, 3, 6, 66, 150))
        number, phones = 0, {}
        with wire.Wire(lab.flooder) as line:
            while True:
                due = self.began + number / rate
                if time.monotonic() >= due:
                    number += 1
                    mac = f"C4B9CE{number:06X}"
                    discover = wire.Message(wire.DISCOVER, mac, vendor)
                    phones[discover.xid] = mac
                    line.send(discover, mac)
                    continue
                answer = line.receive(timeout=due - time.monotonic())
                mac = answer and phones.get(answer.xid)
                if not mac:
                    continue
                wanted = [(50, socket.inet_aton(answer.yiaddr)), (54, server)]
                if answer.kind == wire.OFFER:
                    line.send(wire.Message(wire.REQUEST, mac, wanted + vendor, xid=answer.xid), mac)
                elif answer.kind == wire.ACK:
                    line.send(wire.Message(wire.DECLINE, mac, wanted), mac)
                    self.count.value += 1

    def stop(self):
        self.process.terminate()
        self.process.join()
        return float(self.count.value)


class Flood:
    """A row. `begin(lab)` gives what is at work; `does` says in words what that is, `unit` what its number counts."""

    def __init__(self, name, does, unit, begin, least=0.0, **setting):
        self.name = name
        self.does = does
        self.unit = unit
        self.begin = begin
        # A flood that was weaker proves nothing.
        self.least = least
        self.pool = setting.get("pool", f"{NETWORK}.100-{NETWORK}.250")
        self.gateway = setting.get("gateway", False)


def raw(kind, rate, more=lambda lab: ()):
    def begin(lab):
        return Program(lab, kind, lab.flooder.interface, lab.server_mac, ADDRESS, rate, *more(lab))
    return begin


def phantoms(names):
    return lambda lab: Program(lab, "phantoms", ADDRESS, 80, names)


def heads(port, each, addresses):
    return lambda lab: Program(lab, "heads", ADDRESS, port, each, *addresses)


FLOODS = [
    Flood("dhcp-garbage", "3,000 DHCP messages a second: DISCOVERs of made-up phones, such with bytes changed, noise", "/s",
          raw("dhcp", 3000), 2700),
    Flood("register-forged", "3,000 REGISTERs a second by UDP, each as if from an address that a listed phone leases", "/s",
          raw("register", 3000, lambda lab: lab.leased()), 2700),
    Flood("rrq-far", "500 TFTP read requests a second as if from ever new far addresses, behind a gateway", "/s",
          raw("rrq", 500, lambda lab: (COMPONENT,)), 450, gateway=True),
    Flood("rrq-unroutable", "the same where the bench has no gateway: no answer reaches anybody", "/s",
          raw("rrq", 500, lambda lab: (COMPONENT,)), 450),
    Flood("phantoms", "configurations of ever new made-up phones, asked for on one connection as fast as it answers", "/s",
          phantoms(1 << 24)),
    Flood("phantoms-again", "the same of 4,000 made-up phones, over and over", "/s", phantoms(4000)),
    Flood("heads-one", "256 half-sent requests from one address, on the phones' HTTP", " open", heads(80, 256, [FLOODER])),
    Flood("heads-many", "64 half-sent requests from each of 70 addresses, on the phones' HTTP", " open", heads(80, 64, MANY)),
    Flood("heads-one-admin", "256 half-sent requests from one address, on the page's port", " open",
          heads(ADMIN_PORT, 256, [FLOODER])),
    Flood("heads-many-admin", "64 half-sent requests from each of 70 addresses, on the page's port", " open",
          heads(ADMIN_PORT, 64, MANY)),
    # A pool that has room for all listed phones, and else is used up within ten seconds, as the usual one is in a minute.
    Flood("declines", "3 leases a second taken by ever new phones and declined", " in all", lambda lab: Decliner(lab, 3),
          pool=f"{NETWORK}.100-{NETWORK}.139"),
]
