#!/usr/bin/env python3
"""What the hook costs Kea: CPU seconds for a completed lease, with the hook and without it.

    kea_hook.py [--pairs N] [--rate N] [--seconds N] [--state FOLDER] [--limit RATIO]

Kea is configured alike in both cases, with two threads and a class for phones; the hook is all that differs, and it is
connected to an appliance that takes in every lease and gives its verdicts. Kea has a core for itself, the load goes before the
appliance on the others, and no core sleeps; otherwise how often Kea is woken, and what that costs, says more than the hook. What
starting costs is over before the load begins. The two take turns; medians and their ratio are printed, and the exit status is 1
above --limit; judge it on a machine that has nothing else to do (the aim is 1.05).

Needs root, kea-dhcp4-server and perfdhcp (kea-admin). The programs are $TRANSLOAD, or target/release/transload, and
$TRANSLOAD_KEA, or dhcp/kea/target/release/libtransload_kea.so.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]

import perfdhcp  # noqa: E402
import servers  # noqa: E402

import otherservers  # noqa: E402
from netns import Switch  # noqa: E402


class Beside(servers.Transload):
    """The appliance, where Kea gives the leases."""

    def command(self):
        command = super().command()
        with open(command[-1]) as file:
            text = file.read()
        with open(command[-1], "w") as file:
            file.write(text.replace("[dhcp]\n", "[dhcp]\nenabled = false\n"))
        # It has what the load leaves: the busier the load's core is, the more messages come in bunches, the less often Kea
        # is woken, and a hook that makes the appliance work would seem to save Kea's time.
        return ["chrt", "--idle", "0", *command]

    def is_ready(self):
        return os.path.exists(os.path.join(self.folder, "state", "feed.sock"))


class HookedKea(servers.QuietKea):
    """With the hook."""

    name = "kea-hook"
    appliance = None

    def command(self):
        command = super().command()
        with open(command[-1]) as file:
            config = json.load(file)
        config["Dhcp4"]["hooks-libraries"] = [{"library": otherservers.hook(), "parameters": {
            "config": os.path.join(self.appliance.folder, "transload.toml"),
            "feed": os.path.join(self.appliance.folder, "state", "feed.sock"), "cache": os.path.join(self.folder, "verdicts")}}]
        return ["kea-dhcp4", "-c", self.write("kea.json", json.dumps(config, indent=1))]


def cpu(process):
    """Seconds on a CPU of all its threads, to the nanosecond; /proc/PID/stat rounds to ticks, more than a percent of a run."""
    tasks = f"/proc/{process.pid}/task"
    total = 0
    for task in os.listdir(tasks):
        with open(f"{tasks}/{task}/schedstat") as file:
            total += int(file.read().split()[0])
    return total / 1e9


def set_apart(process, core):
    for task in os.listdir(f"/proc/{process.pid}/task"):
        os.sched_setaffinity(int(task), [core])


def keep_awake(cores):
    """Processes that only take what nobody else wants. A core that sleeps has to be woken, on a virtual machine by its host; that
    costs Kea as much as its work does, and differs from run to run by more than what is measured here."""
    return [subprocess.Popen(["taskset", "-c", str(core), "chrt", "--idle", "0", "sh", "-c", "while :; do :; done"])
            for core in cores]


def settle(process, patience=20):
    """Wait until it does nothing any more: what it does on starting, such as being told all verdicts, is no lease's."""
    deadline = time.monotonic() + patience
    before = cpu(process)
    while time.monotonic() < deadline:
        time.sleep(0.5)
        now = cpu(process)
        if now - before < 0.002:
            return
        before = now
    raise RuntimeError("the server is still busy, long after it has started")


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--rate", type=int, default=2500, help="exchanges begun a second")
    parser.add_argument("--seconds", type=int, default=3, help="of one run; a pair has two of each")
    parser.add_argument("--state", default=HERE, help="a folder on a real disk")
    parser.add_argument("--limit", type=float, help="the highest ratio of the medians that is good")
    arguments = parser.parse_args()
    binary = os.path.abspath(os.environ.get("TRANSLOAD") or os.path.join(
        os.environ.get("CARGO_TARGET_DIR", os.path.join(HERE, "..", "..", "target")), "release", "transload"))
    missing = otherservers.lacking("kea") + [tool for tool in ("perfdhcp", "ip", "ss", "chrt", "taskset") if not shutil.which(tool)]
    missing += [binary] * (not os.access(binary, os.X_OK))
    if os.geteuid() != 0 or missing:
        sys.exit(f"needs root, and: {' '.join(missing) or 'nothing else'}")
    # Kea has a core for itself, where there are several.
    *others, core = sorted(os.sched_getaffinity(0))
    if others:
        os.sched_setaffinity(0, others)
    awake = keep_awake([*others, core])
    folder = tempfile.mkdtemp(prefix="transload-benchmark-", dir=arguments.state)
    found = {servers.QuietKea: [], HookedKea: []}
    try:
        with Switch() as switch:
            server = switch.host("server", address=f"{servers.SERVER}/10")
            clients = switch.host("clients", address=f"{servers.CLIENTS}/10")
            with Beside(server, folder, None, binary) as HookedKea.appliance:
                for pair in range(arguments.pairs):
                    spent, leases = (dict.fromkeys(found, 0) for _ in range(2))
                    order = list(found) if pair % 2 else list(reversed(found))
                    # There and back, so that a machine that grows slower or faster does so for both.
                    for kind in order + order[::-1]:
                        with kind(server, folder, None, binary) as kea:
                            set_apart(kea.process, core)
                            settle(kea.process)
                            before = cpu(kea.process)
                            leases[kind] += perfdhcp.run(clients, servers.SERVER, arguments.rate, arguments.seconds).leases
                            spent[kind] += cpu(kea.process) - before
                    for kind, values in found.items():
                        values.append(spent[kind] / max(leases[kind], 1) * 1e6)
                    without, hooked = (values[-1] for values in found.values())
                    counts = " and ".join(map(str, leases.values()))
                    print(f"pair {pair + 1}: {without:.1f} and {hooked:.1f} µs of CPU for a lease, of {counts}: "
                          f"{hooked / without:.3f}", flush=True)
                with open(HookedKea.appliance.log_path, errors="replace") as log:
                    joined = log.read().count("has joined the feed")
    finally:
        for process in awake:
            process.kill()
            process.wait()
        shutil.rmtree(folder)
    without, hooked = (statistics.median(values) for values in found.values())
    print(f"medians of {arguments.pairs} pairs: {without:.1f} without, {hooked:.1f} with the hook: {hooked / without:.3f}; "
          f"load {os.getloadavg()[0]:.1f}")
    assert joined == 2 * arguments.pairs, f"the hook joined the feed {joined} times"
    return 1 if arguments.limit and hooked / without > arguments.limit else 0


if __name__ == "__main__":
    sys.exit(main())
