#!/usr/bin/env python3
"""TFTP: transload against dnsmasq, tftpd-hpa, the tftpd crate's server, and the least that any server must do.

All serve the same file to the same clients (tftp/load.c, which compares every byte), one after another in each round,
over a pair of virtual Ethernet interfaces. What a gigabyte costs is the processor time of the server and of all kernel
threads while the clients were served; "machine" is the same measured differently: all that the whole machine did, less
the clients. Printed are medians over the rounds, and their ratio to transload's peers. Needs root, a C compiler, and
the servers (Debian: dnsmasq-base, tftpd-hpa; cargo install tftpd); one that is missing is left out, and said so.
"""

import argparse
import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SERVER, CLIENTS = "10.99.0.1", "10.98.0.1"
FILE = "file.bin"
NEEDS_WINDOWS = ("transload", "tftpd-crate")
GIGABYTE = 1e9


def run(*command):
    subprocess.run(command, check=True)


class Pair:
    """Two namespaces with a wire between them. The clients' end answers to a whole network of addresses."""

    def __init__(self):
        self.server, self.clients = (f"tlbench{os.getpid()}{end}" for end in "sc")

    def __enter__(self):
        for name in (self.server, self.clients):
            run("ip", "netns", "add", name)
            run("ip", "-n", name, "link", "set", "lo", "up")
        run("ip", "-n", self.server, "link", "add", "wire", "type", "veth", "peer", "name", "wire", "netns",
            self.clients)
        for name, address in ((self.server, f"{SERVER}/16"), (self.clients, "10.99.0.2/16")):
            run("ip", "-n", name, "address", "add", address, "dev", "wire")
            run("ip", "-n", name, "link", "set", "wire", "up")
        run("ip", "-n", self.clients, "route", "add", "local", "10.98.0.0/16", "dev", "lo")
        run("ip", "-n", self.server, "route", "add", "10.98.0.0/16", "via", "10.99.0.2")
        return self

    def __exit__(self, *_):
        for name in (self.server, self.clients):
            subprocess.run(["ip", "netns", "del", name], check=False)


class Group:
    """Counts the processor time of all processes started in it, ended ones too."""

    def __init__(self):
        old = "/sys/fs/cgroup/cpuacct"
        self.legacy = os.path.isdir(old)
        self.path = os.path.join(old if self.legacy else "/sys/fs/cgroup", f"transload-bench-{os.getpid()}")
        os.makedirs(self.path, exist_ok=True)

    def enter(self):
        with open(os.path.join(self.path, "cgroup.procs"), "w") as procs:
            procs.write(str(os.getpid()))

    def seconds(self):
        if self.legacy:
            with open(os.path.join(self.path, "cpuacct.usage")) as usage:
                return int(usage.read()) / 1e9
        with open(os.path.join(self.path, "cpu.stat")) as stat:
            return int(dict(line.split() for line in stat)["usage_usec"]) / 1e6

    def remove(self):
        for _ in range(50):
            try:
                return os.rmdir(self.path)
            except OSError:
                time.sleep(0.1)


def kernel_threads():
    """Processor time of all kernel threads, in seconds: work that a server could hide there."""
    total = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as stat:
                if stat.read().rpartition(")")[2].split()[1] != "2":
                    continue
            with open(f"/proc/{pid}/schedstat") as schedstat:
                total += int(schedstat.read().split()[0])
        except (FileNotFoundError, ProcessLookupError):
            pass
    return total / 1e9


def machine():
    """Processor time of everything, in seconds."""
    with open("/proc/stat") as stat:
        user, nice, system, _, _, irq, softirq = map(int, stat.readline().split()[1:8])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def resident(group):
    """Resident memory of the group's processes, in MB."""
    total = 0
    with open(os.path.join(group.path, "cgroup.procs")) as procs:
        for pid in procs.read().split():
            try:
                with open(f"/proc/{pid}/statm") as statm:
                    total += int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
            except FileNotFoundError:
                pass
    return total / 1e6


