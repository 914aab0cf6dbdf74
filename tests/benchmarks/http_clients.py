"""A server's namespace and its clients', each client with an address of its own, and the load generator between them."""

import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
if "TRANSLOAD" not in os.environ:
    target = os.environ.get("CARGO_TARGET_DIR", os.path.join(HERE, "..", "..", "target"))
    os.environ["TRANSLOAD"] = os.path.join(target, "release", "transload")

from server import ADDRESS, Server  # noqa: E402

FIRST_CLIENT = "10.24.0.1"


class Clients:
    """Both namespaces, and Transload configured in one of them for clients whose addresses it does not give."""

    def __init__(self, switch, folder, sections=None):
        self.program = os.path.join(folder, "http_load")
        subprocess.run(["cc", "-O2", "-o", self.program, os.path.join(HERE, "http_load.c")], check=True)
        self.host = switch.host("srv", address=f"{ADDRESS}/24")
        self.clients = switch.host("clients", address="10.23.45.2/24")
        self.clients.ip("route", "add", "local", "10.24.0.0/16", "dev", "lo")
        self.host.ip("route", "add", "10.24.0.0/16", "via", "10.23.45.2")
        self.server = Server(self.host, os.path.join(folder, "server"), sections={"dhcp": {"enabled": False}, **(sections or {})})

    def file(self, name, size):
        with open(os.path.join(self.server.state, "firmware", name), "wb") as file:
            file.write(os.urandom(size))

    def load(self, port, count, seconds, path):
        """What the load generator says; `@` in the path stands for each client's MAC."""
        done = self.clients.run(self.program, ADDRESS, port, FIRST_CLIENT, count, seconds, path)
        if done.returncode != 0:
            raise SystemExit(done.stderr.decode())
        run = json.loads(done.stdout)
        if run["refused"] or run["errors"]:
            raise SystemExit(f"port {port}: {run}")
        return run
