"""What finished phones are told of the place they belong to, and who is told of those that lack something."""

import csv
import os
import xml.etree.ElementTree as ET

import fleet
import lookalike
from cases import case, expect, same
from cases.holds import library
from cases.migration import done_everywhere, explain
from cases.report import read_report
from lookalike import E2M, ENTERPRISE_12, M2E, MPP_11
from server import ADDRESS

RULE = "https://provisioning.example/{mac}.xml?site={site}"


def fill_in(server, columns):
    """Columns of the customer's own, behind those of the roster."""
    path = os.path.join(server.state, "roster.csv")
    with open(path, encoding="utf-8-sig", newline="") as file:
        heading, *rows = csv.reader(file, delimiter=";")
    names = sorted({name for cells in columns.values() for name in cells})
    at = heading.index("MAC")
    with open(path + ".new", "w", newline="") as file:
        table = csv.writer(file, delimiter=";")
        table.writerow(heading + names)
        for row in rows:
            own = columns[row[at].replace(":", "").upper()]
            table.writerow(row + [own.get(name, "") for name in names])
    os.replace(path + ".new", path)


@case("after: finished phones are told their home by model and MAC, filled in from the roster; who lacks a column is named")
def profiles(bench):
    firmware = library(bench)
    plain, by_model, by_mac, lacking = phones = [
        fleet.phone("8851", 0xb01, E2M),                            # it comes over the crossing
        fleet.phone("8832", 0xb02, MPP_11, roster_load=True, user_agent=True),
        fleet.phone("7841", 0xb03, MPP_11, roster_load=True, user_agent=True),
        fleet.phone("8861", 0xb04, MPP_11, roster_load=True, user_agent=True)]
    sections = {"after": {"profile": {"Profile_Rule": RULE, "GPP_A": "{extension}", "GPP_B": "general"}},
                "after.model.8832": {"profile": {"GPP_B": "{model} on {floor}"}},
                f'after.mac."{by_mac["mac"]}"': {"profile": {"Profile_Rule": "http://10.9.8.7/own.xml", "GPP_C": "{{&}}"}}}
    server = bench.server(firmware, phones, sections=sections)
    own = {phone["mac"]: {"site": "Berlin", "extension": str(4000 + n), "floor": "3"} for n, phone in enumerate(phones)}
    own[lacking["mac"]] = {"site": "Berlin", "extension": ""}
    own[plain["mac"]]["site"] = ""
    fill_in(server, own)

    def checked():
        code, report = server.check()
        (found,) = [entry for entry in report["environment"] if entry["check"] == "after"]
        return code, found
    code, found = checked()
    same("check", (code, found["ok"]), (1, False))
    for column, phone in (("extension", lacking), ("site", plain)):
        expect(f"column {column} of the roster is empty: {phone['mac']}" in found["cause"], f"{found}")
    expect(by_model["mac"] not in found["cause"] and by_mac["mac"] not in found["cause"], f"{found}")

    server.start()
    with bench.fleet(phones, firmware) as phones_on:
        phones_on.power_on()

        def told(phone):
            return phones_on.state(phone["mac"])["settings"]
        wanted = {by_model["mac"]: {"Profile_Rule": f"https://provisioning.example/{by_model['mac']}.xml?site=Berlin",
                                    "GPP_A": "4001", "GPP_B": "8832 on 3"},
                  by_mac["mac"]: {"Profile_Rule": "http://10.9.8.7/own.xml", "GPP_A": "4002", "GPP_B": "general", "GPP_C": "{&}"},
                  lacking["mac"]: {"Profile_Rule": f"https://provisioning.example/{lacking['mac']}.xml?site=Berlin",
                                   "GPP_B": "general"},
                  plain["mac"]: {"GPP_A": "4000", "GPP_B": "general"}}
        ours = {"Upgrade_Enable": "Yes", "Resync_Periodic": "3600", "Upgrade_Error_Retry_Delay": "3600",
                "Resync_Random_Delay": "2", "Peer_Firmware_Sharing": "Yes"}

        def wrong():
            found = []
            for phone in phones:
                expected, shown = ours | wanted[phone["mac"]], told(phone)
                relevant = {name: shown[name] for name in shown if name in expected or name[:4] in ("GPP_", "Prof")}
                if relevant != expected:
                    found.append(f"{phone['mac']} {phone['model']}: {relevant}, and not {expected}")
            return found
        bench.wait_for(lambda: not wrong(), 120, lambda: "\n".join(wrong() + [phones_on.story(p["mac"]) for p in phones]))
        for phone in phones:
            expect("Upgrade_Rule" not in told(phone) and "Trans_Auth_Rule" not in told(phone), f"{phone['mac']}: {told(phone)}")
        bench.wait_for(lambda: all(p["done"] for p in read_report(server)["phones"]), 30, lambda: str(server.status()))
        notes = read_report(server)["notes"]
        lost = [note for note in notes if note.startswith("Told no Profile_Rule")]
        expect(len(lost) == 1 and f": {plain['mac']}." in lost[0] and "CDA" in lost[0], f"{notes}")
        for name, column, phone in (("GPP_A", "extension", lacking), ("Profile_Rule", "site", plain)):
            note = f"Not told {name} of [after], because the roster has nothing in column {column}: {phone['mac']}."
            expect(note in notes, f"{note!r} is not in {notes}")
        expect(all(note in read_report(server, "html").replace("&#39;", "'") for note in lost), "the page lacks it")

        # The column is filled in: the one that comes for its profile every minute yet is told, and nothing is lacking.
        own[lacking["mac"]]["extension"], own[plain["mac"]]["site"] = "4003", "Bonn"
        lookalike.write_roster(os.path.join(server.state, "roster.csv"), phones)
        fill_in(server, own)
        same("reload", server.command("reload").returncode, 0)
        same("check: [after]", checked()[1], {"check": "after", "ok": True, "cause": None, "cure": None})
        same("notes", [note for note in read_report(server)["notes"] if note.startswith(("Told no", "Not told"))], [])
        phones_on.power_cycle(plain["mac"])
        rule = f"https://provisioning.example/{plain['mac']}.xml?site=Bonn"
        bench.wait_for(lambda: told(plain).get("Profile_Rule") == rule, 60, lambda: phones_on.story(plain["mac"]))


