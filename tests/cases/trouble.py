"""What goes wrong on a real bench: cables, switches, phones that hold trust lists or ask for nothing."""

import os
import signal
import time

import dhcp
import fleet
import lookalike
import wire
from cases import case, expect, same
from cases.holds import held, library, stayed
from cases.leases import obtain
from cases.migration import OLD, Technician, done_everywhere, explain, helped_with_cause, make_fleet
from cases.transfers import BIG, big_library, customer, digest
from lookalike import E2M, ENTERPRISE_12, M2E, MPP_11, MPP_12
from server import ADDRESS


def outage(bench, direction, starts, target, versions):
    """The switch forwards nothing for a while, twice, with transfers under way; then all go on by themselves, but for those
    that nothing but a hand can restart."""
    sizes = {f"rootfs{f}.{v}.sbn": 3_000_000 for v in versions
             for f in ("78xx", "2.78xx", "88xx", "288xx", "388xx", "8845_65", "8832", "28832", "7832")}
    firmware = bench.firmware(f"kill-{direction}", lookalike.FAMILIES, versions, sizes=sizes)
    phones = make_fleet(max(8, bench.phones // 3), starts, rate=1_000_000)
    server = bench.server(firmware, phones, direction=direction).start()
    with bench.fleet(phones, firmware) as phones_on:
        phones_on.power_on(spread=0.05)
        for _ in range(2):
            time.sleep(bench.random.uniform(1.5, 4.0))
            bench.switch.forward(False)
            # Longer than a phone waits for the next byte, so its transfers break.
            time.sleep(14)
            bench.switch.forward(True)
        # A page that the dead switch hid is read some seconds later.
        technician = Technician(patience=6)
        stranded = phones_on.wait(fleet.on_target(fleet.targets(target)), 150, each=lambda: technician(server, phones_on))
        explain(bench, server, phones_on, stranded)
        helped_with_cause(technician, phones)
        done_everywhere(bench, server, phones_on, target, 60)
        same("addresses held by two phones", phones_on.doubled(), {})


@case("trouble: the switch is dead for a while, E2M")
def outage_e2m(bench):
    outage(bench, "e2m", [(OLD, False), (ENTERPRISE_12, True)], MPP_11, [ENTERPRISE_12, E2M, MPP_11])


@case("trouble: the switch is dead for a while, M2E")
def outage_m2e(bench):
    outage(bench, "m2e", [(MPP_11, False), (MPP_12, False)], ENTERPRISE_12, [ENTERPRISE_12, M2E])


@case("trouble: a phone that holds a trust list is held as such; once it is erased, it goes on")
def trust_list(bench):
    firmware = library(bench)
    phone = fleet.phone("8851", 1, OLD, trust_list=True)
    mac = phone["mac"]
    server = bench.server(firmware, [phone]).start()
    with bench.fleet([phone], firmware) as phones_on:
        phones_on.power_on()
        held(bench, server, phones_on, {mac: ("trust-list",)}, linger=3)
        stayed(phones_on, [phone])
        # The key sequence erases the list; the next power-up is a plain one.
        os.unlink(os.path.join(bench.folder, "phones", mac, "trust-list"))
        phones_on.power_cycle(mac)
        stranded = phones_on.wait(fleet.on_target(fleet.targets(MPP_11)), 60)
        explain(bench, server, phones_on, stranded)


@case("trouble: a phone that has a lease and asks for nothing is shown as not asking")
def not_asking(bench):
    phones = [fleet.phone("8851", 1, OLD), fleet.phone("7841", 2, MPP_11)]
    server = bench.server(library(bench), phones, timing={"not-asking": "6s"}).start()
    for phone, vendor, requests in ((phones[0], b"Cisco Systems, Inc. IP Phone CP-8851", dhcp.ENTERPRISE_REQUESTS),
                                    (phones[1], b"CP-7841-3PCC\0", dhcp.MULTIPLATFORM_REQUESTS)):
        host = bench.switch.host("c", mac=fleet.colons(phone["mac"]))
        with wire.Wire(host) as line:
            _, ack = wire.full_lease(line, phone["mac"], wire.client_options(vendor, requests))
            expect(ack is not None and ack.kind == wire.ACK, "no lease")

    def shown():
        status = server.status()
        return all((status[p["mac"]]["hold"] or {}).get("code") == "not-asking" for p in phones)
    bench.wait_for(shown, 30, lambda: str(server.status()))


@case("trouble: SIGTERM lets a running transfer end and refuses new ones")
def drain(bench):
    firmware = big_library(bench)
    server, host, _ = customer(bench, firmware)
    out = os.path.join(bench.folder, "drained")
    url = f"http://{ADDRESS}:6970/{BIG}"
    running = host.popen("curl", "-s", "-S", "-f", "--limit-rate", "25M", "-o", out, url)
    bench.wait_for(lambda: os.path.exists(out) and os.path.getsize(out) > 1_000_000, 10, lambda: "no transfer began")
    os.kill(server.pid(), signal.SIGTERM)
    time.sleep(0.5)
    refused = host.run("curl", "-s", "-f", "-o", "/dev/null", "-m", "5", url)
    expect(refused.returncode != 0, "a new transfer was begun after SIGTERM")
    same("the transfer under way: exit", running.wait(30), 0)
    same("the transfer under way: size and digest", digest(out), firmware.manifest[BIG])
    same("exit", server.process.wait(15), 0)


@case("trouble: the .loads file is the last gate: a phone gets no load out of its turn")
def gate(bench):
    firmware = library(bench)
    old, ready = fleet.phone("8851", 1, OLD, roster_load=True), fleet.phone("8861", 2, ENTERPRISE_12, roster_load=True)
    bench.server(firmware, [old, ready]).start()
    hosts = {}
    for phone in (old, ready):
        host = hosts[phone["mac"]] = bench.switch.host("c", mac=fleet.colons(phone["mac"]))
        vendor = dhcp.vendor_class(phone["model"], "enterprise", "bare")
        expect(obtain(bench, host, "udhcpc", vendor, dhcp.ENTERPRISE_REQUESTS), "no lease")
        host.run("curl", "-s", f"http://{ADDRESS}:6970/SEP{phone['mac']}.cnf.xml")

    def fetch(phone, name):
        urls = [f"http://{ADDRESS}:6970/{name}", f"http://{ADDRESS}/{name}", f"tftp://{ADDRESS}/{name}",
                f"http://{ADDRESS}/{phone['mac']}/1/{name}"]
        return [hosts[phone["mac"]].run("curl", "-s", "-f", u).returncode == 0 for u in urls]
    for phone, name in ((old, f"sip88xx.{E2M}.loads"), (old, f"sip88xx.{MPP_11}.loads"),
                        (ready, f"sip88xx.{MPP_11}.loads"), (ready, f"sip78xx.{E2M}.loads")):
        same(f"{phone['load']} asks for {name}", fetch(phone, name), [False] * 4)
    same("the load of its turn", fetch(old, f"sip88xx.{ENTERPRISE_12}.loads")[:3], [True] * 3)
    # XMLDefault names only what the asking phone may load.
    for phone, wanted in ((old, ENTERPRISE_12), (ready, E2M)):
        document = hosts[phone["mac"]].run("curl", "-s", f"http://{ADDRESS}:6970/XMLDefault.cnf.xml").stdout.decode()
        expect(f">sip88xx.{wanted}<" in document, f"XMLDefault for {phone['load']}: {document}")
        for other in ({ENTERPRISE_12, E2M, MPP_11} - {wanted}):
            expect(other not in document, f"XMLDefault for {phone['load']} names {other}: {document}")
        expect("sip78xx" not in document, f"XMLDefault for an {phone['model']} names a load of another family")


@case("trouble: a load that came only in part is no load, whoever died meanwhile")
def partial(bench):
    # More than the sockets' buffers hold: what they hold, the phone may well have.
    last = f"sboot78xx.{ENTERPRISE_12}.sbn"
    firmware = bench.firmware("partial", ["sip78xx"], [ENTERPRISE_12, E2M, MPP_11], sizes={last: 12_000_000})
    # One phone for each way to miss a component of 12.5: files fetched whole, file cut off, whether the server dies.
    parts = ["kern78xx.{}.sbn", "rootfs78xx.{}.sbn", "sboot78xx.{}.sbn"]
    ways = {
        "nothing but the .loads": ([], None, False),
        "the last never asked for": (parts[:2], None, False),
        "the last cut off": (parts[:2], parts[2], False),
        "the middle one never asked for": ([parts[0], parts[2]], None, False),
        "the last never asked for, server killed": (parts[:2], None, True),
        "the last cut off, server killed": (parts[:2], parts[2], True),
        "the first only, server killed": (parts[:1], None, True),
        "the last never asked for, by TFTP": (parts[:2], None, False),
    }
    phones = {way: fleet.phone("7811", 0x900 + n, OLD, platform=1) for n, way in enumerate(ways)}
    server = bench.server(firmware, list(phones.values())).start()
    wrong = []
    for way, (whole, cut, dies) in ways.items():
        phone = phones[way]
        host = bench.switch.host("c", mac=fleet.colons(phone["mac"]))
        base = f"tftp://{ADDRESS}" if "TFTP" in way else f"http://{ADDRESS}:6970"
        document = power_up(bench, host, phone)
        expect(ENTERPRISE_12 in document, f"{way}: the first document does not name 12.5: {document}")
        for name in [f"sip78xx.{ENTERPRISE_12}.loads"] + [p.format(ENTERPRISE_12) for p in whole]:
            same(f"{way}: {name}", host.run("curl", "-s", "-f", "-o", "/dev/null", f"{base}/{name}").returncode, 0)
        if cut:
            host.run("curl", "-s", "-m", "0.3", "--limit-rate", "50K", "-o", "/dev/null",
                     f"{base}/{cut.format(ENTERPRISE_12)}")
        if dies:
            server.kill()
            server.start()
        # It gave up and starts again, on the load that it had. More than once: no start may clear the doubt.
        for number in (1, 2):
            document = power_up(bench, host, phone)
            if "TLex" in document:
                wrong.append(f"{way}: start {number} on {OLD} is given the transition load; "
                             f"{server.status()[phone['mac']]['load_evidence']!r}")
                break
        bench.switch.unplug(host)
    same("partial loads taken for whole ones", wrong, [])


def power_up(bench, host, phone):
    """A start as far as the configuration: the lease, then the phone's own document."""
    vendor = dhcp.vendor_class(phone["model"], "enterprise", "bare")
    expect(obtain(bench, host, "udhcpc", vendor, dhcp.ENTERPRISE_REQUESTS), f"{phone['mac']}: no lease")
    return host.run("curl", "-s", f"http://{ADDRESS}:6970/SEP{phone['mac']}.cnf.xml").stdout.decode()
