#!/usr/bin/env python3
"""The appliance's image in an emulated machine, with virtual phones on a switch beside it.

    image.py [--image FILE] [--only TEXT] [--phones N] [--cuts N] [--seed N] [--pictures DIR] [--keep] [--list]

Needs root, for network namespaces, and QEMU; the image is target/images/transload-pi.img. Emulated without hardware's help,
the machine is some 20 times as slow as a Pi: figures of time are upper bounds, and those of memory are right.
"""

import argparse
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "phones")]

import fleet  # noqa: E402
import load  # noqa: E402
import lookalike  # noqa: E402
from box import CONFIG, FACTOR, STARTING, Lab, first_answer, phones_of  # noqa: E402
from cases import expect, same  # noqa: E402
from lookalike import MPP_11  # noqa: E402
from machine import CARD, Machine, wait_for  # noqa: E402
from netns import Switch, run  # noqa: E402

MDNS = os.path.join(HERE, "mdns.py")
TOOLS = ("ip", "qemu-system-aarch64", "qemu-img", "mcopy", "e2fsck", "mkfs.vfat", "ssh-keygen", "udhcpc",
         "dhclient", "dhcpcd", "curl", "tftp", "atftp")


def whole_migration(switch, folder, arguments):
    """The Pi's image on the machine `virt`: first start, a whole migration, the screen, figures; the image written again."""
    lab = Lab(switch, folder, arguments, phones_of(arguments.phones))
    lab.machine.power_on()
    print(f"      first start, power on to the first DHCP offer: {first_answer(switch, lab.machine):.0f} s (emulated)",
          flush=True)
    lab.page_up()
    lab.imported()
    lab.picture("imported")
    with lab.fleet() as phones_on:
        phones_on.power_on()
        time.sleep(20)
        lab.picture("migration")
        lab.walk(phones_on, 600)
    lab.picture("done")
    memory = lab.laptop.run("free -k | awk 'NR == 2 { print $3 }'; systemctl show -P MemoryCurrent transload;"
                            " grep VmRSS /proc/$(pidof transload)/status; df -h / /data; mount | grep -E ' / | /boot | /data ';"
                            " swapon --show; ss -Hlntup | awk '{ print $1, $5, $7 }'; systemctl --failed --no-legend")
    print("      " + memory.replace("\n", "\n      "), flush=True)
    used = int(memory.split()[0])
    expect(used < 200_000, f"{used} kB of memory in use")
    same("the token is asked for", lab.laptop.page("/api/phones", token=None)[0], 401)
    # A newer image is written over this one: the state is found again.
    lab.machine.cut(lab.random)
    same("file system after the plug was pulled", lab.card.state_is_clean(folder), "")
    lab.card.write_over(arguments.image)
    lab.settings()
    lab.machine.power_on()
    print(f"      next start, power on to the first DHCP offer: {first_answer(switch, lab.machine):.0f} s (emulated)", flush=True)
    lab.page_up()
    same("phones done", {p["stage"] for p in lab.laptop.status().values() if p["mac"] != "C4B9CD0FFFFF"}, {"done"})


def pi_board(switch, folder, arguments):
    """The machine `raspi3b`: the kernel with the Pi's device tree, the state partition on the Pi's card controller."""
    lab = Lab(switch, folder, arguments, phones_of(1), kind="raspi3b")
    lab.machine.power_on()
    # Its emulated network card has not been seen to work, so the serial line has to tell.
    wait_for(lambda: re.search(r"^Card: .* free", lab.machine.said(), re.MULTILINE), 2 * STARTING, lab.machine.said,
             lab.machine.alive)
    print(f"      raspi3b, power on to the state partition: {time.monotonic() - lab.machine.since:.0f} s (emulated)", flush=True)
    lab.machine.off()
    same("file system of the state partition", lab.card.state_is_clean(folder), "")


