"""Many phones at once: who they are, plugging them in, and seeing where they ended."""

import json
import os
import signal
import subprocess
import sys
import time

import lookalike

PHONE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "phones", "phone.py")
sys.path.insert(0, os.path.dirname(PHONE))

from loads import FAMILY  # noqa: E402

OUI = {"sip78xx": "C80084", "sip7832": "706E6D", "sip88xx": "C4B9CD", "sip8845_65": "74A02F", "sip8832": "F87B20"}
PLATFORMS = {"sip78xx": 2, "sip7832": 1, "sip88xx": 3, "sip8845_65": 1, "sip8832": 2}
MODELS = sorted(FAMILY)
# The vendor's list of the way back, as far as it is public, names no model without radio.
MODELS_M2E = [model for model in MODELS if not model.endswith("NR")]


def mac(model, number):
    return f"{OUI.get(FAMILY.get(model), 'F0B2E5')}{number:06X}"


def phone(model, number, version, **more):
    """One phone's description. The quirks vary with its number, so that a fleet shows them all."""
    family = FAMILY.get(model, "sip88xx")
    return {
        "mac": mac(model, number), "model": model, "vid": 5, "load": f"{family}.{version}",
        "platform": number % PLATFORMS.get(family, 1) + 1,
        "client": ("udhcpc", "udhcpc", "dhclient", "udhcpc", "dhcpcd")[number % 5],
        "tftp_client": ("curl", "atftp", "hpa")[number % 3],
        "blksize": (1428, 512)[number % 2],
        "vendor": ("bare", "nul")[number % 2],
        "user_agent": number % 7 != 3,
        "profile_walk": ("first", "named", "cfg")[number % 3],
        "default_only": number % 8 == 6,
        "page": ("whole", "escaped", "no-udi", "off", "whole")[number % 5],
        "sip": ("tcp", "tcp", "udp")[number % 3],
        "registers_first": number % 4 == 1,
        "old_alarm": number % 5 == 2,
        "product": model.replace("NR", "") if number % 2 else model,
        **more,
    }


class Fleet:
    """Phones on a switch. Use in a `with` statement."""

    def __init__(self, switch, folder, phones, manifest, factor=20, seed=1):
        self.switch = switch
        self.folder = folder
        self.phones = phones
        self.hosts = {}
        self.processes = {}
        self.marks = []
        for phone in phones:
            host = switch.host(phone["mac"][-8:], mac=colons(phone["mac"]))
            host.small_buffers()
            self.hosts[phone["mac"]] = host
            work = os.path.join(folder, phone["mac"])
            os.makedirs(work)
            config = dict(phone, interface=host.interface, work=work, manifest=manifest, factor=factor, seed=seed)
            with open(os.path.join(work, "config.json"), "w") as file:
                json.dump(config, file)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.power_off()

    def power_on(self, spread=0.1):
        for phone in self.phones:
            work = os.path.join(self.folder, phone["mac"])
            with open(os.path.join(work, "output"), "wb") as output:
                self.processes[phone["mac"]] = self.hosts[phone["mac"]].popen(
                    sys.executable, "-S", PHONE, os.path.join(work, "config.json"), stdout=output, stderr=output)
            time.sleep(spread)
        return self

    def power_off(self):
        for process in self.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def power_cycle(self, mac):
        os.kill(self.processes[mac].pid, signal.SIGUSR1)

    def state(self, mac):
        try:
            with open(os.path.join(self.folder, mac, "state.json")) as file:
                return json.load(file)
        except (FileNotFoundError, json.JSONDecodeError):
            return {"mac": mac, "load": None, "steps": [], "leases": [], "problem": None, "slowest": 0, "settings": {}, "servers": [],
                    "authorized": False}

    def states(self):
        return [self.state(p["mac"]) for p in self.phones]

    def problems(self):
        """What went wrong on the phones' own side, one line each."""
        found = []
        for phone, state in zip(self.phones, self.states(), strict=True):
            process = self.processes.get(phone["mac"])
            if state["problem"]:
                found.append(f"{phone['mac']} {phone['model']}: {state['problem']}")
            elif process and process.poll() not in (None, 0):
                found.append(f"{phone['mac']} {phone['model']}: phone ended with {process.returncode}: "
                             + self.output(phone["mac"])[-300:])
        return found

    def output(self, mac):
        with open(os.path.join(self.folder, mac, "output"), errors="replace") as file:
            return file.read()

    def wait(self, arrived, seconds, each=None):
        """Wait until `arrived(phone, state)` is true of every phone. Returns those of which it is not."""
        deadline = time.monotonic() + seconds
        while True:
            missing = [p for p in self.phones if not arrived(p, self.state(p["mac"]))]
            if not missing or time.monotonic() > deadline or self.problems():
                return missing
            if each:
                each()
            time.sleep(0.3)

    def doubled(self):
        """Addresses that two phones held at some time."""
        holders = {}
        for state in self.states():
            for _, address in state["leases"]:
                holders.setdefault(address, set()).add(state["mac"])
        return {a: sorted(m) for a, m in holders.items() if len(m) > 1}

    def mark(self, what):
        """Something that happened to all: it appears in every phone's story."""
        self.marks.append((time.time(), f"---- {what}"))

    def story(self, mac, last=45):
        """What the phone did last; the same step again and again counts as one."""
        state = self.state(mac)
        lines = []
        previous = times = None
        marks = [[round(at - state.get("start", at), 2), what] for at, what in self.marks]
        for at, step in sorted(state["steps"] + marks):
            if step == previous:
                times += 1
                lines[-1] = f"    {at:8.2f}  {step}  (x{times})"
            else:
                previous, times = step, 1
                lines.append(f"    {at:8.2f}  {step}")
        return f"  {mac} on {state['load']}\n" + "\n".join(lines[-last:])


def colons(mac):
    return ":".join(mac[i:i + 2].lower() for i in range(0, 12, 2))


def on_target(versions):
    """An `arrived` for Fleet.wait: the phone runs its family's target; after E2M with its license taken."""
    targets = {f"{family}.{version}" for family, version in versions.items()}

    def arrived(phone, state):
        crossed_to_multiplatform = "MPP" in (state["load"] or "") and "MPP" not in phone["load"]
        return state["load"] in targets and (state["authorized"] or not crossed_to_multiplatform)
    return arrived


def targets(version):
    return dict.fromkeys(lookalike.FAMILIES, version)
