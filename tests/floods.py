#!/usr/bin/env python3
"""What floods do to a bench: leases, files, the page, memory, the ledger, and its end.

    floods.py [--seconds N] [--only NAME] [--keep] [--list]

Each flood meets a bench of its own: `transload serve` on one core, in a network namespace; the flooder and the
clients that measure share another core. What a listed phone gets is measured without the flood first, and then under it. A row
fails where a figure is worse than its limit; the limits stand below. `--seconds` is how long each flood lasts; for a
verdict on the ledger give ten minutes in all. Judge the rates on a machine that has nothing else to do.

Needs root, two cores, cc, curl and taskset. The program is $TRANSLOAD, or target/release/transload.
"""

import argparse
import math
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

import fleet
import lookalike
import server as server_module
import wire
from flooders import COMPONENT, FLOODER, FLOODS, GATEWAY, MANY
from netns import Switch
from server import ADDRESS, NETWORK

HERE = os.path.dirname(os.path.abspath(__file__))
LEASE_MS, LEASE_TIMES = 10, 3       # a listed phone's lease: within so many ms, or so many times the undisturbed median
FILE_SHARE = 0.5                    # its files: at this share of the undisturbed rate at least
PAGE_S = 2                          # the page and the list of phones: within so many seconds
MEMORY_MB = 100                     # the process, at its highest, also at the start after the flood
LEDGER_MB = 50                      # ledger.db and its log
STOP_S = 15                         # from SIGTERM to the end
START_S = 20                        # the start after it, until everything answers

BENCH_CORE, FLOOD_CORE = 0, 1
COMPONENT_SIZE = 48 << 20
# Known phones ask again; others, as many as there are samples, come for the first time.
KNOWN, NEW = 8, 20
LEASES_AT_ONCE, NEW_AT_ONCE = 16, 2
VENDOR = wire.client_options(b"Cisco Systems, Inc. IP Phone CP-8851", (1, 42, 66, 6, 3, 15, 150, 35))
TOKEN = "4711-not-to-be-guessed"


