"""Load from Kea's perfdhcp, and what it saw come back."""

import itertools
import re
import subprocess

# An Enterprise phone's options 60 and 55.
VENDOR_CLASS = "Cisco Systems, Inc. IP Phone CP-8851\0"
REQUEST_LIST = bytes([1, 66, 6, 3, 15, 150, 35])
# Clients of one run: so many that few come twice.
CLIENTS = 1 << 20
# A reply later than this, in seconds, counts as lost, and so long the last ones are waited for.
PATIENCE = 1

_runs = itertools.count(1)


class Result:
    """One run: exchanges begun (`offered`) and completed (`leases`), and their share `lost`."""

    def __init__(self, output, seconds):
        self.output = output
        self.seconds = seconds
        self.offered = self._count("DISCOVER-OFFER", "sent packets")
        self.leases = self._count("REQUEST-ACK", "received packets")
        self.lost = 1 - self.leases / max(self.offered, 1)

    def _count(self, exchange, what):
        found = re.search(rf"Statistics for: {exchange}\*+\n.*?{what}: (\d+)", self.output, re.S)
        if not found:
            raise RuntimeError(f"perfdhcp printed no statistics:\n{self.output[:2000]}")
        return int(found[1])

    def delays(self):
        """Milliseconds from each message to its answer, ascending; only where `timers` were asked for."""
        stamps = re.findall(r"sent / received: (\S+) / (\S+)", self.output)
        return sorted(1000 * (float(received) - float(sent)) for sent, received in stamps if received[0].isdigit())


def run(host, server, rate, seconds, timers=False, clients=CLIENTS):
    """Begin `rate` exchanges a second for `seconds`, by clients that no earlier run had."""
    number = next(_runs)
    command = ["perfdhcp", "-4", "-g", "single", "-l", host.interface, "-r", round(rate), "-p", seconds,
               "-R", clients, "-b", f"mac=00:{number % 256:02x}:00:00:00:00", "-s", number,
               "-d", PATIENCE, "-W", PATIENCE * 1_000_000,
               "-o", f"60,{VENDOR_CLASS.encode().hex()}", "-o", f"55,{REQUEST_LIST.hex()}"]
    command += ["-x", "t"] if timers else []
    done = host.run(*command, server, timeout=seconds + 60, stdin=subprocess.DEVNULL)
    return Result((done.stdout + done.stderr).decode(errors="replace"), seconds)
