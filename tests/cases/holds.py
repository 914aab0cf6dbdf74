"""Phones that must stay where they are, and why they are told so."""

import os
import time

import fleet
import lookalike
from cases import case, expect, same
from cases.migration import OLD, Technician, explain
from lookalike import E2M, ENTERPRISE_12, M2E, MPP_11
from server import ADDRESS, NETWORK


def library(bench):
    return bench.firmware("e2m", lookalike.FAMILIES, [ENTERPRISE_12, E2M, MPP_11])


def held(bench, server, phones_on, codes, seconds=40, linger=8):
    """Wait until `status` shows each phone held with its code, cause and cure; then see that nothing moves it."""
    def wrong():
        status = server.status()
        found = []
        for mac, wanted in codes.items():
            shown = status.get(mac, {})
            hold = shown.get("hold") or {}
            if shown.get("stage") not in ("held", "stuck") or hold.get("code") not in wanted \
                    or not hold.get("cause") or not hold.get("cure"):
                found.append(f"{mac}: wanted a hold {wanted}, status shows {shown}")
        return found
    bench.wait_for(lambda: not wrong(), seconds,
                   lambda: "\n".join(wrong()) + "\n" + "\n".join(phones_on.story(mac) for mac in codes))
    time.sleep(linger)
    same("holds after a while", wrong(), [])


def stayed(phones_on, phones):
    """None of these phones took a load, or asked for one because it had been told of it."""
    for phone in phones:
        state = phones_on.state(phone["mac"])
        same(f"{phone['mac']} {phone['model']}: load", state["load"], phone["load"])
        expect(not state["problem"], f"{phone['mac']}: {state['problem']}")
        told = [s for _, s in state["steps"] if ".loads" in s]
        same(f"{phone['mac']} {phone['model']}: loads it was told of", told, [])


@case("holds: 8821, 8831 and an old VID stay where they are, with the reason shown")
def ineligible(bench):
    phones = [fleet.phone("8821", 1, "11-0-4SR3-5", load="sip8821.11-0-4SR3-5", platform=1),
              fleet.phone("8831", 2, "10-3-1SR6-4", load="sip8831.10-3-1SR6-4", platform=1, vendor="nul"),
              fleet.phone("7821", 3, ENTERPRISE_12, vid=1, roster_load=True),
              fleet.phone("7841", 4, ENTERPRISE_12, vid=3, roster_load=True),
              fleet.phone("8851", 5, ENTERPRISE_12, vid=16, roster_load=True)]
    firmware = library(bench)
    server = bench.server(firmware, phones).start()
    with bench.fleet(phones, firmware) as phones_on:
        phones_on.power_on()
        codes = {p["mac"]: ("not-eligible",) for p in phones[:4]}
        codes[phones[4]["mac"]] = ("no-route", "not-eligible")     # V15+ cannot take the 11.2(3) loads
        held(bench, server, phones_on, codes)
        stayed(phones_on, phones)
        status = server.status()
        expect("8821" in status[phones[0]["mac"]]["hold"]["cause"], f"{status[phones[0]['mac']]['hold']}")
        expect("V01" in status[phones[2]["mac"]]["hold"]["cause"], f"{status[phones[2]['mac']]['hold']}")
        code, report = server.check()
        same("check: exit", code, 1)
        shown = {p["mac"]: (p["state"], (p["hold"] or {}).get("code")) for p in report["phones"]}
        for mac, wanted in codes.items():
            expect(shown.get(mac, ("", ""))[0] == "held" and shown[mac][1] in wanted, f"check {mac}: {shown.get(mac)}")


