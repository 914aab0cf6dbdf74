"""The scenarios, each with phones in any mix of states: every one ends at its target or in the one right hold."""

import os
import time

import fleet
import lookalike
import outside
from cases import case, expect, same
from cases.holds import held
from cases.migration import OLD, Technician, explain
from lookalike import E2M, ENTERPRISE_12, ENTERPRISE_14, M2E, MPP_11, MPP_12


def mixed_e2m(**more):
    """Phones on their way to Multiplatform firmware; the last one holds the trust list of another call manager."""
    return [
        fleet.phone("8851", 0x801, OLD, **more),                                       # as it came from production
        fleet.phone("7841", 0x802, ENTERPRISE_12, **more),
        fleet.phone("8865", 0x803, ENTERPRISE_12, roster_load=True, **more),
        fleet.phone("8841", 0x804, ENTERPRISE_14, roster_load=True, **more),
        fleet.phone("8811", 0x805, E2M, **more),                                       # somebody went half way
        fleet.phone("7861", 0x806, E2M, vendor="dslforum", roster_load=True, **more),
        fleet.phone("8845", 0x807, MPP_12, direction="e2m", user_agent=True, roster_load=True, **more),  # already there
        fleet.phone("7832", 0x808, OLD, vendor="none", **more),
        fleet.phone("7811", 0x809, OLD, trust_list=True, **more),
    ]


def mixed_m2e(**more):
    return [
        fleet.phone("8851", 0x901, MPP_11, **more),
        fleet.phone("7841", 0x902, MPP_12, user_agent=True, **more),
        fleet.phone("8865", 0x903, MPP_11, vendor="dslforum", user_agent=False, **more),
        fleet.phone("8811", 0x904, M2E, **more),
        fleet.phone("7832", 0x905, MPP_11, vendor="none", **more),
        fleet.phone("8845", 0x906, ENTERPRISE_12, roster_load=True, **more),           # already there
    ]


def e2m_library(bench):
    return bench.firmware("e2m-mixed", lookalike.FAMILIES, [ENTERPRISE_12, E2M, MPP_12])


def m2e_library(bench):
    return bench.firmware("m2e", lookalike.FAMILIES, [ENTERPRISE_12, M2E])


def ends(bench, server, phones_on, target, held_as=(), during=None, seconds=150):
    """All phones but those of `held_as` come to the target, and status says so; the others are held with that code."""
    stay = dict(held_as)
    targets = fleet.on_target(fleet.targets(target))
    stranded = phones_on.wait(lambda phone, state: phone["mac"] in stay or targets(phone, state), seconds,
                              each=lambda: during(server, phones_on) if during else None)
    explain(bench, server, phones_on, stranded)

    def wrong():
        status = server.status()
        return [f"{mac}: {status[mac]}" for mac in (p["mac"] for p in phones_on.phones)
                if mac not in stay and status[mac]["stage"] != "done"]
    def all_done():
        if during:
            during(server, phones_on)
        return not wrong()
    bench.wait_for(all_done, 60, lambda: "\n".join(wrong()))
    if stay:
        held(bench, server, phones_on, {mac: (code,) for mac, code in stay.items()}, linger=2)
    expect(not phones_on.problems(), "\n".join(phones_on.problems()))


class Operator(Technician):
    """Enters in call manager and redirection service what status asks for, resets phones there, and confirms what a
    phone's screen shows where nothing of that reaches the bench."""

    def __init__(self, out, call_manager, cda):
        super().__init__()
        self.out, self.call_manager, self.cda = out, call_manager, cda
        self.looked = 0
        self.confirmed = {}

    def __call__(self, server, phones_on):
        if time.monotonic() < self.looked + 2:
            return
        self.looked = time.monotonic()
        super().__call__(server, phones_on)
        holds = {mac: shown["hold"] for mac, shown in server.status().items()
                 if (shown["hold"] or {}).get("code") == "waiting-outside"}
        silent = {mac for mac, hold in holds.items()
                  if hold["actions"][0]["do"] in ("write-load", "read-license-state")}
        self.confirm(server, phones_on, silent)
        waiting = set(holds) - silent
        if waiting and self.cda:
            self.out.assign()
            attested = server.command("import", f"{self.out.exports}/cda-assigned.csv")
            same("import of cda-assigned.csv", attested.returncode, 0)
        if waiting and self.call_manager:
            for mac in self.out.enter_hop(waiting):
                phones_on.power_cycle(mac)

    def confirm(self, server, phones_on, macs):
        """Write the load that the phone's screen shows into the roster, and retry the phone, as the cure says."""
        here = {phone["mac"] for phone in phones_on.phones if "MPP" in phone["load"]}
        shown = {mac: state["load"] for mac, state in ((mac, phones_on.state(mac)) for mac in macs)
                 if "MPP" not in state["load"] or state["authorized"] or mac in here}
        new = {mac: load for mac, load in shown.items() if self.confirmed.get(mac) != load}
        if not new:
            return
        self.confirmed.update(new)
        lines = [phone | {"load": self.confirmed.get(phone["mac"], phone["load"]),
                          "roster_load": phone["mac"] in self.confirmed or phone.get("roster_load", False)}
                 for phone in phones_on.phones]
        lookalike.write_roster(os.path.join(server.state, "roster.csv"), lines)
        same("reload", server.command("reload").returncode, 0)
        same("retry", server.command("retry", *new).returncode, 0)