class Lab:
    """A bench, a phone's place, a technician's place and a flooder's, on one switch."""

    def __init__(self, switch, folder, firmware, flood, program):
        self.program, self.flood_core = program, FLOOD_CORE
        self.switch = switch
        self.host = switch.host("srv", address=f"{ADDRESS}/24")
        self.phones = [fleet.phone("8851", number, "11-7-1-17") for number in range(1, KNOWN + NEW + 1)]
        self.known, self.new = self.phones[:KNOWN], self.phones[KNOWN:]
        self.phone = switch.host("phone", mac=fleet.colons(self.known[0]["mac"]))
        self.technician = switch.host("tech", address=f"{NETWORK}.60/24")
        self.flooder = switch.host("flood", mac="02:00:5e:00:00:66", address=f"{FLOODER}/24")
        self._far_places(flood)
        self.server = self._server(folder, firmware, flood)
        self.server_mac = self._mac(self.host)
        self.leases = {}
        self.line = wire.Wire(self.phone)

    def _mac(self, host):
        listed = host.run("cat", f"/sys/class/net/{host.interface}/address")
        return listed.stdout.decode().strip()

    def _far_places(self, flood):
        """Frames from anywhere are taken, and the flooder's seventy addresses are next to the bench."""
        for name in ("all", self.host.interface):
            self.host.run("sh", "-c", f"echo 0 > /proc/sys/net/ipv4/conf/{name}/rp_filter")
        self.host.ip("route", "add", "10.23.44.0/24", "dev", self.host.interface)
        for address in MANY:
            self.flooder.ip("address", "add", f"{address}/24", "dev", self.flooder.interface)
        if flood.gateway:
            # It takes whatever is sent on, and no answer ever comes.
            self.switch.host("gateway", address=f"{GATEWAY}/24")
            self.host.ip("route", "add", "default", "via", GATEWAY)

    def _server(self, folder, firmware, flood):
        os.makedirs(folder)
        token = os.path.join(folder, "token")
        with open(token, "w") as file:
            file.write(TOKEN + "\n")
        server = server_module.Server(self.host, folder, sections={
            "dhcp": {"pool": flood.pool}, "admin": {"listen": "0.0.0.0:8080", "token-file": token}})
        # The product's own patience, not that of the phones in a hurry.
        del server.config["timing"]
        if flood.gateway:
            server.config["bench"]["allow-default-route"] = True
        server.write_config()
        for name in firmware.manifest:
            os.link(os.path.join(firmware.folder, name), os.path.join(server.state, "firmware", name))
        for phone in self.phones:
            lookalike.write_license(server.state, phone["mac"], "e2m")
        lookalike.write_roster(os.path.join(server.state, "roster.csv"), self.phones)
        return server

    def start(self):
        """On its own core; returns how long it took until everything answered."""
        began = time.monotonic()
        home = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {BENCH_CORE})
        try:
            self.server.start(wait=False)
        finally:
            os.sched_setaffinity(0, home)
        self.server.wait_ready(60)
        return time.monotonic() - began

    def stop(self):
        """How long it took to end well; endless where it did not."""
        began = time.monotonic()
        ended = self.server.stop(patience=120)
        return time.monotonic() - began if ended == 0 else math.inf

    def leased(self):
        """The listed phones with a lease and their addresses, as whoever listens on the wire knows them."""
        return [f"{mac}={address}" for mac, address in self.leases.items()]

    # What a phone gets

    def lease(self, phone, patience=6):
        """Seconds from the first DISCOVER to the ACK, whatever had to be asked again; endless without one."""
        mac, began = phone["mac"], time.monotonic()
        discover = wire.Message(wire.DISCOVER, mac, VENDOR)
        question, wanted = discover, wire.OFFER
        while time.monotonic() - began < patience:
            self.line.send(question, mac)
            answer = self.line.receive(discover.xid, 1.0)
            if answer is None or answer.kind != wanted:
                question, wanted = discover, wire.OFFER
                continue
            if wanted == wire.ACK:
                self.leases[mac] = answer.yiaddr
                return time.monotonic() - began
            more = [(50, socket.inet_aton(answer.yiaddr)), (54, answer.get(54))]
            question = wire.Message(wire.REQUEST, mac, more + VENDOR, xid=discover.xid)
            wanted = wire.ACK
        return math.inf

    def settle(self):
        """All known phones have their lease, and one of them its address, which is where files are fetched from."""
        for phone in self.known:
            if self.lease(phone, 20) == math.inf:
                raise AssertionError(f"no lease without a flood:\n{self.server.log_tail()}")
        self.phone.ip("address", "add", f"{self.leases[self.known[0]['mac']]}/24", "dev", self.phone.interface)

    def fetch(self, url):
        """Bytes a second, of at most three seconds."""
        out = self.phone.run("curl", "-s", "-o", "/dev/null", "--connect-timeout", "3", "--max-time", "3",
                             "--tftp-blksize", "1428", "-w", "%{size_download} %{time_total} %{http_code}", url).stdout
        size, seconds, status = out.decode().split()
        return float(size) / max(float(seconds), 0.001) if status in ("200", "000") or url.startswith("tftp") else 0.0

    def page(self):
        """Seconds until a technician has the page and the phones; the longer of the two, endless where one does not come."""
        worst = 0.0
        for path in ("/", "/api/phones"):
            done = self.technician.run("curl", "-s", "-f", "-o", "/dev/null", "--max-time", "8", "-w", "%{time_total}",
                                       "-H", f"Authorization: Bearer {TOKEN}", f"http://{ADDRESS}:8080{path}")
            worst = max(worst, float(done.stdout) if done.returncode == 0 else math.inf)
        return worst

    # What it costs

    def memory(self):
        with open(f"/proc/{self.server.pid()}/status") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) / 1000

    def ledger(self):
        paths = [os.path.join(self.server.state, name) for name in ("ledger.db", "ledger.db-wal")]
        return sum(os.path.getsize(path) for path in paths if os.path.exists(path)) / 1e6


