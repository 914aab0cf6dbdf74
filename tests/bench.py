#!/usr/bin/env python3
"""The end-to-end check: the real program, real clients, phones of other hands than the program's.

    bench.py [--only TEXT] [--phones N] [--jobs N] [--seed N] [--long] [--keep] [--verbose] [--list]

Needs root, for network namespaces; it touches nothing outside those it makes. The program is $TRANSLOAD, or
target/debug/transload. Exit status 0 only if every case passed.
"""

import argparse
import multiprocessing
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from functools import partial

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "phones")]

import lookalike  # noqa: E402
import server as server_module  # noqa: E402
from cases import CASES  # noqa: E402
from fleet import Fleet  # noqa: E402
from netns import Switch  # noqa: E402
from cases import selfcheck, leases, networks, guard, transfers, migration, holds, pages, registrar, sip, lifecycle, disk, trouble, garbage  # noqa: E402,F401
from cases import api, delivery, doors, refused, scenarios  # noqa: E402,F401
from cases import after, crowd, elsewhere, forget, ledger, liars, report, stays  # noqa: E402,F401

TOOLS = ("ip", "cc", "udhcpc", "dhclient", "dhcpcd", "curl", "tftp", "atftp", "unshare", "busybox")


class Bench:
    """What a case works with: a switch, a scratch folder, firmware, and at most one server."""

    def __init__(self, switch, folder, arguments):
        self.switch = switch
        self.folder = folder
        self.phones = arguments.phones
        self.seed = arguments.seed
        self.long = arguments.long
        self.random = random.Random(arguments.seed)
        self.servers = []

    def firmware(self, name, families, versions, sizes=None):
        """A folder of look-alike firmware, made once for the whole run and never changed afterwards."""
        if name not in store:
            firmware = lookalike.Firmware(os.path.join(store["folder"], name), sizes)
            for family in families:
                for version in versions:
                    firmware.load(family, version)
            firmware.manifest_path = os.path.join(store["folder"], f"{name}.json")
            firmware.save_manifest(firmware.manifest_path)
            store[name] = firmware
        return store[name]

    def server(self, firmware=None, phones=(), licensed=None, direction="e2m", without=(), **options):
        """A configured server in its namespace, not started: library, licenses and roster in its state folder."""
        host = self.switch.host("srv", address=f"{server_module.ADDRESS}/24")
        host.small_buffers()
        server = server_module.Server(host, os.path.join(self.folder, "server"), direction, **options)
        if firmware:
            for name in firmware.manifest:
                if name not in without:
                    shutil.copy(os.path.join(firmware.folder, name), os.path.join(server.state, "firmware", name))
        for phone in phones if licensed is None else licensed:
            lookalike.write_license(server.state, phone["mac"], direction)
        if phones:
            lookalike.write_roster(os.path.join(server.state, "roster.csv"), phones)
        self.servers.append(server)
        return server

    def fleet(self, phones, firmware, **options):
        folder = os.path.join(self.folder, "phones")
        return Fleet(self.switch, folder, phones, firmware.manifest_path, seed=self.seed, **options)

    def wait_for(self, condition, seconds, explain):
        """Wait for a condition; a condition that raises AssertionError is not true yet."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                if condition():
                    return
                why = ""
            except AssertionError as error:
                why = f" ({error})"
            if time.monotonic() > deadline:
                raise AssertionError(f"not after {seconds} s{why}:\n{explain()}")
            time.sleep(0.2)


def run(number, arguments):
    """One case on a switch of its own. Returns its name, how long it took, and what went wrong, if anything."""
    name, function, _ = CASES[number]
    began = time.monotonic()
    problem = attempt(function, arguments)
    return name, time.monotonic() - began, problem


def attempt(case, arguments):
    """Run a case and clean up after it, whatever happens. Returns None, or what went wrong."""
    folder = tempfile.mkdtemp(prefix="case-", dir=store["folder"])
    try:
        with Switch() as switch:
            bench = Bench(switch, folder, arguments)
            try:
                case(bench)
                for server in bench.servers:
                    if server.process and server.panics():
                        raise AssertionError("the server panicked: " + "; ".join(server.panics()))
            except Exception:
                if arguments.verbose:
                    for server in bench.servers:
                        server.show_tail()
                raise
            finally:
                for server in bench.servers:
                    server.stop()
    except AssertionError as error:
        return str(error)
    except Exception:
        return traceback.format_exc()
    finally:
        if not arguments.keep:
            shutil.rmtree(folder, ignore_errors=True)
    return None


def main():
    parser = argparse.ArgumentParser(description="End-to-end check of transload in network namespaces.")
    parser.add_argument("--only", default="", help="run the cases whose name contains this")
    parser.add_argument("--phones", type=int, default=24, help="phones per migration")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="seed of everything random")
    parser.add_argument("--jobs", type=int, default=1, help="cases at a time; they mostly wait")
    parser.add_argument("--long", action="store_true", help="more rounds of killing and of garbage")
    parser.add_argument("--keep", action="store_true", help="keep the scratch folders, and say where they are")
    parser.add_argument("--verbose", action="store_true", help="show the server's last lines when a case fails")
    parser.add_argument("--list", action="store_true", help="name the cases and end")
    arguments = parser.parse_args()
    chosen = [number for number, (name, _, slow) in enumerate(CASES)
              if arguments.only in name and (arguments.long or not slow)]
    if arguments.list:
        print("\n".join(CASES[number][0] for number in chosen))
        return 0
    lacking = [tool for tool in TOOLS if shutil.which(tool) is None]
    if os.geteuid() != 0 or lacking:
        reason = f"it needs {', '.join(lacking)}" if lacking else "it needs root"
        print(f"END-TO-END CHECK SKIPPED, {len(chosen)} cases: {reason}", file=sys.stderr)
        return 1 if os.environ.get("CI") else 0
    print(f"seed {arguments.seed}, {server_module.binary()}", flush=True)
    results = {True: 0, False: 0}
    folder = tempfile.mkdtemp(prefix="transload-bench-")
    try:
        with multiprocessing.Pool(arguments.jobs, begin, (folder,)) as pool:
            for name, seconds, problem in pool.imap_unordered(partial(run, arguments=arguments), chosen):
                results[problem is None] += 1
                print(f"{'pass' if problem is None else 'FAIL'}  {name}  ({seconds:.1f} s)", flush=True)
                for line in (problem or "").splitlines():
                    print(f"      {line}", flush=True)
            # An orderly end: the terminate() that leaving the block calls can wait for ever for a worker it interrupted.
            pool.close()
            pool.join()
    finally:
        if arguments.keep:
            print(f"kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    print(f"{results[True]} passed, {results[False]} failed")
    return 0 if results[True] > 0 and results[False] == 0 else 1


store = {}


def begin(folder):
    """In each worker: a folder of its own, and an orderly end when it is told to end."""
    store["folder"] = tempfile.mkdtemp(prefix="worker-", dir=folder)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    signal.signal(signal.SIGINT, signal.SIG_IGN)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.exit(main())