def surroundings(switch, folder, arguments):
    """Its name, a second network port, a clock without a battery, a larger card."""
    lab = Lab(switch, folder, arguments, phones_of(1))

    def asked(namespace, address):
        """The addresses that transload.local has for a host with that address."""
        done = subprocess.run(["ip", "netns", "exec", namespace, sys.executable, "-S", MDNS, address, "transload.local"],
                              capture_output=True, text=True, timeout=60)
        return done.stdout.split()

    def reachable(url):
        done = subprocess.run(["ip", "netns", "exec", switch.bridge, "curl", "-s", "--max-time", "10", "-o", "/dev/null",
                               "-w", "%{http_code}", url], capture_output=True, text=True, timeout=60)
        return done.stdout
    lab.machine.power_on()
    lab.page_up()
    wait_for(lambda: asked(lab.laptop.host.namespace, "10.23.45.10") == ["10.23.45.67"], 60, lab.machine.said, lab.machine.alive)
    wait_for(lambda: "root" in lab.laptop.run("id"), STARTING, lab.machine.said, lab.machine.alive)
    size, now = map(int, lab.laptop.run("df -B1 --output=size /data | tail -n 1; date +%s").split())
    print(f"      one port: transload.local is found among the phones; state {size / 1e9:.1f} GB", flush=True)
    lab.machine.plug_adapter()
    found = wait_for(lambda: asked(switch.bridge, "169.254.77.7"), STARTING, lab.machine.said, lab.machine.alive)
    expect(found[0].startswith("169.254."), f"transload.local: {found}")
    same("the page there", reachable(f"http://{found[0]}:8080/"), "200")
    wait_for(lambda: lab.laptop.page()[0] == 0, 60, lab.laptop.page, lab.machine.alive)
    same("SSH among the phones", lab.laptop.run("id"), "")
    same("transload.local among the phones", asked(lab.laptop.host.namespace, "10.23.45.10"), [])
    first_answer(switch, lab.machine)
    print(f"      two ports: transload.local is {found[0]}, with the page; among the phones only phones are answered", flush=True)
    lab.picture("two-ports")
    # The same card's content on a larger one, in a machine whose clock has stood still for years.
    lab.machine.cut(lab.random)
    lab.card.grow(2 * CARD)
    lab.machine.clock = "2020-01-01T00:00:00"
    lab.machine.power_on()
    lab.page_up()
    wait_for(lambda: "root" in lab.laptop.run("id"), STARTING, lab.machine.said, lab.machine.alive)
    grown, later = map(int, lab.laptop.run("df -B1 --output=size /data | tail -n 1; date +%s").split())
    print(f"      a larger card: state {grown / 1e9:.1f} GB; a clock of 2020: {later - now} s after the time seen before", flush=True)
    expect(grown > size + 0.9 * CARD, f"state has {grown} bytes, it had {size}")
    expect(later >= now - 60, f"the clock went back by {now - later} s")


