"""A lab for the image: a switch, a technician's laptop, a card with look-alike firmware, and the emulated machine."""

import os
import random
import time

import fleet
import load
import lookalike
import wire
from case import expect, same
from lookalike import E2M, ENTERPRISE_12, MPP_11
from machine import TOKEN, Card, Laptop, Machine, wait_for

# Longer than any start has taken on two busy cores.
STARTING = 900
# As fast as phones' clocks run here, so are the server's patience and theirs.
FACTOR = 10
TIMING = {"already-there": "20s", "transfer-idle": "20s", "flash": "90s", "license": "15s", "not-asking": "60s", "quiet": "2s",
          "restart": "8s"}
CONFIG = """[bench]
interface = "phones"
address = "10.23.45.67/24"
[migration]
direction = "e2m"
[dhcp]
pool = "10.23.45.100-10.23.45.250"
lease = "12h"
[admin]
listen = "0.0.0.0:8080"
token-file = "/etc/transload/token"
[timing]
""" + "".join(f'{key} = "{value}"\n' for key, value in TIMING.items())
MODELS = ("8851", "7841", "8865", "7832", "8832", "8811", "7821", "8861")


class Lab:
    """A switch, a technician's laptop, a card with look-alike firmware in its drop folder, and the machine."""

    def __init__(self, switch, folder, options, phones, config=CONFIG, kind="virt", size=None):
        self.folder, self.phones = folder, phones
        self.random = random.Random(options.seed)
        self.pictures = options.shots
        self.laptop = Laptop(switch, folder)
        self.card = Card(folder, options.image, *([size] if size else []))
        self.firmware = lookalike.Firmware(os.path.join(folder, "firmware"))
        self.firmware.manifest_path = os.path.join(folder, "manifest.json")
        loads = [self.firmware.load(family, version)
                 for family in lookalike.FAMILIES for version in (ENTERPRISE_12, E2M, MPP_11)]
        self.firmware.save_manifest(self.firmware.manifest_path)
        for load_name in loads:
            package = os.path.join(folder, f"cmterm-{load_name}.zip")
            lookalike.zip_package(package, self.firmware.files(load_name))
            self.card.put(package, f"drop/{os.path.basename(package)}")
        licenses = os.path.join(folder, "licenses.zip")
        lookalike.license_package(licenses, [phone["mac"] for phone in phones], "e2m")
        self.card.put(licenses, "drop/licenses.zip")
        roster = os.path.join(folder, "roster.csv")
        lookalike.write_roster(roster, phones)
        self.card.put(roster, "drop/roster.csv")
        self.settings(config)
        self.machine = Machine(switch, folder, self.card, kind)
        self.switch = switch

    def settings(self, config=CONFIG):
        self.text("transload.toml", config)
        self.text("token.txt", TOKEN + "\r\n")
        self.card.put(self.laptop.key + ".pub", "authorized_keys")

    def text(self, name, content):
        path = os.path.join(self.folder, "text")
        with open(path, "w") as file:
            file.write(content)
        self.card.put(path, name)

    def page_up(self, wanted=200):
        """Until the page answers with that HTTP status; returns its text."""
        def up():
            status, text = self.laptop.page()
            return text if status == wanted else None
        return wait_for(up, STARTING, lambda: f"{self.laptop.page()}\n{self.machine.said()[-3000:]}", self.machine.alive)

    def imported(self):
        """Until what lies in the drop folder is in the library."""
        loads = 3 * len(lookalike.FAMILIES)

        def there():
            return self.laptop.page("/api/library")[1].count(".loads\"") >= loads \
                or self.laptop.page("/api/library")[1].count('"complete"') >= loads
        wait_for(there, STARTING, lambda: f"{self.laptop.page('/api/library')}\n{self.machine.said()[-2000:]}",
                 self.machine.alive)

    def picture(self, name):
        path = os.path.join(self.pictures or self.folder, f"{name}.png")
        self.machine.picture(path)
        print(f"      screen: {path}", flush=True)

    def fleet(self, phones=None, name="phones", factor=FACTOR):
        return fleet.Fleet(self.switch, os.path.join(self.folder, name), phones or self.phones, self.firmware.manifest_path,
                           factor=factor)

    def stories(self, phones_on, stranded):
        status = self.laptop.status()
        lines = phones_on.problems()
        for phone in stranded[:3]:
            lines += [phones_on.story(phone["mac"]), f"    status: {status.get(phone['mac'])}"]
        return "\n".join(lines)

    def walk(self, phones_on, seconds):
        """Wait until every phone is on the target, and the box says so."""
        stranded = phones_on.wait(fleet.on_target(fleet.targets(MPP_11)), seconds, each=self.machine.alive)
        expect(not stranded and not phones_on.problems(),
               f"{len(stranded)} phones did not arrive\n{self.stories(phones_on, stranded)}")

        def all_done():
            status = self.laptop.status()
            return all(status.get(p["mac"], {}).get("stage") == "done" for p in phones_on.phones)
        wait_for(all_done, 180, lambda: f"{self.laptop.status()}", self.machine.alive)
        same("addresses held by two phones", phones_on.doubled(), {})


def phones_of(count, first=0x100):
    return [fleet.phone(MODELS[n % len(MODELS)], first + n, ENTERPRISE_12 if n % 2 else "11-7-1-17", roster_load=n % 2 == 1)
            for n in range(count)]


def first_answer(switch, machine):
    """Seconds from power on to the first DHCP offer to a phone that asks each half second."""
    host = switch.host("first", mac="c4:b9:cd:0f:ff:ff")
    with wire.Wire(host) as line:
        def offered():
            message = wire.Message(wire.DISCOVER, "C4B9CD0FFFFF", wire.client_options(load.VENDOR, (1, 3, 66, 150)), flags=0x8000)
            line.send(message, "C4B9CD0FFFFF")
            return line.receive(message.xid, 0.5)
        wait_for(offered, STARTING, machine.said, machine.alive, pause=0)
    taken = time.monotonic() - machine.since
    switch.unplug(host)
    return taken
