"""The appliance's card in an emulated machine: QEMU with a network card on a switch of ours, and power that can be cut.

A power cut is honest: what the machine has written goes through QEMU's write log, and after a kill the card holds
everything up to the last flush that it was told of, and of what came later a random part.
"""

import json
import os
import re
import signal
import socket
import struct
import subprocess
import time

from netns import run

MIB = 1 << 20
BOOT_AT, STATE_AT = 4 * MIB, 2048 * MIB
CARD = 4096 * MIB
MAC = "52:54:00:12:34:56"
TOKEN = "look-alike-token-0001"
SECTOR = 512
FLUSH, FUA, DISCARD = 1, 2, 4


class Card:
    """A card with the image on it, in a sparse file."""

    def __init__(self, folder, image, size=CARD):
        self.path = os.path.join(folder, "card.img")
        run("cp", "--sparse=always", image, self.path)
        with open(self.path, "r+b") as file:
            file.truncate(size)
        self.write = self.log = None

    def write_over(self, image):
        """Write a new image to it, as an imaging program does; what lies behind stays."""
        run("fallocate", "--punch-hole", "--length", os.path.getsize(image), self.path)
        run("dd", f"if={image}", f"of={self.path}", "bs=1M", "conv=notrunc,sparse", "status=none")

    def grow(self, size):
        """As if it had been copied to a larger card."""
        os.truncate(self.path, size)

    def put(self, source, target):
        """Write a file to the boot partition, as a technician does on a PC."""
        run("mcopy", "-o", "-i", f"{self.path}@@{BOOT_AT}", source, f"::{target}")

    def get(self, name, target):
        run("mcopy", "-o", "-n", "-i", f"{self.path}@@{BOOT_AT}", f"::{name}", target)
        return target

    def begin(self, folder):
        """What is written from now on goes beside the card. Returns QEMU's arguments for the block device `card`."""
        self.write, self.log = os.path.join(folder, "written.qcow2"), os.path.join(folder, "log")
        run("qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", self.path, self.write)
        open(self.log, "wb").close()
        return ["-blockdev", f"driver=qcow2,node-name=top,file.driver=file,file.filename={self.write}",
                "-blockdev", f"driver=file,node-name=log,filename={self.log}",
                "-blockdev", f"driver=blklogwrites,node-name=card,file=top,log=log,log-sector-size={SECTOR}"]

    def settle(self, rng):
        """The power is gone: put on the card what must be on it, and what may be. Returns (writes kept, writes lost)."""
        writes = list(log_entries(self.log))
        last = max((at for at, (_, flags, _, _) in enumerate(writes) if flags & FLUSH), default=-1)
        chance = rng.choice([0, 0.5, 0.9, 1])
        kept = lost = 0
        with open(self.log, "rb") as log, open(self.path, "r+b") as card:
            for at, (sector, flags, start, count) in enumerate(writes):
                whole = at <= last or flags & FUA or rng.random() < chance
                if not count or flags & DISCARD:
                    continue            # what is discarded may stay as it was
                kept, lost = kept + bool(whole), lost + (not whole)
                # Of what is lost, the beginning may have been written.
                length = count if whole else rng.choice([0, rng.randrange(count)])
                card.seek(sector * SECTOR)
                log.seek(start)
                card.write(log.read(length * SECTOR))
        os.unlink(self.write)
        os.unlink(self.log)
        return kept, lost

    def state_is_clean(self, folder):
        """Whether the state partition, once its journal is replayed, needs no repair. Returns what e2fsck found, or ''."""
        copy = os.path.join(folder, "state.img")
        run("dd", f"if={self.path}", f"of={copy}", "bs=1M", f"skip={STATE_AT // MIB}", "conv=sparse", "status=none")
        try:
            subprocess.run(["e2fsck", "-p", "-E", "journal_only", copy], capture_output=True)
            done = subprocess.run(["e2fsck", "-f", "-n", copy], capture_output=True, text=True)
            return "" if done.returncode == 0 else f"e2fsck: exit {done.returncode}: {done.stdout}{done.stderr}"
        finally:
            os.unlink(copy)


def log_entries(path):
    """The entries of a write log (the kernel's dm-log-writes format): (sector, flags, offset of the data, sectors)."""
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        at = SECTOR
        while at + SECTOR <= size:
            file.seek(at)
            sector, count, flags, _ = struct.unpack("<QQQQ", file.read(32))
            if not count and not flags:
                return
            data = 0 if flags & DISCARD else count * SECTOR
            if at + SECTOR + data > size:
                return
            yield sector, flags, at + SECTOR, count
            at += SECTOR + data