@case("after: phones that come to Enterprise firmware are told their call managers, by model and MAC")
def call_managers(bench):
    firmware = bench.firmware("m2e", lookalike.FAMILIES, [ENTERPRISE_12, M2E])
    plain, by_model, by_mac = phones = [fleet.phone(model, 0xb11 + n, MPP_11) for n, model in enumerate(("8851", "7841", "8865"))]
    sections = {"after": {"call-manager": ["192.0.2.10", "192.0.2.11"]},
                "after.model.7841": {"call-manager": ["192.0.2.20"]},
                f'after.mac."{by_mac["mac"]}"': {"call-manager": ["192.0.2.30"]}}
    server = bench.server(firmware, phones, direction="m2e", sections=sections).start()
    with bench.fleet(phones, firmware) as phones_on:
        phones_on.power_on()
        explain(bench, server, phones_on, phones_on.wait(fleet.on_target(fleet.targets(ENTERPRISE_12)), 120))
        done_everywhere(bench, server, phones_on, ENTERPRISE_12)
        for phone, wanted in ((plain, ["192.0.2.10", "192.0.2.11"]), (by_model, ["192.0.2.20"]), (by_mac, ["192.0.2.30"])):
            # Its new call managers are what its next lease names, and what its configuration here says.
            phones_on.power_cycle(phone["mac"])
            bench.wait_for(lambda phone=phone, wanted=wanted: phones_on.state(phone["mac"])["servers"] == wanted, 60,
                           lambda phone=phone: f"{phones_on.state(phone['mac'])['servers']}\n{phones_on.story(phone['mac'])}")
            url = f"http://{ADDRESS}:6970/SEP{phone['mac']}.cnf.xml"
            device = ET.fromstring(phones_on.hosts[phone["mac"]].run("curl", "-s", "-f", url).stdout)
            members = sorted(device.findall("devicePool/callManagerGroup/members/member"), key=lambda m: int(m.get("priority")))
            same(f"{phone['mac']}: call manager group", [m.findtext("callManager/processNodeName") for m in members], wanted)
            expect(device.find("loadInformation") is None, f"{phone['mac']} is told to load something")
        same("notes on phones that lack one", [note for note in read_report(server)["notes"] if "Told no" in note], [])
        server.config = {name: keys for name, keys in server.config.items() if not name.startswith("after")}
        server.write_config()
        same("reload", server.command("reload").returncode, 0)
        notes = read_report(server)["notes"]
        expect(any(note.startswith("Told no call manager by [after]: every finished phone.") for note in notes), f"{notes}")
