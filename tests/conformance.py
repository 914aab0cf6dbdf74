#!/usr/bin/env python3
"""DHCP protocol cases asked from outside: of `transload serve`, of Kea, or of both, to compare.

    conformance.py [--server transload|kea|both] [--only TEXT] [--jobs N] [--list]

Needs root, for network namespaces; the program is $TRANSLOAD, as for bench.py. Exit status 0 if the (first) server passes all.
"""

import argparse
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from functools import partial

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "phones")]

from conform import CASES, RELAYED  # noqa: E402
from conform import fields, odd, options, process  # noqa: E402,F401
from conform.lab import Lab  # noqa: E402
from conform.servers import FAR, NEAR, RELAY, SERVERS, SERVER  # noqa: E402
from netns import Switch  # noqa: E402


def ask(server, number, folder):
    """One case, on a segment and a server of its own. Returns None, or what went wrong."""
    _, function, way, setup = CASES[number]
    with Switch() as switch:
        host = switch.host("srv", address=f"{SERVER}/24")
        client = switch.host("c", address=f"{NEAR}.1/24" if way == RELAYED else None)
        if way == RELAYED:
            client.ip("address", "add", f"{RELAY}/24", "dev", client.interface)
            host.ip("route", "add", f"{FAR}.0/24", "via", f"{NEAR}.1")
        try:
            running = SERVERS[server](host, folder, **setup)
        except AssertionError as error:
            return f"not started: {error}"
        lab = Lab(switch, host, client, running, way, 1)
        try:
            function(lab)
            return None if running.alive() else "the server has ended"
        except AssertionError as error:
            return str(error)
        except Exception:
            return traceback.format_exc()
        finally:
            lab.close()
            running.stop()


def ask_all(number, names, folder):
    """A case of each server: its number, and what went wrong by server."""
    own = os.path.join(folder, str(os.getpid()))
    return number, {name: ask(name, number, os.path.join(own, name)) for name in names}


def main():
    parser = argparse.ArgumentParser(description="DHCP protocol cases, asked from outside.")
    parser.add_argument("--server", choices=("transload", "kea", "both"), default="transload")
    parser.add_argument("--only", default="", help="the cases whose name contains this")
    parser.add_argument("--jobs", type=int, default=1, help="cases at a time; they mostly wait")
    parser.add_argument("--list", action="store_true", help="name the cases and end")
    arguments = parser.parse_args()
    chosen = [number for number, row in enumerate(CASES) if arguments.only in row[0]]
    if arguments.list:
        print("\n".join(CASES[number][0] for number in chosen))
        return 0
    names = ["transload", "kea"] if arguments.server == "both" else [arguments.server]
    lacking = [tool for tool in ("ip", "curl") + ("kea-dhcp4",) * ("kea" in names) if shutil.which(tool) is None]
    if os.geteuid() != 0 or lacking:
        print(f"CONFORMANCE CHECK SKIPPED: {'it needs ' + ', '.join(lacking) if lacking else 'it needs root'}",
              file=sys.stderr)
        return 1 if os.environ.get("CI") else 0
    passed, began = dict.fromkeys(names, 0), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="transload-conformance-") as folder:
        with multiprocessing.Pool(arguments.jobs, begin) as pool:
            for number, problems in pool.imap_unordered(partial(ask_all, names=names, folder=folder), chosen):
                show(CASES[number][0], problems)
                for name, problem in problems.items():
                    passed[name] += problem is None
            # An orderly end: the terminate() that leaving the block calls can wait for ever for a worker it interrupted.
            pool.close()
            pool.join()
    print(", ".join(f"{name} {count} of {len(chosen)}" for name, count in passed.items())
          + f", {time.monotonic() - began:.0f} s")
    return 0 if chosen and passed[names[0]] == len(chosen) else 1


def show(case, problems):
    marks = "  ".join(f"{name} {'pass' if problem is None else 'FAIL'}" for name, problem in problems.items())
    print(f"{marks}  {case}", flush=True)
    for name, problem in problems.items():
        for line in (problem or "").splitlines():
            print(f"      {name}: {line}", flush=True)


def begin():
    """In each worker: an orderly end when it is told to end."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    signal.signal(signal.SIGINT, signal.SIG_IGN)


if __name__ == "__main__":
    sys.exit(main())
