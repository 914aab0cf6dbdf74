"""The report, the operator's hand by filter, and the stage hook, with phones of other hands than the program's."""

import csv
import io
import itertools
import json
import os
import stat
import time
from pathlib import Path

import fleet
import lookalike
from cases import case, expect, same
from cases.holds import held, library
from cases.migration import done_everywhere, explain
from lookalike import E2M, ENTERPRISE_12, MPP_11

HOOK = """#!/bin/sh
echo "$*" >> "{told}"
echo "noted $1"
"""


def read_report(server, form="json"):
    done = server.command("report", "--format", form)
    same(f"report --format {form}", done.returncode, 0)
    return json.loads(done.stdout) if form == "json" else done.stdout.decode()


def kept(report):
    """What must not change when the bench is gone."""
    return {phone["mac"]: {key: phone[key] for key in ("from", "hops", "bytes", "acts", "license", "done")}
            | {"holds": [(hold["code"], hold["from"]) for hold in phone["holds"]]} for phone in report["phones"]}


@case("report: loads, licenses, holds and acts of each phone, also without a bench; the hook is told every change")
def report(bench):
    firmware = library(bench)
    phones = [fleet.phone("8851", 0xa01, ENTERPRISE_12, roster_load=True),
              fleet.phone("7841", 0xa02, ENTERPRISE_12, roster_load=True),
              fleet.phone("8861", 0xa03, ENTERPRISE_12, roster_load=True)]
    late = phones[2]["mac"]
    told, hook = os.path.join(bench.folder, "told"), os.path.join(bench.folder, "on-stage")
    with open(hook, "w") as file:
        file.write(HOOK.format(told=told))
    os.chmod(hook, stat.S_IRWXU)
    command = [hook, "{mac}", "{was}", "{stage}", "{model}", "hold={hold}"]
    server = bench.server(firmware, phones, licensed=phones[:2], sections={"hooks": {"stage": command}}).start()
    with bench.fleet(phones, firmware) as phones_on:
        phones_on.power_on()
        held(bench, server, phones_on, {late: ("no-license",)}, linger=0)
        dry = server.command("hold", "--model", "8861", "--stage", "held", "--dry-run")
        expect(dry.returncode == 0 and late in dry.stdout.decode() and b"1 phones are meant" in dry.stdout, f"{dry}")
        same("hold by filter", server.command("hold", "--model", "8861", "--stage", "held").returncode, 0)
        held(bench, server, phones_on, {late: ("operator",)}, linger=0)
        same("release by filter", server.command("release", "--code", "operator").returncode, 0)
        held(bench, server, phones_on, {late: ("no-license",)}, linger=0)
        lookalike.write_license(server.state, late, "e2m")
        same("reload", server.command("reload").returncode, 0)
        stranded = phones_on.wait(fleet.on_target(fleet.targets(MPP_11)), 180)
        explain(bench, server, phones_on, stranded)
        done_everywhere(bench, server, phones_on, MPP_11)
        bench.wait_for(lambda: all(phone["done"] for phone in read_report(server)["phones"]), 20, lambda: str(read_report(server)))

        whole = read_report(server)
        same("left", whole["left"], [])
        for phone, shown in zip(sorted(phones, key=lambda p: p["mac"]), whole["phones"], strict=True):
            family = phone["load"].split(".")[0]
            what = f"report of {phone['mac']}"
            same(f"{what}: from, to", (shown["from"], shown["to"]), (phone["load"], f"{family}.{MPP_11}"))
            same(f"{what}: loads", [hop["load"] for hop in shown["hops"]], [f"{family}.{E2M}", f"{family}.{MPP_11}"])
            for hop in shown["hops"]:
                expect(hop["arrived"] and hop["bytes"] > 0 and hop["seconds"] is not None, f"{what}: {hop}")
            same(f"{what}: bytes", shown["bytes"], sum(hop["bytes"] for hop in shown["hops"]))
            license = shown["license"]
            same(f"{what}: license", (license["state"], license["file"], license["accepted"]),
                 ("accepted", f"licenses/e2m/{phone['mac']}.lic", True))
            expect(license["given"] and shown["done"] and shown["seconds"] is not None, f"{what}: {shown}")
        shown = next(phone for phone in whole["phones"] if phone["mac"] == late)
        same("acts", [act["act"] for act in shown["acts"]], ["hold", "release"])
        same("holds", [hold["code"] for hold in shown["holds"]][:3], ["no-license", "operator", "no-license"])
        expect(all(hold["until"] for hold in shown["holds"]), f"a phone that is done is held: {shown['holds']}")

        rows = list(csv.DictReader(io.StringIO(read_report(server, "csv"))))
        same("rows", [(row["mac"], row["stage"], int(row["bytes"])) for row in rows],
             [(phone["mac"], "done", phone["bytes"]) for phone in whole["phones"]])
        page = read_report(server, "html")
        expect(all(phone["mac"] in page for phone in phones) and "3</dd>" in page, page[:2000])
        answer = server.get("http://127.0.0.1:8080/api/report?format=json")
        same("the API's report", kept(json.loads(answer.stdout)), kept(whole))

        def chain(mac):
            with open(told) as file:
                lines = [line.split() for line in file]
            return [line[1:3] for line in lines if line[0] == mac]

        def told_all():
            for phone in phones:
                steps = chain(phone["mac"])
                expect(steps and steps[0][0] == "absent" and steps[-1][1] == "done", f"{phone['mac']}: {steps}")
                for before, after in itertools.pairwise(steps):
                    same(f"{phone['mac']}: the stage before", after[0], before[1])
            return True
        bench.wait_for(told_all, 20, lambda: Path(told).read_text())
        lines = Path(told).read_text()
        expect(f"{late} held held 8861 hold=operator" in lines, lines)
        expect(f"noted {late}" in server.command("explain", late).stdout.decode(), "explain lacks the hook's words")

        # Evidence is on disk within a second; what is younger may be lost with the power.
        time.sleep(1.5)
        server.kill()
        same("report without a bench", kept(read_report(server)), kept(whole))
        server.start()
        same("report of the next bench", kept(read_report(server)), kept(whole))
        same("told again", Path(told).read_text(), lines)
