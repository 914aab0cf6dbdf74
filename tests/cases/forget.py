"""Phones that the operator forgets, on a bench that serves them."""

import json

import fleet
from cases import case, expect, same
from cases.leases import library
from cases.migration import OLD, explain
from lookalike import MPP_11


@case("forget: a phone that writes flash is refused; one that is done is absent again, keeps its lease and comes back as new")
def forgotten(bench):
    firmware = library(bench)
    phone = fleet.phone("8851", 0x960, OLD)
    mac = phone["mac"]
    server = bench.server(firmware, [phone]).start()
    with bench.fleet([phone], firmware) as phones_on:
        phones_on.power_on()

        def refused():
            if not server.status()[mac]["writing"]:
                return False
            done = server.command("forget", mac)
            # It may have started again just now; then it is met as new, and goes on all the same.
            return done.returncode == 1 and b"may be writing flash" in done.stderr
        bench.wait_for(refused, 60, lambda: phones_on.story(mac))
        missing = phones_on.wait(fleet.on_target(fleet.targets(MPP_11)), 120)
        explain(bench, server, phones_on, missing)
        bench.wait_for(lambda: server.status()[mac]["stage"] == "done", 60, lambda: phones_on.story(mac))
        address = server.status()[mac]["address"]

        def forget():
            done = server.command("forget", mac)
            return done.returncode == 0 and b"the roster still lists it" in done.stdout
        bench.wait_for(forget, 60, lambda: phones_on.story(mac))
        server.kill()
        server.start()
        report = json.loads(server.command("report", "--format", "json").stdout)
        same("forgotten, on record", [row["mac"] for row in report["forgotten"]], [mac])
        phones_on.power_cycle(mac)
        bench.wait_for(lambda: server.status()[mac]["stage"] == "done", 60, lambda: phones_on.story(mac))
        same("its address", server.status()[mac]["address"], address)
        same("what it fetched anew", [row["hops"] for row in json.loads(
            server.command("report", "--format", "json").stdout)["phones"] if any(h["bytes"] for h in row["hops"])], [])
    with open(server.log_path) as log:
        expect("forgotten by the operator" in log.read(), "the log does not say so")
