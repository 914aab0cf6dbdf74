"""What an end-to-end case works with: a switch, a scratch folder, look-alike firmware, phones, and the program itself."""

import os
import random
import shutil
import time

import lookalike
import server as server_module
from fleet import Fleet

TOOLS = ("ip", "cc", "udhcpc", "dhclient", "dhcpcd", "curl", "tftp", "atftp", "unshare", "busybox")


class Bench:
    """`store` outlives the case: firmware by name, and the folder in which it lies."""

    def __init__(self, switch, folder, store, options):
        self.switch = switch
        self.folder = folder
        self.store = store
        self.phones = options.phones
        self.seed = options.seed
        self.long = options.long
        self.random = random.Random(options.seed)
        self.servers = []

    def firmware(self, name, families, versions, sizes=None):
        """A folder of look-alike firmware, made once for the whole run and never changed afterwards."""
        if name not in self.store:
            firmware = lookalike.Firmware(os.path.join(self.store["folder"], name), sizes)
            for family in families:
                for version in versions:
                    firmware.load(family, version)
            firmware.manifest_path = os.path.join(self.store["folder"], f"{name}.json")
            firmware.save_manifest(firmware.manifest_path)
            self.store[name] = firmware
        return self.store[name]

    def server(self, firmware=None, phones=(), licensed=None, direction="e2m", without=(), **options):
        """A configured server in its namespace, not started: library, licenses and roster in its state folder."""
        host = self.switch.host("srv", address=f"{server_module.ADDRESS}/24")
        host.small_buffers()
        server = server_module.Server(host, os.path.join(self.folder, "server"), direction, **options)
        if firmware:
            for name in firmware.manifest:
                if name not in without:
                    shutil.copy(os.path.join(firmware.folder, name), os.path.join(server.state, "firmware", name))
        for phone in phones if licensed is None else licensed:
            lookalike.write_license(server.state, phone["mac"], direction)
        if phones:
            lookalike.write_roster(os.path.join(server.state, "roster.csv"), phones)
        self.servers.append(server)
        return server

    def fleet(self, phones, firmware, **options):
        folder = os.path.join(self.folder, "phones")
        return Fleet(self.switch, folder, phones, firmware.manifest_path, seed=self.seed, **options)

    def wait_for(self, condition, seconds, explain):
        """Wait for a condition; a condition that raises AssertionError is not true yet."""
        __tracebackhide__ = True
        deadline = time.monotonic() + seconds
        while True:
            try:
                if condition():
                    return
                why = ""
            except AssertionError as error:
                why = f" ({error})"
            if time.monotonic() > deadline:
                raise AssertionError(f"not after {seconds} s{why}:\n{explain()}")
            time.sleep(0.2)

    def logs(self):
        return "\n".join(server.log_tail() for server in self.servers)

    def end(self):
        """Stop the servers; a server that panicked is a failure, whatever else was seen."""
        for server in self.servers:
            server.stop()
        panics = [line for server in self.servers if server.process for line in server.panics()]
        if panics:
            raise AssertionError("the server panicked: " + "; ".join(panics))
