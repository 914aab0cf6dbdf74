"""Other people's DHCP servers, as Debian ships them, in namespaces: Kea (alone and as a pair), dnsmasq, ISC dhcpd."""

import json
import os
import re
import socket
import subprocess
import time

import server as transload

NETWORK = transload.NETWORK
HOOKS = "/usr/lib/{}/kea/hooks"
TOOLS = {"kea": ["kea-dhcp4"], "pair": ["kea-dhcp4", "kea-ctrl-agent"], "dnsmasq": ["dnsmasq"], "dhcpd": ["dhcpd"]}


def hook():
    """The hook library under test: $TRANSLOAD_KEA, or where cargo puts it."""
    target = os.environ.get("CARGO_TARGET_DIR", os.path.join(os.path.dirname(__file__), "..", "dhcp", "kea", "target"))
    return os.path.abspath(os.environ.get("TRANSLOAD_KEA") or os.path.join(target, "release", "libtransload_kea.so"))


def kea_hook(name):
    """One of Kea's own hook libraries."""
    machine = os.uname().machine
    return os.path.join(HOOKS.format(f"{machine}-linux-gnu"), name)


def needed(*kinds):
    """The programs of these servers, and the hook."""
    return [tool for kind in kinds for tool in TOOLS[kind]] + [hook()]