def commands(folder, floor, wanted):
    """How each server is started, for the file in `folder`/extra, on port 6900."""
    config = os.path.join(folder, "transload.toml")
    with open(config, "w") as file:
        file.write(f'[bench]\ninterface = "wire"\nstate = "{folder}"\n[dhcp]\nenabled = false\n'
                   '[files]\nhttp = [6980]\ntftp = 6900\n[admin]\nlisten = "127.0.0.1:6981"\n')
    root = os.path.join(folder, "extra")
    transload = os.environ.get("TRANSLOAD") or shutil.which("transload")
    known = {
        "transload": [transload, "serve", "--config", config],
        "dnsmasq": [shutil.which("dnsmasq"), "--keep-in-foreground", "--conf-file=/dev/null", "--user=root",
                    "--port=0", "--enable-tftp", f"--tftp-root={root}", "--tftp-max=4000", "--no-daemon",
                    "--log-facility=/dev/null", f"--listen-address={SERVER}", "--bind-interfaces"],
        "tftpd-hpa": [shutil.which("in.tftpd"), "-L", "-a", f"{SERVER}:6900", "-u", "root", "-s", root],
        "tftpd-crate": [shutil.which("tftpd"), "-i", SERVER, "-p", "6900", "-d", root, "-r"],
        "floor": [floor, SERVER, "6900", os.path.join(root, FILE)],
    }
    missing = [name for name in wanted or known if not known[name][0]]
    if missing:
        print(f"left out, not installed: {', '.join(missing)} (transload: set TRANSLOAD)", file=sys.stderr)
    return {name: known[name] for name in wanted or known if name not in missing}


def port(name):
    return "69" if name == "dnsmasq" else "6900"