class Machine:
    """One machine on a switch. `kind` is `virt`, or `raspi3b` with the Pi's own card controller and no screen."""

    def __init__(self, switch, folder, card, kind="virt", sticks=()):
        self.switch, self.folder, self.card, self.kind = switch, folder, card, kind
        self.process = self.since = None
        # The time that it wakes up with, where that is not the right one: 2020-01-01T00:00:00.
        self.clock = None
        self.serial = os.path.join(folder, "serial.log")
        self.control = os.path.join(folder, "qmp")
        self.sticks = sticks
        run("ip", "-n", switch.bridge, "tuntap", "add", "tap0", "mode", "tap")
        run("ip", "-n", switch.bridge, "link", "set", "tap0", "master", "br0", "up")
        self.kernel, self.initrd = (card.get(name, os.path.join(folder, name)) for name in ("vmlinuz", "initrd.img"))
        if kind == "raspi3b":
            self.tree = card.get("bcm2837-rpi-3-b.dtb", os.path.join(folder, "tree.dtb"))

    def power_on(self):
        words = "net.ifnames=0 panic=10 consoleblank=0 loglevel=4"
        network = ["-netdev", "tap,id=net,ifname=tap0,script=no,downscript=no"]
        if self.kind == "virt":
            # What a Pi 3 has: four of these cores and 1 GB.
            machine = ["-M", "virt", "-cpu", "cortex-a53", "-smp", "2", "-m", "1024", "-accel", "tcg,thread=multi,tb-size=256",
                       "-device", "virtio-blk-pci,drive=card", "-device", f"virtio-net-pci,netdev=net,mac={MAC}",
                       "-device", "virtio-gpu-pci", "-device", "qemu-xhci",
                       "-append", f"console=ttyAMA0 console=tty0 {words}"]
            machine += self.card.begin(self.folder)
        else:
            # The only network card that its emulation has is a USB one, which one driver too many takes for its own;
            # and arming its watchdog resets it at once.
            machine = ["-M", "raspi3b", "-dtb", self.tree, "-drive", f"if=sd,format=raw,file={self.card.path}",
                       "-device", f"usb-net,netdev=net,mac={MAC}",
                       "-append", f"console=tty0 console=ttyAMA0,115200 {words} ifname=phones:{MAC} systemd.watchdog_sec=0"
                       " maxcpus=2 modprobe.blacklist=cdc_subset"]
        command = ["qemu-system-aarch64", *machine, *network, "-kernel", self.kernel, "-initrd", self.initrd,
                   "-display", "none", "-monitor", "none", "-serial", f"file:{self.serial}",
                   "-qmp", f"unix:{self.control},server=on,wait=off", "-no-reboot"]
        if self.clock:
            command += ["-rtc", f"base={self.clock}"]
        with open(os.path.join(self.folder, "qemu.log"), "ab") as log:
            self.process = subprocess.Popen(["ip", "netns", "exec", self.switch.bridge, *command], stdout=log, stderr=log)
        self.since = time.monotonic()
        return self

    def alive(self):
        if self.process.poll() is not None:
            with open(os.path.join(self.folder, "qemu.log"), errors="replace") as log:
                raise AssertionError(f"the machine ended with {self.process.returncode}: {log.read()[-800:]}")

    def cut(self, rng):
        """Pull the plug. Returns (writes kept, writes lost)."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        return self.card.settle(rng)

    def off(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def ask(self, command, **arguments):
        """One command to QEMU itself."""
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(30)
            line.connect(self.control)
            stream = line.makefile("rw")
            stream.readline()
            for words in ({"execute": "qmp_capabilities"}, {"execute": command, "arguments": arguments}):
                stream.write(json.dumps(words) + "\n")
                stream.flush()
                answer = {}
                while "return" not in answer and "error" not in answer:
                    answer = json.loads(stream.readline())
            if "error" in answer:
                raise RuntimeError(f"{command}: {answer['error']}")
            return answer["return"]

    def picture(self, path):
        """What is on the screen now, as PNG."""
        self.ask("screendump", filename=path, format="png")

    def plug_stick(self, path):
        """Plug a stick, a file with a file system, into the running machine."""
        self.ask("blockdev-add", **{"driver": "raw", "node-name": "stick", "file": {"driver": "file", "filename": path}})
        self.ask("device_add", driver="usb-storage", drive="stick", id="stick")

    def plug_adapter(self):
        """Plug a USB network adapter into the running machine; the other end of its cable is in the switch's namespace."""
        run("ip", "-n", self.switch.bridge, "tuntap", "add", "tap1", "mode", "tap")
        run("ip", "-n", self.switch.bridge, "address", "add", "169.254.77.7/16", "dev", "tap1")
        run("ip", "-n", self.switch.bridge, "link", "set", "tap1", "up")
        self.ask("netdev_add", type="tap", id="people", ifname="tap1", script="no", downscript="no")
        self.ask("device_add", driver="usb-net", netdev="people", id="adapter")

    def said(self):
        """All that came over the serial line, without what only moves the cursor."""
        if not os.path.exists(self.serial):
            return ""
        with open(self.serial, errors="replace") as file:
            return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", file.read())


class Laptop:
    """A technician's: a host on the switch that sees the page, and may log in."""

    def __init__(self, switch, folder, address="10.23.45.10/24"):
        self.host = switch.host("laptop", address=address)
        self.key = os.path.join(folder, "key")
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.key)

    def page(self, path="/", token=TOKEN, name="10.23.45.67"):
        """(HTTP status, text); status 0 where nobody answers."""
        options = ["-H", f"Authorization: Bearer {token}"] if token else []
        done = self.host.run("curl", "-s", "--max-time", "10", "-w", "\n%{http_code}", *options, f"http://{name}:8080{path}")
        text, _, status = done.stdout.decode(errors="replace").rpartition("\n")
        return int(status or 0), text

    def status(self):
        """The phones by MAC; {} while nobody answers."""
        code, text = self.page("/api/phones")
        try:
            phones = json.loads(text) if code == 200 else []
        except json.JSONDecodeError:
            return {}
        phones = phones if isinstance(phones, list) else phones.get("phones", [])
        return {phone["mac"]: phone for phone in phones}

    def run(self, command, timeout=60):
        """Run a command on the box, as root."""
        done = self.host.run("ssh", "-q", "-i", self.key, "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
                             "-o", "BatchMode=yes", "-o", "ConnectTimeout=20", "root@10.23.45.67", command, timeout=timeout)
        return done.stdout.decode(errors="replace")


def wait_for(condition, seconds, explain, alive=lambda: None, pause=0.5):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        alive()
        if time.monotonic() > deadline:
            raise AssertionError(f"not after {seconds} s: {explain()}")
        time.sleep(pause)
    return found
