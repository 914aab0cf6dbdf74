"""What every persona of the phone shares: its memory, its clock, its network, and the writing of flash."""

import hashlib
import json
import os
import random
import shutil
import time

import dhcp
import fetch
import loads


class Stranded(Exception):
    """What was asked of the phone, or what is missing now, would leave a real one unusable."""


class PowerCycle(Exception):
    """Somebody pulled the plug and put it back."""


class Phone:
    """The phone's lasting memory and its peripherals. The personas are functions over it."""

    def __init__(self, config):
        self.mac = config["mac"]                       # 12 upper-case hex digits
        self.model = config["model"]
        self.vid = config.get("vid", 5)
        self.platform = config.get("platform", 1)
        self.load = loads.Load(config["load"])
        self.interface = config["interface"]
        self.client = config.get("client", "udhcpc")
        self.vendor = config.get("vendor", "bare")     # bare | nul | dslforum
        self.user_agent = config.get("user_agent", True)
        self.tftp_only = config.get("tftp_only", False)
        self.tftp_client = config.get("tftp_client", "curl")
        self.blksize = config.get("blksize", 1428)
        self.product = config.get("product", config["model"])  # what $PN and $PSN are made of
        self.profile_walk = config.get("profile_walk", "first")  # first | named | cfg: which of the URLs it knows
        self.default_only = config.get("default_only", False)    # reads XMLDefault, as if it had no file of its own
        self.keeps_boot = config.get("keeps_boot", False)      # does not fetch boot components that it has
        self.page = config.get("page", "whole")        # its own: whole | escaped | no-udi | off
        self.sip = config.get("sip", "tcp")                    # tcp | udp | never: how it registers
        self.registers_first = config.get("registers_first", False)  # and fetches its load a little later
        self.old_alarm = config.get("old_alarm", False)        # says Load=, and nothing of its other partition
        self.refuses = config.get("refuses", False)            # answers 400 whenever it is told to restart
        self.claims = config.get("claims")                     # another device name than its own
        self.manager = None
        self.inactive = self.load.name
        self.last_reason = "initialized"
        self.factor = config.get("factor", 20)
        self.flash_seconds = config.get("flash_seconds", 0.3)
        self.rate = config.get("rate", 0)              # bytes per second by HTTP; 0: as fast as it goes
        self.work = config["work"]
        self.random = random.Random(config.get("seed", 0) ^ int(self.mac, 16))
        with open(config["manifest"]) as file:
            self.manifest = json.load(file)            # what Cisco signed: component name -> [size, sha256]
        # Which license is its own; a Multiplatform phone may have been migrated by somebody before.
        self.direction = config.get("direction") or (
            "e2m" if self.load.enterprise or self.load.kind == "TLexE2M" else "m2e")
        self.call_manager = config.get("call_manager")  # the one whose signature its trust list has
        self.cda = config.get("cda")                   # where the vendor's redirection service is to be found
        self.redirected = False
        self.authorized = False
        self.settings = {}                             # a Multiplatform phone's parameters, gone by factory reset
        self.failed_upgrade = None
        # Enterprise firmware shows its page when a configuration says so, Multiplatform firmware by itself.
        self.web_access = not self.load.enterprise
        self.flashing = False
        self.page_asked = []                           # [path, whether shown, whether in the middle of a flash]
        self.lease = None
        self.power_cycle = False
        self.start = time.time()
        self.steps = []
        self.leases = []
        self.slowest = 0.0
        self.problem = None
        self.state = os.path.join(self.work, "state.json")
        # A trust list of another call manager: as a file, so that somebody can erase it.
        self.trust_list = os.path.join(self.work, "trust-list")
        if config.get("trust_list"):
            open(self.trust_list, "w").close()
        shutil.rmtree(os.path.join(self.work, "files"), ignore_errors=True)
        os.makedirs(os.path.join(self.work, "files"))

    @property
    def persona(self):
        return "enterprise" if self.load.enterprise else "multiplatform"

    # Memory and reporting

    def note(self, step):
        self.steps.append([round(time.time() - self.start, 2), step])
        self.save()

    def save(self):
        with open(self.state + ".new", "w") as file:
            json.dump(self.result(), file)
        os.replace(self.state + ".new", self.state)

    def result(self):
        return {"mac": self.mac, "model": self.model, "start": self.start, "end": time.time(),
                "load": self.load.name, "authorized": self.authorized, "settings": self.settings,
                "servers": self.lease.addresses(150) if self.lease else [], "steps": self.steps,
                "leases": self.leases, "page": self.page_asked, "slowest": round(self.slowest, 2), "problem": self.problem}

    # Clock

    def wait(self, seconds):
        """Wait on the phone's clock, which runs `factor` times faster than ours; a power cycle ends it."""
        deadline = time.monotonic() + seconds / self.factor
        while time.monotonic() < deadline:
            self.check_power()
            time.sleep(min(0.05, max(0.0, deadline - time.monotonic())))

    def check_power(self):
        if self.power_cycle:
            self.power_cycle = False
            raise PowerCycle

    # Network

    def boot(self):
        """Power up: no address, then a lease, however long it takes."""
        self.note(f"boot {self.load.name}")
        vendor = dhcp.vendor_class(self.model, self.persona, self.vendor)
        requests = dhcp.ENTERPRISE_REQUESTS if self.load.enterprise else dhcp.MULTIPLATFORM_REQUESTS
        host_name = f"SEP{self.mac}" if self.load.enterprise else None
        os.system(f"ip address flush dev {self.interface}")
        while True:
            self.lease = dhcp.obtain(self.client, self.interface, os.path.join(self.work, "dhcp"), vendor,
                                     requests, host_name, patience=2, tries=3)
            self.check_power()
            if self.lease:
                break
            self.wait(10)
        self.leases.append([time.time(), self.lease.address])
        self.note(f"lease {self.lease.address}")

    def path(self, name):
        return os.path.join(self.work, "files", name.rsplit("/", 1)[-1] or "root")

    def get(self, url, note=True):
        """Fetch a URL (http or tftp) into the phone's memory. Returns (outcome, path, detail)."""
        self.check_power()
        began = time.monotonic()
        scheme, _, rest = url.partition("://")
        host, _, name = rest.partition("/")
        target = self.path(name)
        if scheme == "http":
            outcome, detail = fetch.http(url, target, self.agent(), 10, self.rate)
        elif scheme == "tftp":
            outcome, detail = fetch.tftp(self.tftp_client, host, name, target, self.blksize, 10)
        else:
            outcome, detail = fetch.BROKEN, f"{scheme}: not answered here"
        taken = time.monotonic() - began
        if outcome != fetch.OK or not name.endswith("bn"):
            self.slowest = max(self.slowest, taken)
        if note:
            self.note(f"{outcome} {url}" + (f" ({detail})" if outcome == fetch.BROKEN else ""))
        self.check_power()
        return outcome, target, detail

    def agent(self):
        """User-Agent: known for Multiplatform firmware only, and a customer may have changed it."""
        if self.load.enterprise or not self.user_agent:
            return None
        version = ".".join(map(str, self.load.version))
        return f"Cisco-CP-{self.model}-3PCC/{version} ({self.mac.lower()})"

    # Flash

    def upgrade(self, new, locate):
        """Fetch a load by way of `locate(file name) -> (outcome, path)`, write it and start it.

        Returns False if the files did not come; raises Stranded where a real phone would be lost.
        """
        reason = loads.refusal(self.model, self.vid, self.load, new)
        if reason:
            raise Stranded(reason)
        outcome, path = locate(f"{new.name}.loads")
        if outcome != fetch.OK:
            return False
        with open(path, "rb") as file:
            data = file.read()
        self.verify(f"{new.name}.loads", data)
        wanted = loads.platforms(data).get(self.platform)
        if not wanted:
            raise Stranded(f"{new.name}.loads has nothing for platform {self.platform}")
        version = new.name.partition(".")[2]
        for name in wanted:
            if self.keeps_boot and version not in name:
                continue
            outcome, path = locate(name)
            if outcome == fetch.MISSING:
                raise Stranded(f"{name} of {new.name} is missing on the server")
            if outcome == fetch.BROKEN:
                return False
            with open(path, "rb") as file:
                self.verify(name, file.read())
            fetch.remove(path)
        self.note(f"flash {new.name}")
        self.flashing = True
        time.sleep(self.flash_seconds)
        self.flashing = False
        crossed = self.load.enterprise != new.enterprise
        self.inactive, self.load = self.load.name, new
        if crossed:
            self.factory_reset()
        self.note(f"runs {new.name}")
        return True

    def verify(self, name, data):
        """A phone checks the signature of what it got; the manifest stands for the signature."""
        if name not in self.manifest:
            raise Stranded(f"{name} is nothing that the vendor ever signed")
        size, digest = self.manifest[name]
        if len(data) != size or hashlib.sha256(data).hexdigest() != digest:
            raise Stranded(f"{name}: {len(data)} bytes that differ from the vendor's {size}")

    def factory_reset(self):
        self.settings = {}
        self.failed_upgrade = None
        self.redirected = False
        self.authorized = False
        self.web_access = not self.load.enterprise
        self.note("factory reset")
