"""What is measured, and how it is told."""

import math
import statistics

import perfdhcp
import servers
from control import Group

# A lost share below this counts as none.
LOSS_FREE = 0.001
STEP = 1.15
# Exchanges a second: what dnsmasq can serve, and what only the others can.
COMMON_RATES = (150, 1000, 4000)
SLOW = {"dnsmasq": 200}
# Seconds that a slow rate is offered for.
LONGEST = 15
LEASES = 50_000


class Bench:
    """Two hosts, and a way to have a server and load."""

    def __init__(self, server, clients, folder, binary, arguments):
        self.host, self.clients, self.folder, self.binary = server, clients, folder, binary
        self.names, self.rounds, self.seconds = arguments.servers, arguments.rounds, arguments.seconds
        self.short = arguments.short
        self.peak = None

    def server(self, name, group=None):
        return servers.ALL[name](self.host, self.folder, group, self.binary)

    def load(self, rate, seconds=None, **options):
        return perfdhcp.run(self.clients, servers.SERVER, rate, seconds or self.seconds, **options)


def cpu(bench):
    for rate in COMMON_RATES:
        names = [name for name in bench.names if SLOW.get(name, rate) >= rate]
        found = {name: [] for name in names}
        for _ in range(bench.rounds):
            for name in names:
                leases = 1000 if bench.short else 10_000
                with bench.server(name) as server:
                    before = server.cpu()
                    result = bench.load(rate, min(max(leases // rate, 1), LONGEST))
                    found[name].append((server.cpu() - before) / max(result.leases, 1) * 10_000)
        print(f"CPU seconds for 10,000 leases at {rate}/s")
        table(found, "{:8.2f}")


def rate(bench):
    found = {name: [] for name in bench.names}
    spent = {name: [] for name in bench.names}
    start = {name: SLOW.get(name, 2000) / 2 for name in bench.names}
    for _ in range(bench.rounds):
        for name in bench.names:
            best, cost = highest(bench, name, start[name])
            found[name].append(best)
            spent[name].append(cost)
            # The next round begins two steps below.
            start[name] = best / STEP ** 2 or start[name] / 2
    print("highest rate without loss, leases a second")
    table(found, "{:8.0f}")
    print("CPU seconds for 10,000 leases, of all that were served on the way there")
    table(spent, "{:8.2f}")
    if "transload" in found:
        bench.peak = statistics.median(found["transload"])


def highest(bench, name, start):
    """The last step that was served without loss and in full, and CPU seconds for 10,000 of all leases given; a step
    that fails is given a second chance. Begins lower where already the first one fails."""
    best, rate, leases = 0, start, 0
    with bench.server(name) as server:
        began = server.cpu()
        while True:
            for _ in range(2):
                result = bench.load(rate)
                leases += result.leases
                # perfdhcp may come to its own end first.
                served = result.lost < LOSS_FREE and result.offered > 0.97 * rate * bench.seconds
                if served:
                    break
            if not served and best == 0 and rate > 50:
                rate /= STEP ** 3
                continue
            if not served:
                return best, (server.cpu() - began) / max(leases, 1) * 10_000
            best, rate = result.leases / bench.seconds, rate * STEP
            assert server.process.poll() is None, server.log()


def quarter(bench):
    shares = []
    with Group(0.25) as group:
        if not group.version:
            print("SKIPPED, not measured: this machine has no control group for CPU time, of either version")
            return
        for _ in range(bench.rounds):
            rate, peak = 250, 0
            # The peak is what is served most, at whatever is offered.
            while True:
                with bench.server("transload", group):
                    served = bench.load(rate).leases / bench.seconds
                if served < peak * 0.97:
                    break
                peak, rate = max(peak, served), rate * STEP ** 2
                if served < 0.6 * rate / STEP ** 2:
                    break
            with bench.server("transload", group):
                doubled = bench.load(2 * peak).leases / bench.seconds
            shares.append(doubled / peak)
            print(f"  peak {peak:.0f}/s; of {2 * peak:.0f}/s offered, {doubled:.0f}/s served: {100 * doubled / peak:.0f} %",
                  flush=True)
    print(f"served of the peak with twice as much offered: {spread(shares, '{:.2f}')} (control groups version {group.version})")


def latency(bench):
    peak = bench.peak or highest(bench, "transload", 2000)[0]
    found = []
    for _ in range(bench.rounds):
        with bench.server("transload"):
            delays = bench.load(peak / 2, timers=True).delays()
        found.append(delays[int(len(delays) * 0.99)])
    print(f"99 of 100 answers at {peak / 2:.0f}/s within, in ms: {spread(found, '{:.2f}')}")


def leases(bench):
    with bench.server("transload") as server:
        got, rate, wanted = 0, 2500, 2000 if bench.short else LEASES
        while got < wanted:
            got += bench.load(rate, min(4, math.ceil((wanted - got) / rate))).leases
        now, most = server.resident()
        print(f"{got} leases: {now:.1f} MB resident, {most:.1f} MB at most")
        server.stop()
        server.process = None
        found = []
        for _ in range(bench.rounds):
            server.start(wait=False)
            found.append(first_reply(bench, server))
            now, most = server.resident()
            server.stop()
        print(f"after a restart {now:.1f} MB resident, {most:.1f} MB at most")
        print(f"from the end of the guard's 3 s to the first reply, in ms: {spread(found, '{:.0f}')}")


def first_reply(bench, server):
    """Milliseconds from the end of the guard's probe to the first offer to a client that keeps asking."""
    code = ASKER.replace("SERVER", servers.SERVER).replace("SELF", servers.CLIENTS)
    asker = bench.clients.popen("python3", "-S", "-c", code, stdout=-1)
    out = asker.communicate(timeout=60)[0].split()
    began = server.guard_began()
    return (float(out[0]) - began - 3) * 1000


# Asks every 2 ms as a relay, and prints the time of the first answer.
ASKER = r"""
import socket, struct, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("SELF", 67))
s.settimeout(0.002)
mac = bytes.fromhex("00feedfeed01")
head = struct.pack("!BBBBIHH4s4s4s4s16s64s128s", 1, 1, 6, 1, 7, 0, 0, b"", b"", b"", socket.inet_aton("SELF"), mac, b"", b"")
vendor = b"Cisco Systems, Inc. IP Phone CP-8851"
ask = head + bytes([99, 130, 83, 99, 53, 1, 1, 60, len(vendor)]) + vendor + b"\xff"
while True:
    try:
        s.sendto(ask, ("SERVER", 67))
        s.recv(2000)
        print(time.time())
        break
    except OSError:
        time.sleep(0.001)
"""


def table(found, form):
    """Median and spread of each, and the first beside the others."""
    for name, values in found.items():
        print(f"  {name:10} {spread(values, form)}")
    first, *others = found
    for other in others:
        divisor = statistics.median(found[other])
        ratio = statistics.median(found[first]) / divisor if divisor else float("inf")
        print(f"  {first} : {other} = {ratio:.2f}", flush=True)


def spread(values, form):
    low, middle, high = (form.format(value) for value in (min(values), statistics.median(values), max(values)))
    return f"{middle} ({low.strip()} to {high.strip()}, {len(values)} runs)"
