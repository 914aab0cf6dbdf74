#!/usr/bin/env python3
"""DHCP protocol cases asked from outside: of `transload serve`, of Kea, or of both, to compare.

    conformance.py [--server transload|kea|both] [--only TEXT] [--list]

Needs root, for network namespaces; the program is $TRANSLOAD, as for bench.py. Exit status 0 if transload passes all.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "phones")]

from conform import CASES, RELAYED  # noqa: E402
from conform import fields, options, process  # noqa: E402,F401
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


def main():
    parser = argparse.ArgumentParser(description="DHCP protocol cases, asked from outside.")
    parser.add_argument("--server", choices=("transload", "kea", "both"), default="transload")
    parser.add_argument("--only", default="")
    parser.add_argument("--list", action="store_true")
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
        for number in chosen:
            problems = {name: ask(name, number, os.path.join(folder, name)) for name in names}
            for name, problem in problems.items():
                passed[name] += problem is None
            marks = "  ".join(f"{name} {'pass' if problem is None else 'FAIL'}" for name, problem in problems.items())
            print(f"{marks}  {CASES[number][0]}", flush=True)
            for name, problem in problems.items():
                for line in (problem or "").splitlines():
                    print(f"      {name}: {line}", flush=True)
    print(", ".join(f"{name} {count} of {len(chosen)}" for name, count in passed.items())
          + f", {time.monotonic() - began:.0f} s")
    return 0 if passed[names[0]] == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main())
