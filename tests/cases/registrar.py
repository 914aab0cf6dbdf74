"""Phones that register: their exact load is known, and nobody has to unplug them."""

import json
import os
import stat
import time

import fleet
import lookalike
from cases import case, expect, same
from cases.holds import held
from cases.migration import OLD, explain, make_fleet, walk
from lookalike import E2M, ENTERPRISE_12, ENTERPRISE_14, MPP_11, MPP_12


def library(bench):
    return bench.firmware("e2m", lookalike.FAMILIES, [ENTERPRISE_12, E2M, MPP_11])


def registering(count, version, number=0x900, **more):
    """Phones that have a file of their own, and so register, by TCP and UDP, in new words and old."""
    phones = make_fleet(count, [(version, False)], default_only=False, **more)
    for n, phone in enumerate(phones):
        phone["mac"] = fleet.mac(phone["model"], number + n)
    return phones


def steps(phones_on, mac):
    return [step for _, step in phones_on.state(mac)["steps"]]


def registered(phones_on, phones):
    return all(any(step.startswith("registered") for step in steps(phones_on, p["mac"])) for p in phones)


def refused(done, words):
    """A command ended with 1 and one line of cause, with these words in it."""
    text = done.stderr.decode()
    expect(done.returncode == 1 and words in text, f"exit {done.returncode}: {text}")


@case("registrar: phones already on the first load all go on, and nobody restarts them")
def already_there(bench):
    walk(bench, registering(10, ENTERPRISE_12), library(bench), "e2m", MPP_11)


@case("registrar: the same where the crossing is direct")
def already_there_direct(bench):
    firmware = bench.firmware("e2m-direct", lookalike.FAMILIES, [ENTERPRISE_14, MPP_12])
    walk(bench, registering(5, ENTERPRISE_14), firmware, "e2m", MPP_12)


@case("registrar: switched off, or never used by the phone, they are held as needs-restart")
def switched_off(bench):
    firmware = library(bench)
    phones = registering(4, ENTERPRISE_12)
    server = bench.server(firmware, phones, sections={"registrar": {"enabled": False}}).start()
    with bench.fleet(phones, firmware) as phones_on:
        phones_on.power_on()
        held(bench, server, phones_on, {p["mac"]: ("needs-restart",) for p in phones}, linger=5)
        expect(not registered(phones_on, phones[:1]), phones_on.story(phones[0]["mac"]))
        same("loads", [s["load"] for s in phones_on.states()], [p["load"] for p in phones])


@case("registrar: one that never registers and one that refuses need a hand, or the program that cuts their power")
def by_hand(bench):
    firmware = library(bench)
    never, refuses = (fleet.phone("8851", 0x910, ENTERPRISE_12, sip="never", default_only=False),
                      fleet.phone("7841", 0x911, ENTERPRISE_12, sip="tcp", default_only=False, refuses=True))
    phones = [never, refuses]
    hook = os.path.join(bench.folder, "cut power")
    asked = os.path.join(bench.folder, "asked")
    with open(hook, "w") as file:
        file.write(f"#!/bin/sh\necho \"$1\" >> '{asked}'\n")
    os.chmod(hook, stat.S_IRWXU)
    server = bench.server(firmware, phones).start()
    with bench.fleet(phones, firmware) as phones_on:
        phones_on.power_on()
        held(bench, server, phones_on, {p["mac"]: ("needs-restart",) for p in phones}, seconds=60, linger=0)
        cause = server.status()[refuses["mac"]]["hold"]["cause"]
        expect("400 Bad Request" in cause and "3 times" in cause, cause)
        told = [step for step in steps(phones_on, refuses["mac"]) if step.startswith("NOTIFY")]
        same("what it was told", told, ["NOTIFY service-control: 400 Bad Request"] * 3)
        refused(server.command("restart", never["mac"]), "not registered")

        same("stop", server.stop(), 0)
        server.config["hooks"] = {"restart": [hook, "{mac}"]}
        server.write_config()
        server.start()
        done = set()

        def technician():
            """The switch that the program is for."""
            if os.path.exists(asked):
                with open(asked) as file:
                    for mac in set(file.read().split()) - done:
                        done.add(mac)
                        phones_on.power_cycle(mac)
        # What was told before the bench was stopped does not count twice: the operator says so.
        same("retry", server.command("retry", *[p["mac"] for p in phones]).returncode, 0)
        missing = phones_on.wait(fleet.on_target(fleet.targets(MPP_11)), 120, each=technician)
        explain(bench, server, phones_on, missing)
        same("phones that the program was asked to restart", done, {p["mac"] for p in phones})