@case("holds: no license, no transition load; the license arrives, and the phone goes on")
def no_license(bench):
    firmware = library(bench)
    without, other_direction, old = (fleet.phone("8851", 1, ENTERPRISE_12, roster_load=True),
                                     fleet.phone("7841", 2, ENTERPRISE_12, roster_load=True),
                                     fleet.phone("8865", 3, OLD, roster_load=True))
    fine = fleet.phone("8861", 4, ENTERPRISE_12, roster_load=True)
    phones = [without, other_direction, old, fine]
    server = bench.server(firmware, phones, licensed=[fine])
    lookalike.write_license(server.state, other_direction["mac"], "m2e")
    server.start()
    with bench.fleet(phones, firmware) as phones_on:
        phones_on.power_on()
        codes = {p["mac"]: ("no-license",) for p in (without, other_direction, old)}
        held(bench, server, phones_on, codes)
        stayed(phones_on, [without, other_direction, old])
        _, report = server.check()
        shown = {p["mac"]: (p["state"], (p["hold"] or {}).get("code")) for p in report["phones"]}
        for mac in codes:
            same(f"check {mac}", shown.get(mac), ("held", "no-license"))
        bench.wait_for(lambda: phones_on.state(fine["mac"])["load"] == f"sip88xx.{MPP_11}", 60,
                       lambda: phones_on.story(fine["mac"]))
        for phone in (without, other_direction, old):
            lookalike.write_license(server.state, phone["mac"], "e2m")
        done = server.command("reload")
        same("reload", (done.returncode, done.stderr.decode()), (0, ""))
        # A held Enterprise phone asks again by itself, so nobody has to touch it.
        stranded = phones_on.wait(fleet.on_target(fleet.targets(MPP_11)), 120)
        explain(bench, server, phones_on, stranded)


@case("holds: M2E without a license: no transition load, no direct crossing")
def no_license_m2e(bench):
    firmware = bench.firmware("m2e", lookalike.FAMILIES, [ENTERPRISE_12, M2E])
    phones = [fleet.phone("8851", 1, MPP_11), fleet.phone("7841", 2, lookalike.MPP_12)]
    server = bench.server(firmware, phones, licensed=[], direction="m2e")
    lookalike.write_license(server.state, phones[0]["mac"], "e2m")
    server.start()
    with bench.fleet(phones, firmware) as phones_on:
        phones_on.power_on()
        held(bench, server, phones_on, {p["mac"]: ("no-license",) for p in phones})
        for phone in phones:
            state = phones_on.state(phone["mac"])
            same(f"{phone['mac']}: load", state["load"], phone["load"])
            told = [s for _, s in state["steps"] if ".loads" in s]
            same(f"{phone['mac']}: loads it was told of", told, [])
            profiles = [s for _, s in state["steps"] if s.startswith("ok ")]
            expect(profiles, f"{phone['mac']}: a held Multiplatform phone gets a profile that says so")
            expect(len(profiles) >= 2, f"{phone['mac']}: does not come back soon:\n{phones_on.story(phone['mac'])}")


@case("holds: a missing component stops every hop that needs it, and check names the file; it comes, and they go on")
def missing_component(bench):
    firmware = library(bench)
    gone = f"rootfs288xx.{MPP_11}.sbn"
    shared = "kern8845_65.TLexE2M-11-2-3C-4.sbn"
    phones = [fleet.phone("8851", 1, OLD, platform=1), fleet.phone("8861", 2, ENTERPRISE_12, roster_load=True),
              fleet.phone("8865", 3, ENTERPRISE_12, roster_load=True), fleet.phone("7841", 4, OLD)]
    server = bench.server(firmware, phones, without=[gone, shared]).start()
    with bench.fleet(phones, firmware) as phones_on:
        phones_on.power_on()
        held(bench, server, phones_on, {p["mac"]: ("firmware-missing",) for p in phones[:3]})
        stayed(phones_on, phones[:3])
        status = server.status()
        for phone, name in ((phones[0], gone), (phones[1], gone), (phones[2], shared)):
            hold = status[phone["mac"]]["hold"]
            expect(name in hold["cause"] + hold["cure"], f"the hold does not name {name}: {hold}")
        code, report = server.check()
        same("check: exit", code, 1)
        loads = {entry["name"]: entry for entry in report["loads"]}
        for load, name in ((f"sip88xx.{MPP_11}", gone), (f"sip8845_65.{E2M}", shared)):
            same(f"check, {load}", (loads[load]["state"], loads[load]["missing"]), ("missing", [name]))
        same("check, a whole load", loads[f"sip78xx.{E2M}"]["state"], "complete")
        bench.wait_for(lambda: phones_on.state(phones[3]["mac"])["load"] == f"sip78xx.{MPP_11}", 90,
                       lambda: phones_on.story(phones[3]["mac"]))
        # What was missing comes, and nobody touches a phone.
        files = [os.path.join(firmware.folder, name) for name in (gone, shared)]
        done = server.command("import", *files)
        same("import", done.returncode, 0)
        stranded = phones_on.wait(fleet.on_target(fleet.targets(MPP_11)), 120)
        explain(bench, server, phones_on, stranded)


