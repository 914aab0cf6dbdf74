#!/usr/bin/env python3
"""Many virtual phones through a whole migration, beside the time that their bytes alone would need.

    rehearsal.py [--phones N] [--bytes N] [--seconds N]

The phones boot and write flash at once; each fetches so many bytes for each load. The bytes alone are as many, taken over
HTTP from `transload serve` by the load generator of http.py with as many clients, in files of that size. Needs root and a
C compiler. The program is $TRANSLOAD, or target/release/transload. Exit status 1 if a phone failed, or if the migration took
more than 1.3 times as long as the bytes alone.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile

from http_clients import Clients

from netns import Switch
from server import binary

MODELS = ("7811", "7821", "7832", "7841", "7861", "8811", "8832", "8841", "8845", "8851", "8861", "8865")
TARGET = 1.3


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--phones", type=int, default=1000)
    parser.add_argument("--bytes", type=int, default=2_000_000)
    parser.add_argument("--seconds", type=float, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rate = bytes_alone(arguments, folder)
        summary, failed = rehearse(arguments, folder)
    took, alone = summary["seconds"], summary["bytes"] / rate
    print(f"{summary['phones']} phones: {summary['done']} done, {summary['held']} held, {summary['stuck']} stuck, "
          f"{summary['bytes'] / 1e9:.2f} GB")
    print(f"the migration took {took:.1f} s; the bytes alone would take {alone:.1f} s at {rate / 1e6:.0f} MB/s: "
          f"{took / alone:.2f} times as long")
    for line in summary["failures"][:10]:
        print("failed:", line)
    return 1 if failed or took > TARGET * alone else 0


def bytes_alone(arguments, folder):
    """Bytes per second over HTTP."""
    with Switch() as switch:
        bench = Clients(switch, folder)
        bench.file("rootfs88xx.bench.sbn", arguments.bytes)
        bench.server.start()
        run = bench.load(80, arguments.phones, arguments.seconds, "/@/1/rootfs88xx.bench.sbn")
        bench.server.stop()
        return run["bytes"] / run["seconds"]


def rehearse(arguments, folder):
    roster = os.path.join(folder, "roster.csv")
    with open(roster, "w") as file:
        file.write("MAC,model,vid\n")
        file.writelines(f"00562B{n:06X},{MODELS[n % len(MODELS)]},V05\n" for n in range(1, arguments.phones + 1))
    done = subprocess.run([binary(), "rehearse", "--roster", roster, "--at-once", "--load-size", str(arguments.bytes),
                           "--json"], capture_output=True, text=True, cwd=folder)
    if not done.stdout:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1]), done.returncode != 0


if __name__ == "__main__":
    sys.exit(main())