def trouble(switch, folder, arguments):
    """A wrong configuration, a bad zip on a stick, a full disk: it boots, shows its page, and says what is wrong."""
    lab = Lab(switch, folder, arguments, phones_of(2), config=CONFIG.replace("interface", "interfaec"))

    def said(word):
        wait_for(lambda: word in lab.machine.said(), STARTING, lambda: lab.machine.said()[-2000:], lab.machine.alive)
    lab.machine.power_on()
    text = lab.page_up(wanted=503)
    expect("interfaec" in text and "interface" in text, text)
    said("interfaec")
    lab.picture("wrong-configuration")
    # Put right on a PC, and started again.
    lab.machine.cut(lab.random)
    lab.text("transload.toml", CONFIG)
    lab.text("drop/broken.zip", "This is no zip.\n" * 1000)
    lab.machine.power_on()
    lab.page_up()
    lab.imported()
    said("broken.zip")
    lab.picture("bad-zip-on-the-card")
    # A stick with one license that is good, and one zip that is not.
    stick = os.path.join(folder, "stick.img")
    with open(stick, "wb") as file:
        file.truncate(64 << 20)
    run("mkfs.vfat", "-n", "STICK", stick)
    run("mmd", "-i", stick, "::DROP")
    late = fleet.mac("8851", 0x900)
    lookalike.license_package(os.path.join(folder, "late.zip"), [late], "e2m")
    run("mcopy", "-i", stick, os.path.join(folder, "late.zip"), "::DROP/late.zip")
    with open(os.path.join(folder, "bad.zip"), "wb") as file:
        file.write(b"PK\x03\x04" + os.urandom(5000))
    run("mcopy", "-i", stick, os.path.join(folder, "bad.zip"), "::DROP/bad.zip")
    before = open(stick, "rb").read()
    lab.machine.plug_stick(stick)
    said("bad.zip")
    said("can be pulled out")
    lab.picture("stick-with-a-bad-zip")
    same("the stick is as it was", open(stick, "rb").read() == before, True)
    expect(late in lab.laptop.page("/api/library")[1] or lab.laptop.run(f"ls /data/transload/licenses/e2m/{late}.lic").strip(),
           "the good license of the stick is not there")
    # A full disk, and a start with it.
    lab.laptop.run("fallocate -l $(df -B1 --output=avail /data | tail -n 1) /data/transload/full;"
                   " dd if=/dev/zero of=/data/transload/fuller bs=4k; sync", timeout=300)
    for _ in range(2):
        status, text = lab.laptop.page()
        expect(status in (200, 503), f"the page answers {status}")
        said("IT IS FULL")
        lab.picture("full-disk")
        print("      " + lab.machine.said()[-900:].replace("\n", "\n      "), flush=True)
        lab.machine.cut(lab.random)
        lab.machine.power_on()
        wait_for(lambda: lab.laptop.page()[0] in (200, 503), STARTING, lab.machine.said, lab.machine.alive)


def power_cuts(switch, folder, arguments):
    """The plug is pulled at random moments of migrations."""
    load.STARTING, load.OUTSTANDING, load.PATIENCE = STARTING, 8, 5.0
    rng = random.Random(arguments.seed)
    waves = [phones_of(8, 0x1000 + 16 * n)[n % 4 * 2:][:2] for n in range(arguments.cuts)]
    lab = Lab(switch, folder, arguments, [phone for wave in waves for phone in wave],
              config=CONFIG.replace("[dhcp]", '[dhcp]\nadmit = "all"'))
    clients = load.Load(switch.host("clients"), rng, 24)
    lab.machine.power_on()
    lab.page_up()
    lab.imported()
    fleets, wave = [], iter(waves)
    arrived = fleet.on_target(fleet.targets(MPP_11))

    def missing(phones_on):
        return [phone for phone in phones_on.phones if not arrived(phone, phones_on.state(phone["mac"]))]
    try:
        for cut in range(1, arguments.cuts + 1):
            # Mostly at work, soon after more phones have been plugged in; now and then while it starts.
            working = rng.random() < 0.7
            if working:
                lab.page_up()
                clients.check(lab.machine.alive)
            # Twice as fast as elsewhere: phones wait longer after each vain attempt, and shall be back before the next cut.
            fleets.append(lab.fleet(next(wave), f"phones-{len(fleets)}", 2 * FACTOR).power_on())
            if working:
                clients.run(rng.uniform(0, 8))
            else:
                time.sleep(rng.uniform(0, 40))
            amid = sum(len(missing(phones_on)) for phones_on in fleets)
            kept, lost = lab.machine.cut(rng)
            clients.drain()
            dirty = lab.card.state_is_clean(folder)
            expect(not dirty, dirty)
            lab.machine.power_on()
            count = sum(len(phones_on.phones) for phones_on in fleets)
            there = count - sum(len(missing(phones_on)) for phones_on in fleets)
            print(f"      cut {cut}: {kept} writes kept, {lost} lost, {clients.acks} ACKs, {len(clients.problems)} problems,"
                  f" {amid} phones under way{'' if working else ', the box may be starting'}, "
                  f"{there} of {count} phones there", flush=True)
            expect(not clients.problems, "\n".join(clients.problems))
            for phones_on in fleets:
                phones_on.mark("power cut")
                stories = [phones_on.story(state["mac"]) for state in phones_on.states() if state["problem"]]
                expect(not phones_on.problems(), "\n".join(phones_on.problems() + stories))
        lab.page_up()
        clients.check(lab.machine.alive, everybody=True)
        expect(not clients.problems, "\n".join(clients.problems))
        # Multiplatform phones wait twice as long after each vain attempt: who would come in hours is unplugged once.
        unplugged, patience = 0, time.monotonic() + 120
        for phones_on in fleets:
            for phone in phones_on.wait(arrived, patience - time.monotonic(), each=lab.machine.alive):
                phones_on.power_cycle(phone["mac"])
                unplugged += 1
        for phones_on in fleets:
            lab.walk(phones_on, 600)
        print(f"      {arguments.cuts} power cuts, {clients.acks} ACKs kept, {sum(len(phones_on.phones) for phones_on in fleets)} phones"
              f" moved; {unplugged} of them were waiting for long, and were unplugged once", flush=True)
    finally:
        for phones_on in fleets:
            phones_on.power_off()
        clients.close()