@case("holds: where the VID decides and is not known, the phone does not cross until somebody types it in")
def unknown_vid(bench):
    vid_typed_in(bench, registrar=True)


@case("holds: a VID typed in without the registrar: a restart by hand, and the phone goes on")
def unknown_vid_by_hand(bench):
    vid_typed_in(bench, registrar=False)


def vid_typed_in(bench, registrar):
    firmware = library(bench)
    phones = [fleet.phone("7841", 1, OLD, roster_vid=False, page="off"),
              fleet.phone("8851", 2, OLD, roster_vid=False, page="no-udi"),
              fleet.phone("7861", 3, ENTERPRISE_12, roster_vid=False, roster_load=True, page="off")]
    server = bench.server(firmware, phones, sections={"registrar": {"enabled": registrar}}).start()
    with bench.fleet(phones, firmware) as phones_on:
        phones_on.power_on()
        held(bench, server, phones_on, {p["mac"]: ("unknown-vid",) for p in phones}, seconds=60)
        for phone in phones:
            state = phones_on.state(phone["mac"])
            expect("TLex" not in state["load"] and "MPP" not in state["load"], f"crossed: {state['load']}")
            told = [s for _, s in state["steps"] if "TLex" in s or "MPP" in s]
            same(f"{phone['mac']}: crossing loads it was told of", told, [])
        # Typed in by somebody who read the label: no command, no restart of the server.
        for phone in phones:
            phone["roster_vid"] = True
        lookalike.write_roster(os.path.join(server.state, "roster.csv"), phones)
        technician = Technician()
        stranded = phones_on.wait(fleet.on_target(fleet.targets(MPP_11)), 120,
                                  each=None if registrar else lambda: technician(server, phones_on))
        explain(bench, server, phones_on, stranded)


@case("holds: admit = listed keeps a phone that is in no roster where it is")
def not_listed(bench):
    firmware = library(bench)
    listed, stranger = fleet.phone("7811", 1, OLD), fleet.phone("7811", 2, OLD)
    server = bench.server(firmware, [listed], licensed=[listed, stranger],
                          sections={"migration": {"admit": "listed"}}).start()
    with bench.fleet([listed, stranger], firmware) as phones_on:
        phones_on.power_on()
        held(bench, server, phones_on, {stranger["mac"]: ("not-listed",)})
        stayed(phones_on, [stranger])
        bench.wait_for(lambda: phones_on.state(listed["mac"])["load"] == f"sip78xx.{MPP_11}", 90,
                       lambda: phones_on.story(listed["mac"]))


@case("holds: who is not identified is never given a load name")
def stranger(bench):
    firmware = library(bench)
    phone = fleet.phone("8851", 1, ENTERPRISE_12, roster_load=True)
    server = bench.server(firmware, [phone]).start()
    host = bench.switch.host("stranger", mac="02:00:00:00:00:01", address=f"{NETWORK}.20/24")
    names = ["XMLDefault.cnf.xml", "SEP020000000001.cnf.xml", "8851-3PCC.xml", "CP-8851-3PCC.xml", "7841-3PCC.xml", "",
             f"sip88xx.{E2M}.loads", f"SIP88XX.{E2M.upper()}.LOADS", f"sip88xx.{MPP_11}.loads"]
    for name in names:
        for url in (f"http://{ADDRESS}:6970/{name}", f"http://{ADDRESS}/{name}", f"tftp://{ADDRESS}/{name}"):
            if name or url.startswith("http"):
                done = host.run("curl", "-s", "-f", "-A", "Cisco-CP-8851-3PCC/11.2.3 (020000000001)", url)
                for word in (b"TLex", b"MPP-398", b"12-5-1SR1", b"[PLATFORM", b"<html"):
                    expect(word not in done.stdout, f"{url} gave {word.decode()}: {done.stdout[-300:]!r}")
    expect(server.process.poll() is None, "the server ended")