class Figures:
    """What was measured in a while, with or without a flood."""

    def __init__(self):
        self.known, self.new, self.http, self.tftp, self.pages, self.ledger = [], [], [], [], [], 0.0

    def once(self, lab):
        for number in range(LEASES_AT_ONCE):
            self.known.append(lab.lease(lab.known[number % KNOWN]) * 1000)
        for _ in range(min(NEW_AT_ONCE, len(lab.new))):
            self.new.append(lab.lease(lab.new.pop()) * 1000)
        # It comes within a blink, so that one sample tells little.
        self.http += [lab.fetch(f"http://{ADDRESS}/{COMPONENT}") for _ in range(3)]
        self.tftp.append(lab.fetch(f"tftp://{ADDRESS}/{COMPONENT}"))
        self.pages.append(lab.page())
        self.ledger = max(self.ledger, lab.ledger())


class Row:
    """A flood's figures, and which of them are past their limits."""

    def __init__(self, flood):
        self.flood, self.failed, self.cells = flood, [], []

    def cell(self, text, good, why):
        self.cells.append(text if good else f"{text} !")
        if not good:
            self.failed.append(why)

    def fill(self, done, calm, under, costs):
        flood = self.flood
        self.cell(f"{done:.0f}{flood.unit}", done >= flood.least, f"the flood itself was weaker than {flood.least:.0f}{flood.unit}")
        for name, before, after in (("known", calm.known, under.known), ("new", calm.new, under.new)):
            before, after = statistics.median(before), statistics.median(after)
            limit = max(LEASE_MS, LEASE_TIMES * before)
            self.cell(f"{before:.1f} > {after:.1f}", after <= limit,
                      f"a {name} listed phone waits {after:.1f} ms for its lease; the limit is {limit:.1f} ms")
        for name, before, after in (("HTTP", calm.http, under.http), ("TFTP", calm.tftp, under.tftp)):
            before, after = statistics.median(before) / 1e6, statistics.median(after) / 1e6
            self.cell(f"{before:.0f} > {after:.1f}", after >= FILE_SHARE * before,
                      f"a phone's file comes by {name} at {after:.1f} MB/s; {FILE_SHARE * before:.1f} MB/s is the least")
        page = max(under.pages)
        self.cell(f"{page:.2f}", page <= PAGE_S, f"the page takes {page:.1f} s; the limit is {PAGE_S} s")
        memory, ledger, stop, start, again = costs
        self.cell(f"{memory:.0f}", memory < MEMORY_MB, f"{memory:.0f} MB of memory; the limit is {MEMORY_MB} MB")
        self.cell(f"{ledger:.0f}", ledger < LEDGER_MB, f"a ledger of {ledger:.0f} MB; the limit is {LEDGER_MB} MB")
        self.cell(f"{stop:.1f}", stop < STOP_S, f"it takes {stop:.0f} s to end; the limit is {STOP_S} s")
        self.cell(f"{start:.1f}", start < START_S, f"the next start takes {start:.0f} s; the limit is {START_S} s")
        self.cell(f"{again:.0f}", again < MEMORY_MB, f"the next start takes {again:.0f} MB; the limit is {MEMORY_MB} MB")
        return self


COLUMNS = ["flood", "did", "lease ms", "first lease ms", "HTTP MB/s", "TFTP MB/s", "page s", "memory MB", "ledger MB",
           "stop s", "start s", "its MB"]


