#!/usr/bin/env python3
"""The end-to-end check: the real program, real clients, phones of other hands than the program's.

    bench.py [--only TEXT] [--phones N] [--seed N] [--long] [--keep] [--list]

Needs root, for network namespaces; it touches nothing outside those it makes. The program is $TRANSLOAD, or
target/debug/transload. Exit status 0 only if every case passed.
"""

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "phones")]

import lookalike  # noqa: E402
import server as server_module  # noqa: E402
from cases import CASES  # noqa: E402
from fleet import Fleet  # noqa: E402
from netns import Switch  # noqa: E402
from cases import selfcheck, leases, transfers, migration, holds, lifecycle, trouble, garbage  # noqa: E402,F401

TOOLS = ("ip", "udhcpc", "dhclient", "dhcpcd", "curl", "tftp", "atftp", "unshare", "busybox")


class Bench:
    """What a case works with: a switch, a scratch folder, firmware, and at most one server."""

    def __init__(self, switch, folder, store, arguments):
        self.switch = switch
        self.folder = folder
        self.store = store
        self.phones = arguments.phones
        self.seed = arguments.seed
        self.long = arguments.long
        self.random = random.Random(arguments.seed)
        self.servers = []

    def firmware(self, name, families, versions, sizes=None):
        """A folder of look-alike firmware, made once for the whole run and never changed afterwards."""
        if name not in self.store:
            firmware = lookalike.Firmware(os.path.join(self.store["folder"], name), sizes)
            for family in families:
                for version in versions:
                    firmware.load(family, version)
            firmware.manifest_path = os.path.join(self.store["folder"], f"{name}.json")
            firmware.save_manifest(firmware.manifest_path)
            self.store[name] = firmware
        return self.store[name]

    def server(self, firmware=None, phones=(), licensed=None, direction="e2m", without=(), **options):
        """A configured server in its namespace, not started: library, licenses and roster in its state folder."""
        host = self.switch.host("srv", address=f"{server_module.ADDRESS}/24")
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


def run(case, store, arguments):
    """One case on a switch of its own. Returns None, or what went wrong."""
    folder = tempfile.mkdtemp(prefix="case-", dir=store["folder"])
    try:
        with Switch() as switch:
            bench = Bench(switch, folder, store, arguments)
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
    parser.add_argument("--long", action="store_true", help="more rounds of killing and of garbage")
    parser.add_argument("--keep", action="store_true", help="keep the scratch folders, and say where they are")
    parser.add_argument("--verbose", action="store_true", help="show the server's last lines when a case fails")
    parser.add_argument("--list", action="store_true", help="name the cases and end")
    arguments = parser.parse_args()
    chosen = [(n, f) for n, f, slow in CASES if arguments.only in n and (arguments.long or not slow)]
    if arguments.list:
        print("\n".join(n for n, _ in chosen))
        return 0
    lacking = [tool for tool in TOOLS if shutil.which(tool) is None]
    if os.geteuid() != 0 or lacking:
        reason = f"it needs {', '.join(lacking)}" if lacking else "it needs root"
        print(f"END-TO-END CHECK SKIPPED, {len(chosen)} cases: {reason}", file=sys.stderr)
        return 1 if os.environ.get("CI") else 0
    print(f"seed {arguments.seed}, {server_module.binary()}", flush=True)
    store = {"folder": tempfile.mkdtemp(prefix="transload-bench-")}
    passed = failed = 0
    try:
        for name, function in chosen:
            began = time.monotonic()
            problem = run(function, store, arguments)
            seconds = time.monotonic() - began
            if problem is None:
                passed += 1
                print(f"pass  {name}  ({seconds:.1f} s)", flush=True)
            else:
                failed += 1
                print(f"FAIL  {name}  ({seconds:.1f} s)\n" + "\n".join("      " + x for x in problem.splitlines()),
                      flush=True)
    finally:
        if arguments.keep:
            print(f"kept: {store['folder']}")
        else:
            shutil.rmtree(store["folder"], ignore_errors=True)
    print(f"{passed} passed, {failed} failed")
    return 0 if failed == 0 and passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
