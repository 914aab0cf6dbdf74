"""What Cisco, the license portal and a spreadsheet deliver: imported, checked, rehearsed and used."""

import glob
import json
import os

import fleet
import lookalike
from cases import case, expect, same
from cases.migration import OLD
from lookalike import E2M, ENTERPRISE_12, MPP_11
from server import binary

LOADS = [f"sip88xx.{version}" for version in (ENTERPRISE_12, E2M, MPP_11)]
TARGET = LOADS[-1]
MPP_ZIP = f"cmterm-88xx.{MPP_11}_REL.zip"
COP = f"cmterm-88xx-sip.{ENTERPRISE_12}.k3.cop.sgn"
MODELS = ("8811", "8841", "8851", "8861")


def library(bench):
    return bench.firmware("88xx", ["sip88xx"], [ENTERPRISE_12, E2M, MPP_11])


def deliver(bench, firmware, without=()):
    """The folder as a technician has it: two zips, a COP file, and what else lies in downloads."""
    folder = os.path.join(bench.folder, "downloads")
    os.makedirs(folder)
    files = [{name: content for name, content in firmware.files(load).items() if name not in without}
             for load in LOADS]
    lookalike.cop_package(os.path.join(folder, COP), files[0], signed=bench.seed % 2 == 0)
    lookalike.zip_package(os.path.join(folder, f"cmterm-88xx.{E2M}.zip"), {**files[1], "ReadMe.html": b"<html>"})
    lookalike.zip_package(os.path.join(folder, MPP_ZIP), files[2])
    with open(os.path.join(folder, ".DS_Store"), "wb") as file:
        file.write(b"\0")
    return folder


def imported(server, *arguments, code=0):
    done = server.command("import", *arguments)
    same(f"import: exit ({done.stdout.decode()}{done.stderr.decode()})", done.returncode, code)
    return done.stdout.decode()


