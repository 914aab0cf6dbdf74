#!/usr/bin/env python3
"""How fast the DHCP server is, beside Kea and dnsmasq on the same machine.

    dhcp.py [--measure WHAT,…] [--servers NAME,…] [--rounds N] [--seconds N] [--state FOLDER] [--short]

Measures, each in rounds in which the servers take turns (median and spread are printed, and ratios):

  cpu      CPU seconds, of the whole process, for 10,000 completed leases at a rate that all can serve, and at higher
           ones that dnsmasq cannot; each server begins with no lease
  rate     the highest rate of which less than 0.1 % is lost, in steps of 1.15
  quarter  Transload held to a quarter of a core: its peak, and what is left of that with twice as much offered
  latency  Transload's delays at half of its highest rate
  leases   Transload with 50,000 leases: its memory, and the time from the guard's end to the first reply

The load is perfdhcp's, of ever new clients with a phone's vendor class and request list. Needs root, perfdhcp
(kea-admin), kea-dhcp4-server and dnsmasq-base; the program is $TRANSLOAD, or target/release/transload. Judge it on a
machine that has nothing else to do.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]

import measures  # noqa: E402
import servers  # noqa: E402

from netns import Switch  # noqa: E402


def main():
    arguments = parse()
    binary = os.path.abspath(os.environ.get("TRANSLOAD") or os.path.join(
        os.environ.get("CARGO_TARGET_DIR", os.path.join(HERE, "..", "..", "target")), "release", "transload"))
    needs = ["perfdhcp", "ip", "ss"] + ["kea-dhcp4"] * any("kea" in name for name in arguments.servers) \
        + ["dnsmasq"] * ("dnsmasq" in arguments.servers)
    missing = [tool for tool in needs if not shutil.which(tool)] + [binary] * (not os.access(binary, os.X_OK))
    if os.geteuid() != 0 or missing:
        sys.exit(f"needs root, and: {' '.join(missing) or 'nothing else'}")
    kind = subprocess.run(["stat", "-f", "-c", "%T", arguments.state], capture_output=True, text=True).stdout.strip()
    if kind in ("tmpfs", "ramfs"):
        sys.exit(f"{arguments.state} is on {kind}; name a folder on a real disk by --state")
    print(f"state on {kind}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {arguments.rounds} rounds")
    folder = tempfile.mkdtemp(prefix="transload-benchmark-", dir=arguments.state)
    try:
        with Switch() as switch:
            # Hosts are named after their order: the server's interface is e1, the clients' e2.
            server = switch.host("server", address=f"{servers.SERVER}/10")
            clients = switch.host("clients", address=f"{servers.CLIENTS}/10")
            bench = measures.Bench(server, clients, folder, binary, arguments)
            for name in arguments.measure:
                print(f"\n== {name}", flush=True)
                getattr(measures, name)(bench)
    finally:
        shutil.rmtree(folder)
    print(f"\nload at the end {os.getloadavg()[0]:.1f}")


def parse():
    parser = argparse.ArgumentParser(usage=__doc__.replace("%", "%%"))
    words = lambda text: text.split(",")  # noqa: E731
    parser.add_argument("--measure", type=words, default=["cpu", "rate", "quarter", "latency", "leases"])
    parser.add_argument("--servers", type=words, default=list(servers.ALL))
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=int, help="of one run")
    parser.add_argument("--state", default=HERE, help="a folder on a real disk")
    parser.add_argument("--short", action="store_true", help="one round, short runs: to see that it works")
    arguments = parser.parse_args()
    arguments.rounds = arguments.rounds or (1 if arguments.short else 5)
    arguments.seconds = arguments.seconds or (2 if arguments.short else 5)
    return arguments


if __name__ == "__main__":
    main()
