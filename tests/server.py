"""The program under test, in a namespace of its own: configuration, start, stop, and what it says of itself."""

import json
import os
import signal
import subprocess
import sys
import time

import contract

ADDRESS = "10.23.45.67"
NETWORK = "10.23.45"

# The server's patience, shortened as the phones' clocks are.
TIMING = {"already-there": "8s", "transfer-idle": "6s", "flash": "30s", "license": "5s", "not-asking": "20s",
          "quiet": "1s", "restart": "3s"}


def binary():
    path = os.environ.get("TRANSLOAD")
    if path:
        return os.path.abspath(path)
    target = os.environ.get("CARGO_TARGET_DIR", os.path.join(os.path.dirname(__file__), "..", "target"))
    return os.path.abspath(os.path.join(target, "debug", "transload"))


def toml(value):
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{k} = {toml(v)}" for k, v in value.items()) + " }"
    return json.dumps(value)


def preload(source, folder):
    """What makes a program use a file of C of ours in front of its own library: an environment."""
    library = os.path.join(folder, f"{source}.so")
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), source)
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", library, source], check=True)
    return {"LD_PRELOAD": library}


class Server:
    """One `transload serve`. `sections` are added to, or replace keys of, the usual configuration."""

    def __init__(self, host, folder, direction="e2m", sections=None, timing=None):
        self.host = host
        self.folder = folder
        self.state = os.path.join(folder, "state")
        self.config_path = os.path.join(folder, "transload.toml")
        self.log_path = os.path.join(folder, "server.log")
        self.process = None
        self.environment = {}
        os.makedirs(os.path.join(self.state, "firmware"), exist_ok=True)
        self.config = {
            "bench": {"interface": host.interface, "address": f"{ADDRESS}/24", "state": self.state},
            "migration": {"direction": direction},
            "dhcp": {"pool": f"{NETWORK}.100-{NETWORK}.250", "lease": "1h",
                     "options": {"router": [f"{NETWORK}.1"], "dns": [f"{NETWORK}.2"], "42": [f"{NETWORK}.3"]}},
            "admin": {"listen": "127.0.0.1:8080"},
            "timing": dict(TIMING, **(timing or {})),
        }
        for section, keys in (sections or {}).items():
            if isinstance(keys, dict):
                self.config.setdefault(section, {}).update(keys)
            else:
                self.config[section] = keys
        self.write_config()

    def write_config(self):
        with open(self.config_path, "w") as file:
            for section, keys in self.config.items():
                for table in keys if isinstance(keys, list) else [keys]:
                    file.write(f"[[{section}]]\n" if isinstance(keys, list) else f"[{section}]\n")
                    file.writelines(f"{k} = {toml(v)}\n" for k, v in table.items())
                    file.write("\n")

    def command(self, *arguments, timeout=60):
        """Another `transload` command on the same configuration, as a technician on the box would run it."""
        return self.host.run(binary(), *arguments, "--config", self.config_path, timeout=timeout)

    def start(self, wait=True):
        environment = dict(os.environ, RUST_BACKTRACE="1", RUST_LOG=os.environ.get("RUST_LOG", "info"),
                           **self.environment)
        with open(self.log_path, "ab") as log:
            self.process = self.host.popen(binary(), "serve", "--config", self.config_path, stdout=log, stderr=log,
                                           env=environment)
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self, patience=20):
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"serve ended with {self.process.returncode}:\n{self.log_tail()}")
            doors = ("http://127.0.0.1:8080/healthz", f"http://{ADDRESS}:6970/", f"http://{ADDRESS}/")
            if all(self.get(door).returncode in (0, 22) for door in doors):    # 22: answered, with an HTTP error
                return
            time.sleep(0.1)
        raise AssertionError(f"serve was not ready after {patience} s:\n{self.log_tail()}")

    def get(self, url, *options):
        return self.host.run("curl", "-s", "-S", "-f", "--max-time", "5", *options, url)

    def pid(self):
        """The server itself: `ip netns exec` replaces itself by the command."""
        return self.process.pid

    def kill(self):
        """As if the box lost power: SIGKILL."""
        os.kill(self.pid(), signal.SIGKILL)
        self.process.wait()

    def stop(self, sign=signal.SIGTERM, patience=20):
        """End it; returns the exit status."""
        if self.process is None or self.process.poll() is not None:
            return self.process.returncode if self.process else None
        os.kill(self.pid(), sign)
        try:
            return self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.kill()
            return "no end"

    def status(self):
        """The phones as the running bench sees them, by MAC."""
        done = self.command("status", "--json")
        if done.returncode not in (0, 1):
            raise AssertionError(f"status: exit {done.returncode}: {done.stderr.decode()}")
        try:
            phones = json.loads(done.stdout)
        except json.JSONDecodeError as error:
            raise AssertionError(f"status --json is not JSON ({error}): {done.stdout[:400]!r}") from error
        for phone in phones:
            contract.phone(phone)
        return {phone["mac"]: phone for phone in phones}

    def check(self):
        """`check --json`: (exit status, the object)."""
        done = self.command("check", "--json")
        try:
            report = json.loads(done.stdout)
        except json.JSONDecodeError as error:
            raise AssertionError(f"check --json: exit {done.returncode}: {done.stdout!r} {done.stderr!r}") from error
        contract.check(report)
        return done.returncode, report

    def log_tail(self, lines=25):
        try:
            with open(self.log_path, errors="replace") as file:
                return "".join(file.readlines()[-lines:])
        except FileNotFoundError:
            return ""

    def panics(self):
        with open(self.log_path, errors="replace") as file:
            return [line.strip() for line in file if "panicked" in line]

    def show_tail(self):
        print(self.log_tail(), file=sys.stderr)