@case("delivery: one import and one check give the whole picture; a rehearsal confirms it")
def whole_picture(bench):
    gone = f"vc488xx.{ENTERPRISE_12}.sbn"
    firmware = library(bench)
    folder = deliver(bench, firmware, without=[gone])
    phones = [fleet.phone(MODELS[n % 4], n, ENTERPRISE_12, roster_load=True) for n in range(48)]
    refused = [fleet.phone("8821", 100, "11-0-4SR3-5", load="sip8821.11-0-4SR3-5", roster_load=True),
               fleet.phone("8831", 101, "10-3-1SR6-4", load="sip8831.10-3-1SR6-4", roster_load=True)]
    licensed, late = phones[:40], phones[40:]
    lookalike.license_package(os.path.join(folder, "licenses.zip"), [p["mac"] for p in licensed], "e2m")
    lookalike.write_roster(os.path.join(folder, "phones of the customer.csv"), phones + refused)
    server = bench.server()
    del server.config["timing"]
    server.write_config()

    dry = imported(server, "--dry-run", folder)
    expect("nothing was changed" in dry, dry)
    same("after a dry run", os.listdir(os.path.join(server.state, "firmware")), [])
    said = imported(server, folder)
    for word in (MPP_ZIP, COP, f"new       {LOADS[0]}.loads", licensed[0]["mac"], f"{phones[0]['mac']}"):
        expect(word in said, f"import does not say {word!r}:\n{said}")
    again = imported(server, folder)
    expect(" new" not in again, f"imported twice, and not the same:\n{again}")

    code, report = server.check()
    same("check: exit", code, 1)
    state = {phone["mac"]: phone for phone in report["phones"]}
    ready = sorted(mac for mac, phone in state.items() if phone["state"] == "ready")
    same("ready", ready, sorted(p["mac"] for p in licensed))
    for phone in late:
        same(f"{phone['mac']}: hold", state[phone["mac"]]["hold"]["code"], "no-license")
    for phone in refused:
        hold = state[phone["mac"]]["hold"]
        same(f"{phone['mac']}: hold", hold["code"], "not-eligible")
        expect(phone["model"] in hold["cause"], f"the model is not named: {hold}")
    loads = {load["name"]: load for load in report["loads"]}
    same("the incomplete load", (loads[LOADS[0]]["state"], loads[LOADS[0]]["missing"]), ("missing", [gone]))
    same("the target", loads[TARGET]["state"], "complete")
    text = server.command("check").stdout.decode()
    expect(any(gone in line and COP in line for line in text.splitlines()),
           f"check does not name the package that should hold {gone}:\n{text}")

    done = server.command("export", "licenses", "--output", os.path.join(bench.folder, "portal"))
    same(f"export licenses ({done.stderr.decode()})", done.returncode, 0)
    with open(os.path.join(bench.folder, "portal", "L-CP-E2M-88XX-CNV.txt")) as file:
        same("MAC addresses for the portal", file.read().split(), sorted(p["mac"] for p in late))
    with open(os.path.join(bench.folder, "portal", "licenses-to-order-e2m.csv")) as file:
        expect("L-CP-E2M-88XX-CNV=,8," in file.read(), "the order does not have 8 licenses")

    done = server.command("rehearse", "--json", timeout=240)
    summary = json.loads(done.stdout.splitlines()[-1])
    same(f"rehearsal ({done.stderr.decode()[-2000:]})", (done.returncode, summary["done"], summary["held"], summary["failures"]),
         (0, 40, 10, []))

    more = os.path.join(bench.folder, "the rest.zip")
    lookalike.license_package(more, [p["mac"] for p in late], "e2m")
    rehearsal = server.host.popen(binary(), "rehearse", "--json", "--config", server.config_path,
                                  stdout=-1, stderr=-1)
    bench.wait_for(lambda: glob.glob(os.path.join(server.state, "rehearsal-*", "ledger.db")), 60, lambda: "no rehearsal")
    imported(server, more)
    out, err = rehearsal.communicate(timeout=240)
    summary = json.loads(out.splitlines()[-1])
    same(f"rehearsal with late licenses ({err.decode()[-2000:]})",
         (rehearsal.returncode, summary["done"], summary["held"], summary["failures"]), (0, 48, 2, []))


@case("delivery: phones held for their license or a roster line go on by themselves when it is imported")
def late_delivery(bench):
    firmware = library(bench)
    phones = [fleet.phone("8851", 1, OLD), fleet.phone("8841", 2, ENTERPRISE_12, roster_load=True)]
    server = bench.server(phones=phones[:1], licensed=[], sections={"migration": {"admit": "listed"}})
    imported(server, deliver(bench, firmware))
    server.start()
    licenses, roster = os.path.join(bench.folder, "licenses.zip"), os.path.join(bench.folder, "more.csv")
    lookalike.license_package(licenses, [p["mac"] for p in phones], "e2m")
    lookalike.write_roster(roster, phones)

    def holds():
        status = server.status()
        return [(status.get(p["mac"], {}).get("hold") or {}).get("code") for p in phones] == ["no-license", "not-listed"]
    with bench.fleet(phones, firmware) as phones_on:
        phones_on.power_on()
        bench.wait_for(holds, 90, lambda: str(server.status()))
        imported(server, licenses, roster)
        bench.wait_for(lambda: all(phones_on.state(p["mac"])["load"] == TARGET for p in phones), 120,
                       lambda: "\n".join(phones_on.story(p["mac"]) for p in phones))
        shown = json.loads(server.get("http://127.0.0.1:8080/api/library").stdout)
        same("licenses in use", [use["mac"] for use in shown["license_uses"] if use["first"]],
             sorted(p["mac"] for p in phones))
        bench.wait_for(lambda: all(server.status()[p["mac"]]["stage"] == "done" for p in phones), 60,
                       lambda: str(server.status()))
