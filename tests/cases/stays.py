"""Phones that stay after they are done: neither time nor silence nor a restart of the bench undoes that."""

import datetime
import json
import os
import signal
import time

import fleet
import server as server_module
from cases import case, expect, same
from cases.holds import library
from cases.migration import OLD, Technician, done_everywhere, explain
from lookalike import MPP_11

DAY = 86_400
PORT = 8080


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


@case("stays: a rehearsal that is left open for two hours of its clock keeps all its phones done")
def rehearsal(bench):
    host = bench.switch.host("box")
    path = os.path.join(bench.folder, "rehearsal.log")
    command = [server_module.binary(), "rehearse", "--phones", "12", "--page", f"127.0.0.1:{PORT}", "--speed", "600"]
    with open(path, "wb") as log:
        process = host.popen(*command, stdout=log, stderr=log, cwd=bench.folder)

    def said():
        with open(path, errors="replace") as file:
            return file.read()[-2000:]

    def phones():
        done = host.run("curl", "-s", "--max-time", "5", f"http://127.0.0.1:{PORT}/api/phones")
        return json.loads(done.stdout) if done.stdout else []

    def undone():
        known = phones()
        expect(len(known) == 12, f"{len(known)} of 12 phones are listed: {said()}")
        return [phone for phone in known if phone["stage"] != "done"]
    try:
        bench.wait_for(lambda: len(phones()) == 12 and not undone(), 60, said)
        # Phones that are done are heard of again and again: by that the rehearsal's clock shows.
        until = max(moment(phone["last_seen"]) for phone in phones()) + datetime.timedelta(hours=2)
        deadline = time.monotonic() + 150
        while max(moment(phone["last_seen"]) for phone in phones()) < until:
            same("phones that are done no more", undone(), [])
            expect(process.poll() is None and time.monotonic() < deadline, f"two hours do not pass: {said()}")
            time.sleep(0.5)
        same("phones that are done no more", undone(), [])
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(20)


@case("stays: with the clock moved on by a day, and by a week more, done stays done, with the phones there or boxed")
def a_day_later(bench):
    firmware = library(bench)
    phones = [fleet.phone("8851", 0xd01, OLD), fleet.phone("7841", 0xd02, OLD), fleet.phone("7832", 0xd03, OLD)]
    macs = [phone["mac"] for phone in phones]
    server = bench.server(firmware, phones, sections={"dhcp": {"lease": "8h"}})
    clock = dict(server_module.preload("clock.c", bench.folder), CLOCK_TRUSTED="1")
    server.environment = dict(clock, CLOCK_AHEAD="0")
    server.start()

    def keeps(seconds, when):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            status = server.status()
            shown = {mac: (status[mac]["stage"], status[mac]["load"], status[mac]["hold"]) for mac in macs}
            wanted = {phone["mac"]: ("done", f"{phone['load'].split('.')[0]}.{MPP_11}", None) for phone in phones}
            same(f"phones {when}", shown, wanted)
            time.sleep(0.5)

    def restart(ahead):
        server.stop()
        server.environment = dict(clock, CLOCK_AHEAD=str(ahead))
        server.start()
    with bench.fleet(phones, firmware) as phones_on:
        phones_on.power_on()
        technician = Technician()
        stranded = phones_on.wait(fleet.on_target(fleet.targets(MPP_11)), 90, each=lambda: technician(server, phones_on))
        explain(bench, server, phones_on, stranded)
        done_everywhere(bench, server, phones_on, MPP_11)
        restart(DAY)
        keeps(12, "a day later")
        # Plugged in again, and so with a lease again, it comes for its profile.
        phones_on.power_cycle(macs[0])
        keeps(12, "after one of them has started again")
        seen = moment(server.status()[macs[0]]["last_seen"])
        expect(seen > datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=23), f"last seen {seen}")
    # Unplugged, for a week.
    keeps(3, "unplugged")
    restart(8 * DAY)
    keeps(8, "a week later, unplugged")
    server.kill()
    server.start()
    keeps(3, "after the bench lost power")
    report = json.loads(server.command("report", "--format", "json").stdout)
    expect(all(row["done"] for row in report["phones"]), f"{report['phones']}")
    same("phones that the report leaves", report["left"], [])