@case("scenarios: e2m/dhcp/dhcp from any mix of states")
def e2m_dhcp_dhcp(bench):
    phones, firmware = mixed_e2m(), e2m_library(bench)
    server = bench.server(firmware, phones).start()
    with bench.fleet(phones, firmware) as phones_on:
        phones_on.power_on()
        ends(bench, server, phones_on, MPP_12, [(phones[-1]["mac"], "trust-list")], Technician())


@case("scenarios: m2e/dhcp from any mix of states")
def m2e_dhcp(bench):
    phones, firmware = mixed_m2e(), m2e_library(bench)
    server = bench.server(firmware, phones, direction="m2e").start()
    with bench.fleet(phones, firmware) as phones_on:
        phones_on.power_on()
        ends(bench, server, phones_on, ENTERPRISE_12, during=Technician())


def with_others(bench, phones, firmware, call_manager, cda, direction="e2m"):
    migration = {"enterprise": "call-manager" if call_manager else "dhcp", "multiplatform": "cda" if cda else "dhcp",
                 "call-manager": [outside.ADDRESS]}
    server = bench.server(firmware, phones, direction=direction, sections={"migration": migration},
                          timing={"not-asking": "6s"}).start()
    out = outside.Outside(bench, server)
    if call_manager:
        out.know(phones)
    return server, out


OTHERS = {"cda": f"http://{outside.ADDRESS}", "call_manager": outside.ADDRESS}


@case("scenarios: e2m/call-manager/dhcp from any mix of states, by the exported tables")
def e2m_call_manager_dhcp(bench):
    phones, firmware = mixed_e2m(**OTHERS), e2m_library(bench)
    server, out = with_others(bench, phones, firmware, True, False)
    updates = out.requests(1, "update")
    axl = "{http://www.cisco.com/AXL/API/14.0}"
    expect(updates and all(operation == f"{axl}updatePhone" for operation, _ in updates), f"{updates[:2]}")
    expect(all(list(e)[:2] == ["name", "loadInformation"] and e["loadServer"] == "10.23.45.67"
               and e["peerFirmwareSharing"] == "0" for _, e in updates), f"{updates[:2]}")
    same("phones to reset", sorted(e["name"] for _, e in out.requests(1, "reset")), sorted(e["name"] for _, e in updates))
    with bench.fleet(phones, firmware) as phones_on:
        phones_on.power_on()
        # Its trust list is no matter: its own call manager signs.
        ends(bench, server, phones_on, MPP_12, during=Operator(out, True, False), seconds=240)


@case("scenarios: e2m/call-manager/cda from any mix of states: nobody crosses before CDA is ready")
def e2m_call_manager_cda(bench):
    phones, firmware = mixed_e2m(**OTHERS), e2m_library(bench)
    server, out = with_others(bench, phones, firmware, True, True)
    with bench.fleet(phones, firmware) as phones_on:
        phones_on.power_on()
        ends(bench, server, phones_on, MPP_12, during=Operator(out, True, True), seconds=240)


@case("scenarios: e2m/dhcp/cda from any mix of states: a trust list holds its phone")
def e2m_dhcp_cda(bench):
    phones, firmware = mixed_e2m(**OTHERS), e2m_library(bench)
    server, out = with_others(bench, phones, firmware, False, True)
    with bench.fleet(phones, firmware) as phones_on:
        phones_on.power_on()
        ends(bench, server, phones_on, MPP_12, [(phones[-1]["mac"], "trust-list")], Operator(out, False, True), 240)


@case("scenarios: m2e/cda from any mix of states")
def m2e_cda(bench):
    phones, firmware = mixed_m2e(**OTHERS), m2e_library(bench)
    server, out = with_others(bench, phones, firmware, False, True, "m2e")
    out.assign()
    with bench.fleet(phones, firmware) as phones_on:
        phones_on.power_on()
        ends(bench, server, phones_on, ENTERPRISE_12, during=Technician(), seconds=200)


@case("scenarios: without a way out, serve does not start for CDA and says what is missing")
def no_uplink(bench):
    server = bench.server(sections={"migration": {"multiplatform": "cda"}})
    server.config["dhcp"]["options"] = {"dns": ["10.23.45.2"]}
    server.write_config()
    done = server.command("serve")
    same("exit status", done.returncode, 2)
    said = done.stderr.decode()
    expect("router" in said and "ntp" in said and "options" in said, said)
