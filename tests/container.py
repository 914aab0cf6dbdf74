"""A clean Debian system that is booted with its own systemd, on a host of a switch."""

import contextlib
import os
import subprocess
import time

PACKAGES = "systemd-sysv,dbus"


def clean_root(folder, archive):
    """Debian's smallest system with systemd, unpacked; `archive` keeps it for the next time."""
    if not os.path.exists(archive):
        part = archive + ".part"
        # In a namespace of mounts of its own: nothing stays mounted, whatever ends it.
        subprocess.run(["unshare", "-m", "mmdebstrap", "--quiet", "--variant=minbase", f"--include={PACKAGES}", "--format=tar",
                        "bookworm", part], check=True, stderr=subprocess.DEVNULL, timeout=600)
        os.rename(part, archive)
    subprocess.run(["tar", "-C", folder, "-xf", archive, "--exclude=./dev/*"], check=True)
    # No first boot, and an identity that is made anew.
    open(os.path.join(folder, "etc/machine-id"), "w").close()


class Container:
    """Use it in a `with` statement."""

    def __init__(self, root, host):
        self.root = root
        self.host = host
        self.process = None
        self.leader = None

    def __enter__(self):
        with open(f"{self.root}.log", "wb") as log:
            self.process = subprocess.Popen(
                ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--boot", "--console=pipe", "-D", self.root,
                 f"--network-namespace-path=/run/netns/{self.host.namespace}"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline and self.process.poll() is None:
            with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as file:
                children = file.read().split()
            if children:
                self.leader = children[0]
                if self.run("systemctl", "is-system-running").stdout.strip() in ("running", "degraded"):
                    return self
            time.sleep(0.3)
        self.__exit__()
        with open(f"{self.root}.log", errors="replace") as log:
            raise AssertionError(f"systemd does not boot in a container here:\n{log.read()[-1500:]}")

    def __exit__(self, *_):
        # Twice means at once.
        for _ in range(2):
            if self.process.poll() is None:
                self.process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(20)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def command(self, *command):
        return ["nsenter", "--target", self.leader, "--all", "--", *map(str, command)]

    def run(self, *command, timeout=120):
        """Run a command inside, as root; returned whatever its exit status, its output as text."""
        return subprocess.run(self.command(*command), capture_output=True, text=True, timeout=timeout,
                              stdin=subprocess.DEVNULL)

    def do(self, *command, timeout=120):
        """Run a command that must succeed; returns its output."""
        done = self.run(*command, timeout=timeout)
        if done.returncode != 0:
            raise AssertionError(f"{' '.join(map(str, command))}: exit {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def path(self, name):
        """Where a file of it lies, seen from outside."""
        return os.path.join(self.root, name.lstrip("/"))
