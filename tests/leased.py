"""Phones of the page's tests: at the other end of the server's cable, each asking from the address of its lease."""

import os

import wire
from netns import Host, run
from server import ADDRESS


class Phones:
    """The other end of the server's cable, in a namespace of its own, with the addresses that the bench leased."""

    def __init__(self):
        self.host = Host(None, f"tl{os.getpid()}-phones", "other")
        self.leased = {}

    def __enter__(self):
        run("ip", "netns", "add", self.host.namespace)
        run("ip", "link", "set", self.host.interface, "netns", self.host.namespace)
        self.host.ip("link", "set", self.host.interface, "up")
        return self

    def __exit__(self, *_):
        self.host.remove()

    def lease(self, mac, vendor):
        if mac not in self.leased:
            options = wire.client_options(vendor.encode(), (1, 3, 66, 150, 159, 160))
            with wire.Wire(self.host) as line:
                _, ack = wire.full_lease(line, mac, options, flags=0x8000)
            assert ack is not None and ack.kind == wire.ACK, f"no lease for {mac}"
            self.host.ip("address", "add", f"{ack.yiaddr}/24", "dev", self.host.interface)
            self.leased[mac] = ack.yiaddr
        return self.leased[mac]

    def ask(self, mac, path):
        """What a phone is answered at the address of its lease, or the status that refuses it."""
        multiplatform = "3PCC" in path or path.endswith(".loads")
        vendor = "CP-8851-3PCC" if multiplatform else "Cisco Systems, Inc. IP Phone CP-8851"
        done = self.host.run("curl", "-s", "-w", "%{http_code}", "--max-time", "10", "--interface",
                             self.lease(mac, vendor), f"http://{ADDRESS}{path}")
        answer, status = done.stdout[:-3].decode(), done.stdout[-3:].decode()
        return answer if status == "200" else status