CASES = (whole_migration, surroundings, pi_board, trouble, power_cuts)


def attempt(case, arguments):
    folder = tempfile.mkdtemp(prefix="transload-image-")
    labs = []
    try:
        with Switch() as switch:
            try:
                original = Machine.power_on

                def power_on(machine):
                    labs.append(machine)
                    return original(machine)
                Machine.power_on = power_on
                case(switch, folder, arguments)
            finally:
                Machine.power_on = original
                for machine in labs:
                    machine.off()
    except AssertionError as error:
        return str(error)
    except Exception:
        return traceback.format_exc()
    finally:
        if arguments.keep:
            print(f"      kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return None


def main():
    parser = argparse.ArgumentParser(description="The appliance's image in an emulated machine.")
    parser.add_argument("--image", default=os.path.join(HERE, "..", "target", "images", "transload-pi.img"))
    parser.add_argument("--only", default="", help="run the cases whose name contains this")
    parser.add_argument("--phones", type=int, default=6, help="phones of the whole migration")
    parser.add_argument("--cuts", type=int, default=50, help="power cuts")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="seed of everything random")
    parser.add_argument("--pictures", help="where pictures of the screen go; they are deleted otherwise")
    parser.add_argument("--keep", action="store_true", help="keep the scratch folders, and say where they are")
    parser.add_argument("--list", action="store_true", help="name the cases and end")
    arguments = parser.parse_args()
    chosen = [case for case in CASES if arguments.only in case.__name__]
    if arguments.list:
        print("\n".join(f"{case.__name__}: {case.__doc__}" for case in chosen))
        return 0
    lacking = [tool for tool in TOOLS if shutil.which(tool) is None]
    if os.geteuid() != 0 or lacking or not os.path.exists(arguments.image):
        reason = f"it needs {', '.join(lacking)}" if lacking else f"it needs root and {arguments.image}"
        print(f"IMAGE CHECK SKIPPED, {len(chosen)} cases: {reason}", file=sys.stderr)
        return 1 if os.environ.get("CI") else 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    print(f"seed {arguments.seed}, {arguments.image}", flush=True)
    failed = 0
    for case in chosen:
        began = time.monotonic()
        problem = attempt(case, arguments)
        failed += problem is not None
        print(f"{'FAIL' if problem else 'pass'}  {case.__name__}  ({time.monotonic() - began:.0f} s)", flush=True)
        for line in (problem or "").splitlines():
            print(f"      {line}", flush=True)
    return 1 if failed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
