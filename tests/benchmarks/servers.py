"""The DHCP servers that are compared: each as its distribution ships it, with one large pool and phone options."""

import datetime
import json
import os
import shutil
import subprocess
import time

SERVER = "10.64.0.1"
CLIENTS = "10.64.0.2"
NETWORK = "10.64.0.0/10"
FIRST, LAST = "10.64.1.0", "10.127.255.250"
LEASES = 1 << 22
LEASE_SECONDS = 3600


class Server:
    """One server in the namespace of `host`, with its state in a fresh folder below `folder`."""

    def __init__(self, host, folder, group, binary):
        self.host = host
        self.folder = os.path.join(folder, f"{self.name}-{time.monotonic_ns()}")
        self.group = group
        self.binary = binary
        self.process = None
        os.makedirs(self.folder)

    def start(self, wait=True):
        """Start, and wait until it is ready; in its control group from the first instruction on."""
        with open(self.log_path, "ab") as log:
            self.process = self.host.popen(*self.command(), stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                           env=dict(os.environ, **self.environment()),
                                           preexec_fn=self.group.enter if self.group else None)
        deadline = time.monotonic() + 30
        while wait and not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self.name} did not start:\n{self.log()[-2000:]}")
            time.sleep(0.01)
        return self

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def remove(self):
        if self.process:
            self.stop()
        shutil.rmtree(self.folder)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.remove()

    @property
    def log_path(self):
        return os.path.join(self.folder, "log")

    def log(self):
        with open(self.log_path, errors="replace") as file:
            return file.read()

    def cpu(self):
        """Seconds of user and system time of all its threads so far."""
        with open(f"/proc/{self.process.pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident(self):
        """Megabytes of memory it has, and the most it had."""
        with open(f"/proc/{self.process.pid}/status") as file:
            lines = dict(line.split(":", 1) for line in file)
        return tuple(int(lines[key].split()[0]) * 1024 / 1e6 for key in ("VmRSS", "VmHWM"))

    def environment(self):
        return {}

    def is_ready(self):
        """Whether it listens on port 67; what only its log tells, a subclass looks up there."""
        done = self.host.run("ss", "-Hlun", "sport = :67")
        return b":67" in done.stdout

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w") as file:
            file.write(text)
        return path


class Transload(Server):
    """With its shipped defaults: durable, trying addresses before it offers them, looking for other servers first."""

    name = "transload"

    def command(self):
        config = self.write("transload.toml", f"""
[bench]
interface = "{self.host.interface}"
address = "{SERVER}/10"
state = "{self.folder}/state"
[dhcp]
pool = "{FIRST}-{LAST}"
lease = "{LEASE_SECONDS}s"
options = {{ router = ["{SERVER}"], dns = ["{SERVER}"] }}
""")
        return [self.binary, "serve", "--config", config]

    def guard_began(self):
        """When it last began to look for other servers, which takes three seconds; seconds since the epoch."""
        lines = [json.loads(line) for line in self.log().splitlines() if line.startswith("{")]
        began = [line["timestamp"] for line in lines if "looking for other DHCP servers" in line["message"]]
        return datetime.datetime.fromisoformat(began[-1].replace("Z", "+00:00")).timestamp()


class Kea(Server):
    """Memfile without fsync, as shipped: version 2.2 runs on one thread and logs each lease."""

    name = "kea"
    threads = None
    severity = "INFO"

    def command(self):
        option = lambda name, data: {"name": name, "data": data}  # noqa: E731
        config = {"Dhcp4": {
            "interfaces-config": {"interfaces": [self.host.interface]},
            "lease-database": {"type": "memfile", "lfc-interval": 3600, "name": f"{self.folder}/leases.csv"},
            "valid-lifetime": LEASE_SECONDS, "renew-timer": LEASE_SECONDS // 2, "rebind-timer": LEASE_SECONDS * 7 // 8,
            "option-def": [{"name": "tftp-servers", "code": 150, "type": "ipv4-address", "array": True}],
            "client-classes": [{
                "name": "phone", "test": "substring(option[60].hex,0,28) == 'Cisco Systems, Inc. IP Phone'",
                "next-server": SERVER,
                "option-data": [option("tftp-server-name", SERVER), option("tftp-servers", SERVER)],
            }],
            "option-data": [option("routers", SERVER), option("domain-name-servers", SERVER)],
            "subnet4": [{"subnet": NETWORK, "pools": [{"pool": f"{FIRST} - {LAST}"}]}],
            "loggers": [{"name": "kea-dhcp4", "severity": self.severity,
                         "output_options": [{"output": f"{self.folder}/kea.log"}]}],
        }}
        if self.threads:
            config["Dhcp4"]["multi-threading"] = {"enable-multi-threading": True, "thread-pool-size": self.threads}
        return ["kea-dhcp4", "-c", self.write("kea.json", json.dumps(config, indent=1))]

    def environment(self):
        return {"KEA_PIDFILE_DIR": self.folder, "KEA_LOCKFILE_DIR": self.folder}

    def is_ready(self):
        # It listens on packet sockets; the last of them is open shortly after the UDP socket beside it.
        done = self.host.run("ss", "-Hl0n")
        return bool(done.stdout.strip()) and super().is_ready()


class QuietKea(Kea):
    """As fast as its manual tells: a thread for each core, and only warnings in its log."""

    name = "kea-tuned"
    threads = os.cpu_count()
    severity = "WARN"


class Dnsmasq(Server):
    """Without its ping before each offer, which lets it lose nearly everything."""

    name = "dnsmasq"

    def command(self):
        return ["dnsmasq", "--keep-in-foreground", "--no-ping", "--port=0", "--conf-file=/dev/null", "--log-facility=-",
                "--quiet-dhcp", "--user=root", f"--dhcp-leasefile={self.folder}/leases",
                f"--interface={self.host.interface}", f"--dhcp-lease-max={LEASES}", f"--pid-file={self.folder}/pid",
                f"--dhcp-range=set:net,{FIRST},{LAST},255.192.0.0,{LEASE_SECONDS}",
                "--dhcp-vendorclass=set:phone,IP Phone",
                f"--dhcp-option=tag:phone,option:tftp-server,{SERVER}", f"--dhcp-option=tag:phone,150,{SERVER}",
                f"--dhcp-option=option:router,{SERVER}", f"--dhcp-option=option:dns-server,{SERVER}"]


ALL = {server.name: server for server in (Transload, Kea, QuietKea, Dnsmasq)}