class OtherServer:
    """A server process on a host. `address` is its own, in the phones' network."""

    def __init__(self, host, folder, address):
        self.host, self.folder, self.address = host, folder, address
        self.process = None
        os.makedirs(folder, exist_ok=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, content):
        with open(self.path(name), "w") as file:
            file.write(content if isinstance(content, str) else json.dumps(content, indent=1))
        return self.path(name)

    def run(self, name, *command, ready, patience=20, environment=None):
        log = self.path(f"{name}.log")
        with open(log, "ab") as file:
            process = self.host.popen(*command, stdout=file, stderr=file, stdin=subprocess.DEVNULL,
                                      env=dict(os.environ, **(environment or {})))
        deadline = time.monotonic() + patience
        while not ready():
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                process.wait()
                raise AssertionError(f"{name} did not start:\n{self.log(name)[-3000:]}")
            time.sleep(0.05)
        return process

    def log(self, name=None):
        try:
            with open(self.path(f"{name or self.name}.log"), errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def listens(self, port=":67"):
        return port.encode() in self.host.run("ss", "-Hlun").stdout

    def cpu(self):
        with open(f"/proc/{self.process.pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def stop(self, kill=False):
        for process in filter(None, [self.process, *getattr(self, "helpers", [])]):
            if process.poll() is None:
                process.kill() if kill else process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()


class Kea(OtherServer):
    """`extra` is merged into the Dhcp4 section, lists joined; `hook` has the parameters of Transload's hook."""

    name = "kea"
    include = None      # a directive to put first

    def __init__(self, host, folder, address, hook=None, extra=None, threads=None, pool=("100", "250"), severity="INFO"):
        super().__init__(host, folder, address)
        self.helpers = []
        self.config = {
            "interfaces-config": {"interfaces": [host.interface], "dhcp-socket-type": "raw"},
            "control-socket": {"socket-type": "unix", "socket-name": self.path("control")},
            "lease-database": {"type": "memfile", "name": self.path("leases.csv"), "lfc-interval": 0},
            "valid-lifetime": 3600, "calculate-tee-times": True, "authoritative": True,
            "option-data": [{"name": "routers", "data": f"{NETWORK}.1"},
                            {"name": "domain-name-servers", "data": f"{NETWORK}.2"}],
            "subnet4": [{"id": 1, "subnet": f"{NETWORK}.0/24",
                         "pools": [{"pool": f"{NETWORK}.{pool[0]} - {NETWORK}.{pool[1]}"}]}],
            "hooks-libraries": [],
            "loggers": [{"name": "kea-dhcp4", "severity": severity, "output_options": [{"output": "stdout"}]}],
        }
        if threads is not None:
            self.config["multi-threading"] = {"enable-multi-threading": threads > 0, "thread-pool-size": threads}
        if hook is not None:
            self.config["hooks-libraries"].append({"library": globals()["hook"](), "parameters": hook})
        for key, value in (extra or {}).items():
            self.config[key] = self.config.get(key, []) + value if isinstance(value, list) else value

    def start(self):
        text = json.dumps(self.config, indent=1)
        if self.include:
            text = text.replace("{", "{" + self.include + ",", 1)
        config = self.write("kea.json", f'{{"Dhcp4": {text}}}')
        self.process = self.run("kea", "kea-dhcp4", "-c", config, environment=self.environment(),
                                ready=lambda: "DHCP4_STARTED" in self.log().rsplit("DHCP4_STARTING", 1)[-1] and self.listens())
        return self

    def environment(self):
        return {"KEA_PIDFILE_DIR": self.folder, "KEA_LOCKFILE_DIR": self.folder, "KEA_DHCP_DATA_DIR": self.folder}

    def command(self, name, **arguments):
        """Ask Kea over its control socket."""
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(20)
            control.connect(self.path("control"))
            control.sendall(json.dumps({"command": name, **({"arguments": arguments} if arguments else {})}).encode())
            answer = b""
            while part := control.recv(65536):
                answer += part
        return json.loads(answer)

    def said(self):
        """What the hook wrote into Kea's log."""
        return re.findall(r"TRANSLOAD_HOOK (.*)", self.log())


def pair(hosts, folder, addresses, hooks, **options):
    """Two Keas in hot standby, each with its control agent; the first is the primary."""
    names = ["first", "second"]
    peers = [{"name": name, "url": f"http://{address}:8000/", "role": role, "auto-failover": True}
             for name, address, role in zip(names, addresses, ("primary", "standby"), strict=True)]
    made = []
    for name, host, address, hook in zip(names, hosts, addresses, hooks, strict=True):
        parameters = {"this-server-name": name, "mode": "hot-standby", "heartbeat-delay": 1000, "max-response-delay": 3000,
                      "max-ack-delay": 2000, "max-unacked-clients": 0, "peers": peers}
        kea = Kea(host, os.path.join(folder, name), address, hook, **options)
        kea.config["hooks-libraries"] += [
            {"library": kea_hook("libdhcp_lease_cmds.so")},
            {"library": kea_hook("libdhcp_ha.so"), "parameters": {"high-availability": [parameters]}}]
        agent = kea.write("agent.json", {"Control-agent": {
            "http-host": address, "http-port": 8000,
            "control-sockets": {"dhcp4": {"socket-type": "unix", "socket-name": kea.path("control")}},
            "loggers": [{"name": "kea-ctrl-agent", "severity": "WARN", "output_options": [{"output": "stdout"}]}]}})
        kea.start()
        listening = f"{address}:8000".encode()
        kea.helpers.append(kea.run("agent", "kea-ctrl-agent", "-c", agent, environment=kea.environment(),
                                   ready=lambda: listening in host.run("ss", "-Hltn").stdout))
        made.append(kea)
    return made


def ha_state(kea):
    answer = kea.command("status-get")
    return answer["arguments"]["high-availability"][0]["ha-servers"]["local"]["state"]


class Dnsmasq(OtherServer):
    """`conf` is put before the lines that every server needs."""

    name = "dnsmasq"

    def __init__(self, host, folder, address, conf="", script=None, environment=None):
        super().__init__(host, folder, address)
        self.conf, self.script, self.more = conf, script, environment or {}

    def start(self):
        lines = [f"interface={self.host.interface}", "port=0", "no-ping", "log-dhcp", "user=root",
                 f"dhcp-leasefile={self.path('leases')}", f"dhcp-range={NETWORK}.100,{NETWORK}.250,255.255.255.0,1h",
                 f"dhcp-option=option:router,{NETWORK}.1"]
        lines += [f"dhcp-script={self.script}"] if self.script else []
        conf = self.write("dnsmasq.conf", self.conf + "\n" + "\n".join(lines) + "\n")
        self.process = self.run("dnsmasq", "dnsmasq", "--keep-in-foreground", "--log-facility=-", f"--conf-file={conf}",
                                f"--pid-file={self.path('pid')}", ready=self.listens, environment=self.more)
        return self


class Dhcpd(OtherServer):
    """ISC's server; `conf` comes before its subnet."""

    name = "dhcpd"

    def __init__(self, host, folder, address, conf=""):
        super().__init__(host, folder, address)
        self.conf = conf

    def start(self):
        subnet = (f"authoritative;\nping-check false;\ndefault-lease-time 3600;\nsubnet {NETWORK}.0 netmask 255.255.255.0 {{\n"
                  f"  range {NETWORK}.100 {NETWORK}.250;\n  option routers {NETWORK}.1;\n}}\n")
        conf = self.write("dhcpd.conf", self.conf + "\n" + subnet)
        leases = self.write("dhcpd.leases", "")
        self.process = self.run("dhcpd", "dhcpd", "-4", "-f", "-d", "-user", "root", "-group", "root", "-cf", conf, "-lf", leases,
                                "-pf", self.path("pid"), self.host.interface, ready=self.listens)
        return self
