#!/usr/bin/env python3
"""No acknowledged lease is lost and no address given twice, whenever the server is killed or loses power.

    durability.py [--kills N] [--cuts N] [--sick N] [--seed N] [--verbose]

Needs root, for network namespaces, loop devices and mounts; the program is $TRANSLOAD, as for bench.py.

A power cut: the state folder is an ext4 file system on a loop device. Under load the server is stopped in its tracks
(SIGSTOP); what it has answered by then is what it has promised. Then the loop device's backing file is copied: in it is
what the file system has handed to its disk, and not what it still keeps in memory to be written later. The copy is
mounted, the server started from it, and every client asked for its lease. Then power cuts again, after times in which
one of eight syncs failed (nosync.c). Last, the same is done to a server whose syncs of its log do nothing: if that goes
unnoticed, the check is worthless, and fails.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "phones")]

import server as server_module  # noqa: E402
from load import Load  # noqa: E402
from netns import Switch, run  # noqa: E402

TOOLS = ("ip", "cc", "losetup", "mount", "mkfs.ext4")
CLIENTS = 2500
# Fewer than clients, so that what one releases another one gets.
POOL = "10.23.64.0-10.23.71.207"
# The file system hands nothing over by itself in the time between two cuts.
LAZY = "commit=300"


class Disk:
    """An ext4 file system in a file, mounted where the server keeps its state."""

    def __init__(self, folder, at):
        self.folder, self.at = folder, at
        self.count = 0
        self.image = self.device = None
        os.makedirs(at, exist_ok=True)

    def _next(self):
        self.count += 1
        return os.path.join(self.folder, f"disk-{self.count}.img")

    def make(self):
        self.image = self._next()
        with open(self.image, "wb") as file:
            file.truncate(192 << 20)
        run("mkfs.ext4", "-q", "-F", self.image)
        self.mount()

    def mount(self):
        self.device = run("losetup", "--find", "--show", self.image).strip()
        try:
            run("mount", "-t", "ext4", "-o", LAZY, self.device, self.at)
        finally:
            run("losetup", "-d", self.device)       # takes effect with the unmounting

    def unmount(self):
        if self.device:
            run("umount", self.at)
            self.device = None
            os.unlink(self.image)

    def _written(self):
        """Writes so far, and requests under way, of the loop device."""
        with open(f"/sys/block/{os.path.basename(self.device)}/stat") as file:
            fields = file.read().split()
        return int(fields[4]), int(fields[8])

    def lose_power(self):
        """Go on with what has reached the disk by now: a copy made while nothing was written."""
        copy = self._next()
        while True:
            before = self._written()
            run("cp", "--sparse=always", self.image, copy)
            if self._written() == before and before[1] == 0:
                break
        return copy

    def continue_from(self, copy):
        self.unmount()
        self.image = copy
        self.mount()


class Round:
    """One server on a disk, and its clients."""

    def __init__(self, switch, folder, seed, environment=None):
        self.random = random.Random(seed)
        host = switch.host("srv", address=f"{server_module.ADDRESS}/16")
        self.server = server_module.Server(host, folder, sections={
            "bench": {"address": f"{server_module.ADDRESS}/16"},
            "dhcp": {"pool": POOL, "lease": "12h", "admit": "all", "conflict-probe": False, "on-foreign": "ignore"}})
        shutil.rmtree(self.server.state)
        self.disk = Disk(folder, self.server.state)
        self.load = Load(switch.host("clients"), self.random, CLIENTS)
        self.server.environment = environment or {}
        self.checked = 0

    def start(self):
        self.server.start(wait=False)

    def alive(self):
        if self.server.process.poll() is not None:
            raise AssertionError(f"serve ended with {self.server.process.returncode}:\n{self.server.log_tail()}")

    def check(self, **options):
        self.checked += self.load.check(self.alive, **options)

    def kill(self):
        self.server.kill()
        self.load.drain()

    def kill_under_load(self):
        self.load.run(self.random.uniform(0.2, 1.2))
        self.kill()
        self.start()
        if self.random.random() < 0.15:         # and again while it comes up
            time.sleep(self.random.uniform(0, 0.3))
            self.kill()
            self.start()
        self.check()

    def cut_under_load(self):
        if self.random.random() < 0.2:          # an orderly end leaves other files behind than a kill
            if self.server.stop() != 0:
                raise AssertionError(f"SIGTERM did not end it well:\n{self.server.log_tail()}")
            self.load.drain()
            self.start()
            self.check()
        self.load.run(self.random.uniform(0.2, 1.2))
        self._stop()
        self.load.drain()
        copy = self.disk.lose_power()
        self.kill()
        self.disk.continue_from(copy)
        self.start()
        self.check()

    def _stop(self):
        pid = self.server.pid()
        os.kill(pid, signal.SIGSTOP)
        deadline = time.monotonic() + 10
        while not all(stopped(pid, thread) for thread in os.listdir(f"/proc/{pid}/task")):
            if time.monotonic() > deadline:
                raise RuntimeError("the server does not stop")
            time.sleep(0.002)

    def end(self):
        if self.server.process and self.server.process.poll() is None:
            self.server.kill()
        self.load.close()
        self.disk.unmount()


def stopped(pid, thread):
    with open(f"/proc/{pid}/task/{thread}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] in "Tt"


def told(what, number, round_, verbose):
    load = round_.load
    if verbose or number % 10 == 0 or load.problems:
        print(f"{what} {number}: {load.acks} ACKs, {load.releases} releases, {round_.checked} leases confirmed after"
              f" a restart, {len(load.holders)} held, {len(load.problems)} problems", flush=True)


def honest(folder, arguments):
    """The program as it is: returns its broken promises."""
    with Switch() as switch:
        round_ = Round(switch, folder, arguments.seed)
        try:
            round_.disk.make()
            round_.start()
            # Everybody gets a lease first: the rest is churn.
            round_.load.run(4)
            for number in range(1, arguments.kills + 1):
                round_.kill_under_load()
                told("kill", number, round_, arguments.verbose)
            for number in range(1, arguments.cuts + 1):
                round_.cut_under_load()
                told("power cut", number, round_, arguments.verbose)
            round_.check(everybody=True)
            told("all confirmed after", arguments.kills + arguments.cuts, round_, True)
            if round_.server.panics():
                round_.load.problems += round_.server.panics()
            return round_.load.problems
        finally:
            round_.end()


def sick(folder, arguments):
    """The program on a disk that fails now and then: returns its broken promises."""
    os.makedirs(folder)
    failing = os.path.join(folder, "failing")
    environment = dict(server_module.preload("nosync.c", folder), NOSYNC="/ledger.db-wal", NOSYNC_WHEN=failing)
    with Switch() as switch:
        round_ = Round(switch, folder, arguments.seed, environment)
        try:
            round_.disk.make()
            round_.start()
            round_.load.run(4)
            for number in range(1, arguments.sick + 1):
                with open(failing, "w"):
                    round_.load.run(round_.random.uniform(0.5, 2))
                os.unlink(failing)
                round_.cut_under_load()
                told("power cut after failing syncs", number, round_, arguments.verbose)
            with open(round_.server.log_path, errors="replace") as file:
                failures = sum("disk I/O error" in line for line in file)
            print(f"the log tells of failed writes {failures} times")
            return round_.load.problems + ([] if failures or not arguments.sick else ["no write failed"])
        finally:
            round_.end()


def forgetful(folder, arguments):
    """The program without the syncs of its log: power cuts must show it."""
    os.makedirs(folder)
    environment = dict(server_module.preload("nosync.c", folder), NOSYNC="/ledger.db-wal")
    with Switch() as switch:
        round_ = Round(switch, folder, arguments.seed, environment)
        try:
            round_.disk.make()
            round_.start()
            round_.load.run(4)
            for number in range(1, 11):
                round_.cut_under_load()
                told("power cut without syncs", number, round_, arguments.verbose)
                if round_.load.problems:
                    return number
            return None
        finally:
            round_.end()


def main():
    parser = argparse.ArgumentParser(description="Leases survive kill -9 and power cuts.")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--cuts", type=int, default=50)
    parser.add_argument("--sick", type=int, default=10, help="power cuts after syncs that failed")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--verbose", action="store_true", help="a line for every round")
    arguments = parser.parse_args()
    lacking = [tool for tool in TOOLS if shutil.which(tool) is None]
    if os.geteuid() != 0 or lacking or not os.path.exists("/dev/loop-control"):
        reason = f"it needs {', '.join(lacking)}" if lacking else "it needs root and loop devices"
        print(f"DURABILITY CHECK SKIPPED: {reason}", file=sys.stderr)
        return 1 if os.environ.get("CI") else 0
    print(f"seed {arguments.seed}, {server_module.binary()}", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory(prefix="transload-durability-") as folder:
        began = time.monotonic()
        problems = honest(os.path.join(folder, "honest"), arguments)
        problems += sick(os.path.join(folder, "sick"), arguments)
        for problem in problems[:20]:
            print(f"FAIL  {problem}")
        noticed = forgetful(os.path.join(folder, "forgetful"), arguments)
        seconds = time.monotonic() - began
    print(f"missing syncs were noticed at power cut {noticed}" if noticed else "FAIL  missing syncs went unnoticed")
    print(f"{arguments.kills} kills, {arguments.cuts + arguments.sick} power cuts, {len(problems)} broken promises, {seconds:.0f} s,"
          f" seed {arguments.seed}")
    return 1 if problems or not noticed else 0


if __name__ == "__main__":
    sys.exit(main())
