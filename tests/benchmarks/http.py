#!/usr/bin/env python3
"""HTTP against nginx: the same files, the same clients, the same minute, in turns.

    http.py [--rounds N] [--seconds N] [--clients N,N…] [--files large,small]

Needs root, nginx (nginx-light) and a C compiler. The program is $TRANSLOAD, or target/release/transload. Both servers
run in one network namespace, the clients in another, each with an address of its own; Transload knows each for a phone
and writes its transfers down, as it does on a bench. Prints medians, nginx's beside ours, and their ratio; and what our
slowest client got of the mean. Exit status 1 if a target is missed.
"""

import argparse
import os
import pwd
import statistics
import sys
import tempfile
import time

from http_clients import ADDRESS, Clients

from netns import Switch

NGINX_PORT = 8081
FILES = {"large": ("rootfs88xx.bench.sbn", 80_000_000), "small": ("Ringlist.xml", 2_000)}
# The least of nginx's rate, the most of its processor time for the same, and the least of the mean for the slowest client.
TARGET = {"large": 1.0, "small": 0.8}
MOST_CPU = 1.2
FAIR = 1 / 3
TICK = os.sysconf("SC_CLK_TCK")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--clients", default="1,50,500")
    parser.add_argument("--files", default="large,small")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Switch() as switch:
        os.chmod(folder, 0o755)
        bench = Clients(switch, folder)
        ours = bench.server
        for name, size in FILES.values():
            bench.file(name, size)
        ours.start()
        nginx = start_nginx(bench.host, folder, os.path.join(ours.state, "firmware"))
        try:
            missed = compare(arguments, bench, {"nginx": [nginx], "transload": [ours.pid()]})
            print(f"transload's memory at its largest: {memory(ours.pid()):.0f} MB")
        finally:
            os.kill(nginx, 15)
            ours.stop()
        for line in missed:
            print("missed:", line)
        return 1 if missed else 0


def start_nginx(host, folder, root):
    """nginx as Debian configures it for files, on as many workers as there are cores; the process number."""
    path = os.path.join(folder, "nginx.conf")
    with open(path, "w") as file:
        file.write(f"""daemon off; worker_processes auto; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
            events {{ worker_connections 2048; }}
            http {{ sendfile on; tcp_nopush on; access_log {folder}/access.log; keepalive_requests 1000000000;
                server {{ listen {NGINX_PORT}; root {root}; }} }}\n""")
    user = pwd.getpwuid(os.getuid()).pw_name
    process = host.popen("nginx", "-c", path, "-g", f"user {user};")
    url = f"http://{ADDRESS}:{NGINX_PORT}/{FILES['small'][0]}"
    deadline = time.monotonic() + 10
    while host.run("curl", "-sf", "-o", "/dev/null", url).returncode != 0:
        if time.monotonic() > deadline:
            raise SystemExit("nginx does not answer")
        time.sleep(0.05)
    return process.pid


def compare(arguments, bench, servers):
    missed = []
    print(f"{'file':6} {'clients':>7}   {'nginx':>12} {'transload':>12} {'ratio':>6}   "
          f"{'nginx CPU':>11} {'ours':>11}   slowest/mean")
    for file in arguments.files.split(","):
        name, _ = FILES[file]
        targets = {"nginx": (NGINX_PORT, f"/{name}"), "transload": (80, f"/@/1/{name}")}
        for clients in map(int, arguments.clients.split(",")):
            runs = {server: [] for server in targets}
            for turn in range(arguments.rounds):
                for server in list(targets) if turn % 2 else reversed(targets):
                    port, path = targets[server]
                    before = cpu(servers[server])
                    run = bench.load(port, clients, arguments.seconds, path)
                    run["server_cpu"] = cpu(servers[server]) - before
                    runs[server].append(run)
            unit = 1e6 if file == "large" else 1
            amount = "bytes" if file == "large" else "answers"
            rate = {s: statistics.median(r[amount] / r["seconds"] for r in runs[s]) / unit for s in runs}
            per = 1e9 if file == "large" else 1e3
            cost = {s: statistics.median(per * r["server_cpu"] / max(r[amount], 1) for r in runs[s]) for s in runs}
            fair = statistics.median(clients * r["least"] / max(r["bytes"], 1) for r in runs["transload"])
            ratio = rate["transload"] / rate["nginx"]
            word, cost_word = ("MB/s", "s/GB") if file == "large" else ("1/s", "s/1000")
            print(f"{file:6} {clients:7}   {rate['nginx']:7.0f} {word:4} {rate['transload']:7.0f} {word:4} {ratio:6.2f}   "
                  f"{cost['nginx']:.3f} {cost_word:6} {cost['transload']:.3f} {cost_word:6}   {fair:.2f}", flush=True)
            if ratio < TARGET[file]:
                missed.append(f"{file} files, {clients} clients: {ratio:.2f} of nginx's rate; {TARGET[file]} is asked for")
            share = cost["transload"] / max(cost["nginx"], 1e-9)
            if share > MOST_CPU:
                missed.append(f"{file} files, {clients} clients: {share:.2f} of nginx's CPU; {MOST_CPU} is allowed")
            if fair < FAIR:
                missed.append(f"{file} files, {clients} clients: the slowest got {fair:.2f} of the mean")
    return missed


def cpu(pids):
    """Seconds of processor time of these processes and their children."""
    ticks = 0
    for pid in pids:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            children = [int(child) for child in file.read().split()]
        for one in [pid, *children]:
            with open(f"/proc/{one}/stat") as file:
                fields = file.read().rsplit(")", 1)[1].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / TICK


def memory(pid):
    """The most that was resident, in MB."""
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) / 1000


if __name__ == "__main__":
    sys.exit(main())