@case("registrar: a held phone's exact load is shown, and it goes on within 10 s of its license")
def license_arrives(bench):
    firmware = library(bench)
    # In real time: a held phone that does not register asks again after 15 to 45 s only.
    phones = [fleet.phone(model, 0x920 + n, version, sip=sip, default_only=False, registers_first=False)
              for n, (model, version, sip) in enumerate((("8851", OLD, "tcp"), ("7841", ENTERPRISE_12, "udp"),
                                                         ("8865", "12-1-1SR1-4", "tcp")))]
    server = bench.server(firmware, phones, licensed=[]).start()
    with bench.fleet(phones, firmware, factor=1) as phones_on:
        phones_on.power_on()
        held(bench, server, phones_on, {p["mac"]: ("no-license",) for p in phones}, linger=0)
        bench.wait_for(lambda: registered(phones_on, phones), 40, lambda: phones_on.story(phones[0]["mac"]))
        status = server.status()
        for phone in phones:
            shown = status[phone["mac"]]
            same(f"{phone['mac']}: load", shown["load"], phone["load"])
            expect("ActiveLoad" in shown["load_evidence"], shown["load_evidence"])
        began = time.monotonic()
        for phone in phones:
            lookalike.write_license(server.state, phone["mac"], "e2m")
        bench.wait_for(lambda: all(any(".loads" in step for step in steps(phones_on, p["mac"])) for p in phones), 10,
                       lambda: "\n".join(phones_on.story(p["mac"]) for p in phones))
        expect(time.monotonic() - began < 10, "later than 10 s")


@case("registrar: a phone that lies in its device name changes nobody's journey")
def liar(bench):
    firmware = library(bench)
    victim = fleet.phone("8851", 0x930, OLD)
    lying = fleet.phone("8851", 0x931, ENTERPRISE_12, sip="tcp", default_only=False, claims=f"SEP{victim['mac']}")
    server = bench.server(firmware, [victim, lying]).start()
    with bench.fleet([lying], firmware) as phones_on:
        phones_on.power_on()
        bench.wait_for(lambda: sum("403" in step for step in steps(phones_on, lying["mac"])) >= 3, 30,
                       lambda: phones_on.story(lying["mac"]))
        status = server.status()
        same("the other one", (status[victim["mac"]]["stage"], status[victim["mac"]]["load"]), ("absent", None))
        expect("ActiveLoad" not in status[lying["mac"]]["load_evidence"], status[lying["mac"]]["load_evidence"])
        held(bench, server, phones_on, {lying["mac"]: ("needs-restart",)}, linger=0)
        with open(server.log_path) as log:
            expect("by its device name" in log.read(), "the contradiction is not told")


@case("registrar: the operator holds, releases, retries and restarts phones, and a killed bench remembers")
def operator(bench):
    firmware = library(bench)
    phone = fleet.phone("8851", 0x940, ENTERPRISE_12, sip="tcp", default_only=False)
    mac = phone["mac"]
    server = bench.server(firmware, [phone])
    same("hold, with no bench running", server.command("hold", mac).returncode, 0)
    server.start()
    with bench.fleet([phone], firmware) as phones_on:
        phones_on.power_on()
        held(bench, server, phones_on, {mac: ("operator",)}, linger=0)
        bench.wait_for(lambda: registered(phones_on, [phone]), 30, lambda: phones_on.story(mac))
        for way, action in ((["restart", mac], "restart"), (["restart", "--reset", mac], "reset")):
            before = len(steps(phones_on, mac))
            bench.wait_for(lambda: server.command(*way).returncode == 0, 20, lambda: phones_on.story(mac))

            def done():
                new = steps(phones_on, mac)[before:]
                again = any(step.startswith("boot") for step in new) == (action == "reset")
                return "NOTIFY service-control: 200 OK" in new and again \
                    and any(step.startswith("registered") for step in new)
            bench.wait_for(done, 30, lambda: phones_on.story(mac))
        answer = server.get("http://127.0.0.1:8080/api/phones/" + mac + "/restart?how=reset", "-X", "POST")
        same("restart by the API", json.loads(answer.stdout), {"mac": mac, "done": "reset", "by": "registration"})
        refused(server.command("hold", "020000000009"), "no phone 020000000009")
        same("release", server.command("release", mac).returncode, 0)
        server.kill()
        server.start()
        missing = phones_on.wait(fleet.on_target(fleet.targets(MPP_11)), 90)
        explain(bench, server, phones_on, missing)
