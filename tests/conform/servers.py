"""The servers that can be asked: each is started anew for a case, with nothing in its memory, and configured alike.

A setup has: pool and relayed_pool (lists of "first-last" host numbers), lease (seconds), options ({code: (value for
transload, value for Kea)}), reservations ([(mac or b"client id", host number)]), klass (vendor class, option 67), boot
(siaddr, sname, file), dhcp (further keys, for transload alone).
"""

import json
import os
import shutil
import subprocess
import time

import server as transload

SERVER = transload.ADDRESS
NEAR, FAR = "10.23.45", "10.23.46"      # the segment itself, and a network behind a relay
RELAY = f"{FAR}.1"


def ranges(network, pool):
    return [f"{network}.{part.split('-')[0]}-{network}.{part.split('-')[1]}" for part in pool]


class Transload:
    name, tools = "transload", ()

    def __init__(self, host, folder, pool=("100-109",), relayed_pool=("100-109",), lease=3600, options=None,
                 reservations=(), klass=None, boot=None, dhcp=None):
        shutil.rmtree(folder, ignore_errors=True)
        options = {str(code): value for code, (value, _) in (options or {}).items()}
        far = {"subnet": f"{FAR}.0/24", "pool": ranges(FAR, relayed_pool), "lease": f"{lease}s", "options": options}
        near = {"pool": ranges(NEAR, pool), "lease": f"{lease}s", "options": options, "admit": "all",
                "conflict-probe": False, "on-foreign": "ignore", **(dhcp or {})}
        for network in (near, far) if boot else ():
            network.update(zip(("next-server", "server-name", "boot-file"), boot, strict=True))
        sections = {"dhcp": near, "dhcp.network": [far]}
        if reservations:
            sections["dhcp.reservation"] = [
                {"client-id": f"hex:{who.hex()}" if isinstance(who, bytes) else None, "mac": who, "address": f"{NEAR}.{n}"}
                for who, n in reservations]
            for row in sections["dhcp.reservation"]:
                row.pop("mac" if row["client-id"] else "client-id")
        if klass:
            sections["dhcp.class"] = [{"name": "lab", "vendor-class": klass[0], "options": {"67": klass[1]}}]
        self.server = transload.Server(host, folder, sections=sections)
        self.server.start()

    def alive(self):
        return self.server.process.poll() is None and not self.server.panics()

    def log_tail(self):
        return self.server.log_tail()

    def stop(self):
        self.server.kill()


class Kea:
    name, tools = "kea", ("kea-dhcp4",)

    def __init__(self, host, folder, pool=("100-109",), relayed_pool=("100-109",), lease=3600, options=None,
                 reservations=(), klass=None, boot=None, dhcp=None):
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        data = [{"code": code, "data": value} if value[:4] != "hex:" else
                {"code": code, "data": value[4:], "csv-format": False, "space": "dhcp4"}
                for code, (_, value) in (options or {}).items()]
        reserved = [{("client-id" if isinstance(who, bytes) else "hw-address"):
                     (who.hex() if isinstance(who, bytes) else who), "ip-address": f"{NEAR}.{n}"}
                    for who, n in reservations]
        subnets = [{"id": number, "subnet": f"{network}.0/24", "pools": [{"pool": r} for r in ranges(network, part)]}
                   for number, (network, part) in enumerate(((NEAR, pool), (FAR, relayed_pool)), 1)]
        subnets[0]["reservations"] = reserved
        self.log = os.path.join(folder, "kea.log")
        config = {"Dhcp4": {
            "interfaces-config": {"interfaces": [host.interface], "dhcp-socket-type": "raw"},
            "lease-database": {"type": "memfile", "persist": False}, "authoritative": True,
            "valid-lifetime": lease, "calculate-tee-times": True, "option-data": data, "subnet4": subnets,
            "reservations-out-of-pool": False,
            "loggers": [{"name": "kea-dhcp4", "output_options": [{"output": self.log}], "severity": "INFO"}]}}
        if boot:
            config["Dhcp4"].update(zip(("next-server", "server-hostname", "boot-file-name"), boot, strict=True))
        if klass:
            text = klass[0].rstrip("*")
            config["Dhcp4"]["client-classes"] = [{
                "name": "lab", "test": f"substring(option[60].hex,0,{len(text)}) == '{text}'",
                "option-data": [{"code": 67, "data": klass[1], "always-send": True}]}]
        path = os.path.join(folder, "kea.json")
        with open(path, "w") as file:
            json.dump(config, file)
        environment = dict(os.environ, KEA_LOCKFILE_DIR=folder, KEA_PIDFILE_DIR=folder)
        self.process = host.popen("kea-dhcp4", "-c", path, env=environment, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while "DHCP4_STARTED" not in self.said():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"kea does not start: {self.log_tail()}")
            time.sleep(0.05)

    def said(self):
        if not os.path.exists(self.log):
            return ""
        with open(self.log) as file:
            return file.read()

    def log_tail(self):
        return self.said()[-1500:]

    def alive(self):
        return self.process.poll() is None

    def stop(self):
        self.process.kill()
        self.process.wait()


SERVERS = {"transload": Transload, "kea": Kea}