class Bench:
    def __init__(self, pair, folder, load):
        self.pair, self.folder, self.load = pair, folder, load
        self.group = Group()

    def load_command(self, name, clients, block, window, seconds, loss):
        file = os.path.join(self.folder, "extra", FILE)
        return ["ip", "netns", "exec", self.pair.clients, self.load, SERVER, port(name), FILE, file,
                str(clients), str(block), str(window), str(seconds), CLIENTS, str(loss)]

    def serve(self, command):
        with open(os.path.join(self.folder, "server.log"), "ab") as quiet:
            server = subprocess.Popen(["ip", "netns", "exec", self.pair.server] + command, stdout=quiet, stderr=quiet,
                                      preexec_fn=self.group.enter)
        return server

    def await_ready(self, name, server):
        """Fetches the file once, and again until that goes well."""
        for _ in range(100):
            if server.poll() is not None:
                raise SystemExit(f"{name} ended with {server.returncode}; see {self.folder}/server.log")
            done = subprocess.run(self.load_command(name, 1, 1428, 1, 0, 0), capture_output=True, text=True,
                                  timeout=30)
            if done.stdout.startswith("done 1 "):
                return
            time.sleep(0.1)
        raise SystemExit(f"{name} does not serve: {done.stdout} {done.stderr}")

    def end(self, server):
        server.terminate()
        try:
            server.wait(2)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        # tftpd-hpa's children, and what else a server leaves behind.
        with open(os.path.join(self.group.path, "cgroup.procs")) as procs:
            for pid in procs.read().split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), 9)

    def measure(self, name, command, clients, block, window, seconds):
        """One run: bytes per second, processor seconds per GB (two ways), resident MB, slowest to mean."""
        server = self.serve(command)
        try:
            self.await_ready(name, server)
            load = subprocess.Popen(self.load_command(name, clients, block, window, seconds, 0),
                                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            if load.stdout.readline() != "begin\n":
                return None
            before = self.group.seconds(), kernel_threads(), machine()
            line = load.stdout.readline().split()
            after = self.group.seconds(), kernel_threads(), machine()
            memory = resident(self.group)
            load.communicate("\n")
            if not line or line[0] != "end":
                return None
        finally:
            self.end(server)
        got, took, clients_cpu, least = int(line[1]), float(line[2]), float(line[3]), int(line[4])
        own, kernel, whole = (b - a for a, b in zip(before, after, strict=True))
        per_gb = GIGABYTE / max(got, 1)
        return {"rate": got / took / 1e6, "cpu": (own + kernel) * per_gb, "own": own * per_gb,
                "machine": (whole - clients_cpu) * per_gb, "memory": memory,
                "slowest": least * clients / max(got, 1)}


def compare(bench, servers, arguments):
    for block in arguments.blocks:
        for clients in arguments.clients:
            for window in arguments.windows:
                names = [name for name in servers if window == 1 or name in NEEDS_WINDOWS]
                runs = {name: [] for name in names}
                for number in range(arguments.runs):
                    # Each is the first in turn, as what one leaves behind may concern the next.
                    for name in names[number % len(names):] + names[:number % len(names)]:
                        one = bench.measure(name, servers[name], clients, block, window, arguments.seconds)
                        if one is None:
                            print(f"{name}: refused or failed with {clients} clients", file=sys.stderr)
                        else:
                            runs[name].append(one)
                show(runs, f"{clients} clients, blocks of {block}, window {window}")


def show(runs, title):
    median = {name: {key: statistics.median(one[key] for one in done) for key in done[0]}
              for name, done in runs.items() if done}
    print(f"\n{title}: medians of {max(map(len, runs.values()))}")
    print(f"{'':12} {'MB/s':>7} {'CPU s/GB':>9} {'process':>8} {'machine':>8} {'MB':>6} {'slowest':>8}   "
          "transload's rate and CPU, as a multiple")
    ours = median.get("transload")
    for name, of in median.items():
        ratio = ""
        if ours and name != "transload":
            ratio = f"{ours['rate'] / of['rate']:5.2f} x {ours['cpu'] / of['cpu']:5.2f} x"
        print(f"{name:12} {of['rate']:7.1f} {of['cpu']:9.2f} {of['own']:8.2f} {of['machine']:8.2f} "
              f"{of['memory']:6.1f} {of['slowest']:8.2f}   {ratio}", flush=True)


def crowd(bench, servers, clients, block, loss):
    """Everybody fetches the file once; returns whether transload served all."""
    good = True
    for name, command in servers.items():
        server = bench.serve(command)
        try:
            bench.await_ready(name, server)
            done = subprocess.run(bench.load_command(name, clients, block, 1, 0, loss), capture_output=True, text=True)
        finally:
            bench.end(server)
        words = done.stdout.split()
        whole, refused, failed = map(int, words[1:4]) if words[:1] == ["done"] else (0, 0, clients)
        print(f"{name:12} blocks of {block}, {loss:.0%} lost: {whole} of {clients} clients whole, {refused} refused, "
              f"{failed} failed{f', {words[4]} s' if words else ''}{done.stderr.strip()}", flush=True)
        good &= name != "transload" or whole == clients
    return good


def main():
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("--servers", nargs="+", choices=["transload", "dnsmasq", "tftpd-hpa", "tftpd-crate", "floor"],
                       help="all that are installed")
    parse.add_argument("--clients", nargs="+", type=int, default=[1, 50, 500])
    parse.add_argument("--blocks", nargs="+", type=int, default=[512, 1428])
    parse.add_argument("--windows", nargs="+", type=int, default=[1])
    parse.add_argument("--seconds", type=float, default=2)
    parse.add_argument("--runs", type=int, default=5)
    parse.add_argument("--size", type=int, default=8_000_001, help="of the file, in bytes")
    parse.add_argument("--crowd", action="store_true", help="no measurement: each client fetches the file once")
    parse.add_argument("--loss", type=float, default=0, help="with --crowd: share of packets lost in each direction")
    arguments = parse.parse_args()
    if os.geteuid() != 0:
        raise SystemExit("needs root, for network namespaces")
    with tempfile.TemporaryDirectory() as folder, Pair() as pair:
        for name in ("load", "floor"):
            run("cc", "-O2", "-o", os.path.join(folder, name), os.path.join(HERE, "tftp", f"{name}.c"))
        os.makedirs(os.path.join(folder, "extra"))
        with open(os.path.join(folder, "extra", FILE), "wb") as file:
            file.write(os.urandom(arguments.size))
        os.chmod(folder, 0o755)
        servers = commands(folder, os.path.join(folder, "floor"), arguments.servers)
        bench = Bench(pair, folder, os.path.join(folder, "load"))
        try:
            if arguments.crowd:
                blocks = arguments.blocks
                good = [crowd(bench, servers, clients, block, arguments.loss)
                        for clients in arguments.clients for block in blocks]
                return 0 if all(good) else 1
            compare(bench, servers, arguments)
        finally:
            bench.group.remove()
    return 0


if __name__ == "__main__":
    sys.exit(main())
