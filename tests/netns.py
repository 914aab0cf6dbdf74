"""A switch made of network namespaces: one for the bridge, one for each host on it.

Nothing outside the namespaces made here is touched; the root namespace never sees an interface of ours.
"""

import contextlib
import ctypes
import os
import re
import signal
import subprocess
import sys
import time

CLONE_NEWNET = 0x40000000


def run(*command, **options):
    """Run a command that must succeed; its output goes to the error message if it does not."""
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


class Switch:
    """A bridge and the hosts plugged into it. Use it in a `with` statement: leaving it removes everything."""

    def __init__(self):
        sweep()
        self.prefix = f"tl{os.getpid()}"
        self.bridge = f"{self.prefix}-sw"
        self.hosts = []
        self.count = 0

    def __enter__(self):
        run("ip", "netns", "add", self.bridge)
        try:
            self._in_bridge("link", "set", "lo", "up")
            self._in_bridge("link", "add", "br0", "type", "bridge", "forward_delay", "0", "stp_state", "0")
            self._in_bridge("link", "set", "br0", "up")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for host in reversed(self.hosts):
            host.remove()
        self.hosts.clear()
        remove_namespace(self.bridge)

    def _in_bridge(self, *arguments):
        return run("ip", "-n", self.bridge, *arguments)

    def host(self, name, mac=None, address=None):
        """Plug in a host. Its interface is named after its number, since some clients keep files by that name."""
        self.count += 1
        host = Host(self, f"{self.prefix}-{self.count}-{name}", f"e{self.count}")
        run("ip", "netns", "add", host.namespace)
        self.hosts.append(host)
        port = f"p{self.count}"
        self._in_bridge("link", "add", port, "type", "veth", "peer", "name", host.interface,
                        "netns", host.namespace)
        self._in_bridge("link", "set", port, "master", "br0", "up")
        host.ip("link", "set", "lo", "up")
        if mac:
            host.ip("link", "set", host.interface, "address", mac)
        host.ip("link", "set", host.interface, "up")
        if address:
            host.ip("address", "add", address, "dev", host.interface)
        return host

    def forward(self, working):
        """Let the bridge forward, or let it lose everything."""
        self._in_bridge("link", "set", "br0", "up" if working else "down")

    def unplug(self, host):
        host.remove()
        self.hosts.remove(host)


class Host:
    """One namespace with one interface on the bridge."""

    def __init__(self, switch, namespace, interface):
        self.switch = switch
        self.namespace = namespace
        self.interface = interface

    def ip(self, *arguments):
        return run("ip", "-n", self.namespace, *arguments)

    def command(self, *command):
        return ["ip", "netns", "exec", self.namespace, *map(str, command)]

    def run(self, *command, timeout=120, **options):
        """Run a command inside; the result is returned whatever its exit status."""
        return subprocess.run(self.command(*command), capture_output=True, timeout=timeout, **options)

    def popen(self, *command, **options):
        return subprocess.Popen(self.command(*command), **options)

    def script(self, path, *arguments, **options):
        """Run a Python file inside."""
        return self.run(sys.executable, "-S", path, *arguments, **options)

    def small_buffers(self):
        """Let TCP hold 128 KB at most: look-alike files are small, and would else lie whole in the kernel's buffers."""
        for name in ("tcp_rmem", "tcp_wmem"):
            done = self.run("sh", "-c", f"echo 4096 65536 131072 > /proc/sys/net/ipv4/{name}")
            if done.returncode != 0:
                raise RuntimeError(done.stderr.decode())

    def flush(self):
        """Forget the address, as a host does that loses power."""
        self.ip("address", "flush", "dev", self.interface)

    def remove(self):
        remove_namespace(self.namespace)


@contextlib.contextmanager
def alone():
    """Take this thread, and what it starts, into a namespace of its own with an interface for a server; nothing leads outside."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/thread-self/ns/net", "rb") as home:
        if libc.unshare(CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
        try:
            for command in ("link set lo up", "link add staging type veth peer name other", "link set staging up",
                            "link set other up", "address add 10.23.45.67/24 dev staging"):
                run("ip", *command.split())
            yield
        finally:
            libc.setns(home.fileno(), CLONE_NEWNET)


def sweep():
    """Remove what an earlier check left that was killed: its namespaces carry the number of its process."""
    for line in run("ip", "netns", "list").splitlines():
        match = re.match(r"(tl(\d+)-\S+)", line)
        if match and not os.path.exists(f"/proc/{match[2]}"):
            remove_namespace(match[1])


def remove_namespace(namespace):
    """End what still runs inside a namespace of ours, then delete it."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        listed = subprocess.run(["ip", "netns", "pids", namespace], capture_output=True, text=True)
        pids = [int(p) for p in listed.stdout.split()]
        if not pids:
            break
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sign)
        deadline = time.monotonic() + 2
        while time.monotonic() < deadline and any(os.path.exists(f"/proc/{p}") for p in pids):
            time.sleep(0.02)
    subprocess.run(["ip", "netns", "del", namespace], capture_output=True)
