#!/usr/bin/env python3
"""Many virtual phones through a whole migration, beside the time that their bytes alone would need.

    rehearsal.py [--phones N] [--bytes N] [--seconds N] [--wire RATE] [--limit RATE]

The phones boot and write flash at once; each fetches so many bytes for each load. The bytes alone are as many, taken over
HTTP from `transload serve` by the load generator of http.py with as many clients, in files of that size. Both go through
a wire of that rate, a switch's port of 1gbit if not told, with `files.rate-limit` a little below it, so that phones on TFTP
and on HTTP share it alike; `--wire none --limit 0` is as fast as this machine can, and then says more of the virtual phones,
which need most of it. Needs root and a C compiler. The program is $TRANSLOAD, or target/release/transload. Exit status 1
if a phone failed, or if the migration took more than 1.3 times as long as the bytes alone.
"""

import argparse
import json
import os
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
    parser.add_argument("--seconds", type=float, default=20, help="in which the bytes alone are taken")
    parser.add_argument("--wire", default="1gbit", help="as tc spells it, or none")
    parser.add_argument("--limit", default="110M", help="files.rate-limit, 0 for none")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Switch() as switch:
        rate = bytes_alone(arguments, folder, switch)
        summary, failed = rehearse(arguments, folder, switch)
    took, alone = summary["seconds"], summary["bytes"] / rate
    print(f"{summary['phones']} phones: {summary['done']} done, {summary['held']} held, {summary['stuck']} stuck, "
          f"{summary['bytes'] / 1e9:.2f} GB")
    print(f"the migration took {took:.1f} s; the bytes alone would take {alone:.1f} s at {rate / 1e6:.0f} MB/s: "
          f"{took / alone:.2f} times as long")
    for line in summary["failures"][:10]:
        print("failed:", line)
    return 1 if failed or took > TARGET * alone else 0


def bytes_alone(arguments, folder, switch):
    """Bytes per second over HTTP."""
    bench = Clients(switch, folder, {"files": {"rate-limit": arguments.limit}})
    bench.file("rootfs88xx.bench.sbn", arguments.bytes)
    limit(bench.host, bench.host.interface, arguments.wire)
    bench.server.start()
    run = bench.load(80, arguments.phones, arguments.seconds, "/@/1/rootfs88xx.bench.sbn")
    bench.server.stop()
    return run["bytes"] / run["seconds"]


def limit(host, interface, rate):
    """What leaves there is held to `rate`, and waits rather than being lost."""
    if rate != "none":
        host.run("tc", "qdisc", "add", "dev", interface, "root", "tbf", "rate", rate, "burst", "256kb",
                 "latency", "1s", check=True)


def rehearse(arguments, folder, switch):
    host = switch.host("rehearsal", address="10.23.46.1/24")
    limit(host, "lo", arguments.wire)
    config = os.path.join(folder, "rehearsal.toml")
    with open(config, "w") as file:
        file.write(f'[files]\nrate-limit = "{arguments.limit}"\n')
    roster = os.path.join(folder, "roster.csv")
    with open(roster, "w") as file:
        file.write("MAC,model,vid\n")
        file.writelines(f"00562B{n:06X},{MODELS[n % len(MODELS)]},V05\n" for n in range(1, arguments.phones + 1))
    done = host.run(binary(), "rehearse", "--config", config, "--roster", roster, "--at-once", "--load-size", arguments.bytes,
                    "--json", cwd=folder, timeout=600)
    if not done.stdout:
        raise SystemExit(done.stderr.decode())
    return json.loads(done.stdout.splitlines()[-1]), done.returncode != 0


if __name__ == "__main__":
    sys.exit(main())
