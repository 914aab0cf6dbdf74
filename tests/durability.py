"""No acknowledged lease is lost and no address given twice, whenever the server is killed or loses power.

A power cut: the state folder is an ext4 file system on a loop device. Under load the server is stopped in its tracks
(SIGSTOP); what it has answered by then is what it has promised. Then the loop device's backing file is copied: in it is
what the file system has handed to its disk, and not what it still keeps in memory to be written later. The copy is
mounted, the server started from it, and every client asked for its lease. Then power cuts again, after times in which
one of eight syncs failed (nosync.c). Last, the same is done to a server whose syncs of its log do nothing: if that goes
unnoticed, the check is worthless, and fails.
"""

import os
import random
import shutil
import signal
import time

import pytest

import server as server_module
from case import case, expect
from load import Load
from needs import need
from netns import run

TOOLS = ("ip", "cc", "losetup", "mount", "mkfs.ext4")
CLIENTS = 2500
# Fewer than clients, so that what one releases another one gets.
POOL = "10.23.64.0-10.23.71.207"
# Hundreds of rounds take their time.
pytestmark = pytest.mark.timeout(7200)
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


def told(what, number, round_):
    load = round_.load
    print(f"{what} {number}: {load.acks} ACKs, {load.releases} releases, {round_.checked} leases confirmed after"
          f" a restart, {len(load.holders)} held, {len(load.problems)} problems", flush=True)


def kept(round_):
    problems = round_.load.problems + round_.server.panics()
    expect(not problems, f"{len(problems)} broken promises\n" + "\n".join(problems[:20]))


@pytest.fixture
def begin(switch, folder, logs, pytestconfig):
    """Start a server on a disk of its own, with clients that all have a lease."""
    need(*TOOLS)
    if not os.path.exists("/dev/loop-control"):
        pytest.skip("it needs loop devices")
    rounds = []

    def begin(environment=None):
        round_ = Round(switch, folder, pytestconfig.option.seed, environment)
        rounds.append(round_)
        logs.append(round_.server.log_tail)
        round_.disk.make()
        round_.start()
        # Everybody gets a lease first: the rest is churn.
        round_.load.run(4)
        return round_
    yield begin
    for round_ in rounds:
        round_.end()


@case("durability: kills and power cuts lose no acknowledged lease, and no address is given twice")
def honest(begin, pytestconfig):
    round_ = begin()
    for number in range(1, pytestconfig.option.kills + 1):
        round_.kill_under_load()
        told("kill", number, round_)
    for number in range(1, pytestconfig.option.cuts + 1):
        round_.cut_under_load()
        told("power cut", number, round_)
    round_.check(everybody=True)
    told("all confirmed after power cut", pytestconfig.option.cuts, round_)
    kept(round_)


@case("durability: nor do power cuts on a disk that fails now and then")
def sick(begin, folder, pytestconfig):
    failing = os.path.join(folder, "failing")
    round_ = begin(dict(server_module.preload("nosync.c", folder), NOSYNC="/ledger.db-wal", NOSYNC_WHEN=failing))
    for number in range(1, pytestconfig.option.sick + 1):
        with open(failing, "w"):
            round_.load.run(round_.random.uniform(0.5, 2))
        os.unlink(failing)
        round_.cut_under_load()
        told("power cut after failing syncs", number, round_)
    kept(round_)
    with open(round_.server.log_path, errors="replace") as file:
        failures = sum("disk I/O error" in line for line in file)
    print(f"the log tells of failed writes {failures} times")
    expect(failures, "no write failed")


@case("durability: power cuts show the lack of syncs, in a server whose syncs of its log do nothing")
def forgetful(begin, folder):
    round_ = begin(dict(server_module.preload("nosync.c", folder), NOSYNC="/ledger.db-wal"))
    for number in range(1, 11):
        round_.cut_under_load()
        told("power cut without syncs", number, round_)
        if round_.load.problems:
            return
    raise AssertionError("missing syncs went unnoticed")