def run(flood, seconds, firmware, program, folder):
    """One row. Without the flood first, then under it, then the end and another start."""
    with Switch() as switch:
        lab = Lab(switch, folder, firmware, flood, program)
        try:
            lab.start()
            lab.settle()
            calm = Figures()
            for _ in range(3):
                calm.once(lab)
            source = flood.begin(lab)
            # What is measured is a bench that has had the flood for a while.
            until = time.monotonic() + seconds
            time.sleep(seconds / 2)
            under = Figures()
            while not under.known or time.monotonic() < until:
                if lab.server.process.poll() is not None:
                    raise AssertionError(f"the bench ended with {lab.server.process.returncode}:\n{lab.server.log_tail()}")
                under.once(lab)
            under.ledger = max(under.ledger, lab.ledger())
            done, memory = source.stop(), lab.memory()
            stop = lab.stop()
            start = lab.start()
            costs = (memory, max(under.ledger, lab.ledger()), stop, start, lab.memory())
            return Row(flood).fill(done, calm, under, costs)
        finally:
            lab.line.socket.close()
            lab.server.stop()


def table(rows):
    lines = [COLUMNS] + [[row.flood.name, *row.cells] for row in rows]
    widths = [max(len(line[at]) for line in lines if at < len(line)) for at in range(len(COLUMNS))]
    print("\nWithout the flood > under it; ! is past its limit.")
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=False)).rstrip())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20, help="how long each flood lasts (default 20)")
    parser.add_argument("--only", default="", help="the floods whose name contains this")
    parser.add_argument("--keep", action="store_true", help="keep the scratch folder, and say where it is")
    parser.add_argument("--list", action="store_true", help="name the floods and end")
    arguments = parser.parse_args()
    chosen = [flood for flood in FLOODS if arguments.only in flood.name]
    if arguments.list or not chosen:
        print("\n".join(f"{flood.name:18} {flood.does}" for flood in FLOODS))
        return 0 if arguments.list else 2
    os.environ.setdefault("TRANSLOAD", os.path.join(
        os.environ.get("CARGO_TARGET_DIR", os.path.join(HERE, "..", "target")), "release", "transload"))
    lacking = [tool for tool in ("cc", "curl", "ip", "taskset") if shutil.which(tool) is None]
    lacking += [] if {BENCH_CORE, FLOOD_CORE} <= os.sched_getaffinity(0) else ["two cores"]
    lacking += [] if os.access(server_module.binary(), os.X_OK) else [server_module.binary()]
    if os.geteuid() != 0 or lacking:
        print(f"FLOODS SKIPPED: needs root, and {', '.join(lacking) or 'nothing else'}", file=sys.stderr)
        return 1 if os.environ.get("CI") else 0
    print(f"{server_module.binary()}, {arguments.seconds:.0f} s each, load of the machine {os.getloadavg()[0]:.1f}", flush=True)
    os.sched_setaffinity(0, {FLOOD_CORE})
    rows = []
    folder = tempfile.mkdtemp(prefix="transload-floods-")
    try:
        firmware = lookalike.Firmware(os.path.join(folder, "firmware"), {COMPONENT: COMPONENT_SIZE})
        for version in (lookalike.ENTERPRISE_12, lookalike.E2M, lookalike.MPP_11):
            firmware.load("sip88xx", version)
        program = os.path.join(folder, "flood")
        subprocess.run(["cc", "-O2", "-o", program, os.path.join(HERE, "flood.c")], check=True)
        for flood in chosen:
            print(f"\n{flood.name}: {flood.does}", flush=True)
            row = Row(flood)
            try:
                row = run(flood, arguments.seconds, firmware, program, os.path.join(folder, flood.name))
            except (AssertionError, OSError, RuntimeError, subprocess.SubprocessError) as error:
                row.failed.append(str(error))
            rows.append(row)
            for why in row.failed:
                print(f"    FAIL  {why}", flush=True)
            if not row.failed:
                print("    pass", flush=True)
    finally:
        if arguments.keep:
            print(f"kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    table(rows)
    failed = [row.flood.name for row in rows if row.failed]
    print(f"{len(rows) - len(failed)} passed, {len(failed)} failed{': ' if failed else ''}{', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.exit(main())
