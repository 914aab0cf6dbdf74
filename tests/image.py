"""The appliance's image in an emulated machine, with virtual phones on a switch beside it.

Needs QEMU, and the image that --image names. Emulated without hardware's help, the machine is some 20 times as slow as a Pi: figures
of time are upper bounds, and those of memory are right.
"""

import os
import random
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

import fleet
import load
import lookalike
from box import CONFIG, FACTOR, STARTING, Lab, first_answer, phones_of
from case import case, expect, same
from lookalike import MPP_11
from machine import CARD, wait_for
from needs import need
from netns import run

HERE = os.path.dirname(os.path.abspath(__file__))
MDNS = os.path.join(HERE, "mdns.py")
TOOLS = ("ip", "qemu-system-aarch64", "qemu-img", "mcopy", "e2fsck", "mkfs.vfat", "ssh-keygen", "udhcpc",
         "dhclient", "dhcpcd", "curl", "tftp", "atftp")
PHONES = 6
# An emulated start alone takes minutes.
pytestmark = pytest.mark.timeout(4 * 3600)


@pytest.fixture
def make(switch, folder, logs, pytestconfig):
    """Make a lab; its machine is switched off with the case."""
    need(*TOOLS)
    options = pytestconfig.option
    if not os.path.exists(options.image):
        pytest.skip(f"it needs {options.image}")
    labs = []

    def make(phones, **more):
        lab = Lab(switch, folder, options, phones, **more)
        labs.append(lab)
        logs.append(lambda: lab.machine.said()[-3000:])
        return lab
    yield make
    for lab in labs:
        lab.machine.off()


@case("whole_migration")
def whole_migration(make, switch, folder, pytestconfig):
    """The Pi's image on the machine `virt`: first start, a whole migration, the screen, figures; the image written again."""
    lab = make(phones_of(PHONES))
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
    lab.card.write_over(pytestconfig.option.image)
    lab.settings()
    lab.machine.power_on()
    print(f"      next start, power on to the first DHCP offer: {first_answer(switch, lab.machine):.0f} s (emulated)", flush=True)
    lab.page_up()
    same("phones done", {p["stage"] for p in lab.laptop.status().values() if p["mac"] != "C4B9CD0FFFFF"}, {"done"})


@case("pi_board")
def pi_board(make, folder):
    """The machine `raspi3b`: the kernel with the Pi's device tree, the state partition on the Pi's card controller."""
    lab = make(phones_of(1), kind="raspi3b")
    lab.machine.power_on()
    # Its emulated network card has not been seen to work, so the serial line has to tell.
    wait_for(lambda: re.search(r"^Card: .* free", lab.machine.said(), re.MULTILINE), 2 * STARTING, lab.machine.said,
             lab.machine.alive)
    print(f"      raspi3b, power on to the state partition: {time.monotonic() - lab.machine.since:.0f} s (emulated)", flush=True)
    lab.machine.off()
    same("file system of the state partition", lab.card.state_is_clean(folder), "")


@case("surroundings")
def surroundings(make, switch):
    """Its name, a second network port, a clock without a battery, a larger card."""
    lab = make(phones_of(1))

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


@case("trouble")
def trouble(make, folder):
    """A wrong configuration, a bad zip on a stick, a full disk: it boots, shows its page, and says what is wrong."""
    lab = make(phones_of(2), config=CONFIG.replace("interface", "interfaec"))

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
    before = Path(stick).read_bytes()
    lab.machine.plug_stick(stick)
    said("bad.zip")
    said("can be pulled out")
    lab.picture("stick-with-a-bad-zip")
    same("the stick is as it was", Path(stick).read_bytes() == before, True)
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


@case("power_cuts")
def power_cuts(make, switch, folder, pytestconfig):
    """The plug is pulled at random moments of migrations."""
    load.STARTING, load.OUTSTANDING, load.PATIENCE = STARTING, 8, 5.0
    cuts, rng = pytestconfig.option.cuts, random.Random(pytestconfig.option.seed)
    waves = [phones_of(8, 0x1000 + 16 * n)[n % 4 * 2:][:2] for n in range(cuts)]
    lab = make([phone for wave in waves for phone in wave],
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
        for cut in range(1, cuts + 1):
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
        print(f"      {cuts} power cuts, {clients.acks} ACKs kept, {sum(len(phones_on.phones) for phones_on in fleets)} phones"
              f" moved; {unplugged} of them were waiting for long, and were unplugged once", flush=True)
    finally:
        for phones_on in fleets:
            phones_on.power_off()
        clients.close()
