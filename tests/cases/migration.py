"""Whole fleets, unattended, from where they are to the target load."""

import time

import fleet
import lookalike
from cases import case, expect, same
from lookalike import E2M, ENTERPRISE_12, ENTERPRISE_14, M2E, MPP_11, MPP_12

OLD = "11-7-1-17"


def make_fleet(count, starts, **more):
    """Phones of every eligible model in turn, starting on the given loads in turn.

    A start is (version, whether the roster tells it).
    """
    phones = []
    models = fleet.MODELS_M2E if "MPP" in starts[0][0] else fleet.MODELS
    for n in range(count):
        version, told = starts[n % len(starts)]
        # Older firmware knows TFTP only.
        phones.append(fleet.phone(models[n % len(models)], 0x100 + n, version, roster_load=told,
                                  tftp_only=version == OLD and n % 4 == 1, **more))
    return phones


def walk(bench, phones, firmware, direction, target, seconds=None, during=None, **options):
    """Start everything, wait until every phone is on the target and the server knows; check what must hold."""
    server = bench.server(firmware, phones, direction=direction, **options).start()
    with bench.fleet(phones, firmware) as phones_on:
        phones_on.power_on()
        seconds = seconds or 90 + 5 * len(phones)
        stranded = phones_on.wait(fleet.on_target(fleet.targets(target)), seconds,
                                  each=lambda: during(server, phones_on) if during else None)
        explain(bench, server, phones_on, stranded)
        done_everywhere(bench, server, phones_on, target)
        same("addresses held by two phones", phones_on.doubled(), {})
        expect(not phones_on.problems(), "\n".join(phones_on.problems()))
        slow = [f"{s['mac']} waited {s['slowest']} s for a small file" for s in phones_on.states()
                if s["slowest"] > 15]
        expect(not slow, "\n".join(slow))
    return server


class Technician:
    """Somebody who unplugs, and plugs in again, the phones that status asks to restart, and does nothing else; so many
    seconds after it is asked for."""

    def __init__(self, patience=0):
        self.patience = patience
        self.next_time = {}
        self.helped = {}

    def __call__(self, server, phones_on):
        for mac, shown in server.status().items():
            # Not twice in a row: the request stands until the phone has started.
            now = time.monotonic()
            if (shown["hold"] or {}).get("code") == "needs-restart" \
                    and now >= self.next_time.setdefault(mac, now + self.patience):
                phones_on.power_cycle(mac)
                self.helped.setdefault(mac, f"{shown['hold']['cause']} ({shown['load_evidence']})")
                self.next_time[mac] = now + max(self.patience, 6)


def helped_with_cause(technician, phones):
    """Only a phone that nothing but silence can confirm a load of may need a hand."""
    closed = {phone["mac"] for phone in phones if phone["default_only"] or phone["page"] == "off"}
    same("phones that needed a hand, without cause",
         {mac: why for mac, why in technician.helped.items() if mac not in closed}, {})


def explain(bench, server, phones_on, stranded):
    """Fail with the story of what did not arrive, the phones' side and the server's."""
    problems = phones_on.problems()
    if not stranded and not problems:
        return
    status = {}
    try:
        status = server.status()
    except (AssertionError, OSError) as error:
        problems.append(f"status: {error}")
    lines = [f"{len(stranded)} of {len(phones_on.phones)} phones did not arrive"] + problems
    for phone in stranded[:4]:
        lines.append(phones_on.story(phone["mac"]))
        lines.append(f"    status: {status.get(phone['mac'])}")
    raise AssertionError("\n".join(lines))


def done_everywhere(bench, server, phones_on, target, seconds=60):
    def wrong():
        status = server.status()
        found = []
        for phone in phones_on.phones:
            shown = status.get(phone["mac"], {})
            load = phone["load"].split(".")[0] + "." + target
            if shown.get("stage") != "done" or (shown.get("load") or "").lower() != load.lower():
                found.append(f"{phone['mac']}: {shown}")
        return found
    bench.wait_for(lambda: not wrong(), seconds,
                   lambda: "phones on the target that status does not show as done:\n" + "\n".join(wrong()[:4]))
    for phone in phones_on.phones:
        shown = server.status()[phone["mac"]]
        same(f"{phone['mac']}: model, hold", (shown["model"], shown["hold"]), (phone["model"], None))
        expect(shown["license"] in ("fetched", "accepted"), f"{phone['mac']}: license {shown['license']}")


def walk_confirmed(bench, phones, firmware, target):
    """Before a crossing a phone has to show that it runs the load it fetched. Only one whose page stays closed needs
    a hand for that, and then only where it does not register either."""
    technician = Technician()
    walk(bench, phones, firmware, "e2m", target, during=technician)
    helped_with_cause(technician, phones)


@case("migration: E2M by 12.5 and the transition load")
def e2m_transition(bench):
    firmware = bench.firmware("e2m", lookalike.FAMILIES, [ENTERPRISE_12, E2M, MPP_11])
    phones = make_fleet(bench.phones, [(OLD, False), (ENTERPRISE_12, True), (OLD, True)])
    walk_confirmed(bench, phones, firmware, MPP_11)


@case("migration: E2M by 14.4 and the direct crossing")
def e2m_direct(bench):
    firmware = bench.firmware("e2m-direct", lookalike.FAMILIES, [ENTERPRISE_14, MPP_12])
    phones = make_fleet(bench.phones, [(OLD, False), (ENTERPRISE_14, True), (ENTERPRISE_12, True)])
    walk_confirmed(bench, phones, firmware, MPP_12)


@case("migration: M2E by the transition load, and directly from 12.0")
def m2e_transition(bench):
    firmware = bench.firmware("m2e", lookalike.FAMILIES, [ENTERPRISE_12, M2E])
    walk(bench, make_fleet(bench.phones, [(MPP_11, False), (MPP_12, False), (MPP_11, True)]), firmware, "m2e",
         ENTERPRISE_12)


@case("migration: M2E directly from 11.3(5) and later")
def m2e_direct(bench):
    firmware = bench.firmware("m2e-direct", lookalike.FAMILIES, [ENTERPRISE_14])
    starts = [(MPP_12, False), ("11-3-6MPP0001-273", True), ("11-3-5MPP0001-100", False)]
    # Of these the server can know by User-Agent or roster that they may cross directly.
    phones = make_fleet(max(6, bench.phones // 2), starts, user_agent=True)
    walk(bench, phones, firmware, "m2e", ENTERPRISE_14)


@case("migration: M2E of phones that say dslforum.org and whose User-Agent says nothing")
def m2e_quiet(bench):
    firmware = bench.firmware("m2e", lookalike.FAMILIES, [ENTERPRISE_12, M2E])
    phones = [fleet.phone(model, 0x300 + n, MPP_11, vendor="dslforum", user_agent=False)
              for n, model in enumerate(("8851", "7841", "8865"))]
    walk(bench, phones, firmware, "m2e", ENTERPRISE_12)


@case("migration: E2M of phones that were never in a roster")
def e2m_no_roster(bench):
    # 7811 and 7832 are eligible whatever their hardware version, so nothing needs to be known of them.
    firmware = bench.firmware("e2m", lookalike.FAMILIES, [ENTERPRISE_12, E2M, MPP_11])
    phones = [fleet.phone(model, 0x400 + n, OLD) for n, model in enumerate(("7811", "7832", "7811"))]
    server = bench.server(firmware, (), licensed=phones).start()
    with bench.fleet(phones, firmware) as phones_on:
        phones_on.power_on()
        stranded = phones_on.wait(fleet.on_target(fleet.targets(MPP_11)), 120)
        explain(bench, server, phones_on, stranded)
        done_everywhere(bench, server, phones_on, MPP_11)


@case("migration: a phone that already runs the first hop and does not register needs a restart, says so, and then walks on")
def needs_restart(bench):
    firmware = bench.firmware("e2m", lookalike.FAMILIES, [ENTERPRISE_12, E2M, MPP_11])
    phone = fleet.phone("8851", 0x500, ENTERPRISE_12, sip="never")
    mac = phone["mac"]
    server = bench.server(firmware, [phone]).start()
    with bench.fleet([phone], firmware) as phones_on:
        phones_on.power_on()

        def asks_for_restart():
            hold = server.status()[mac]["hold"]
            return hold is not None and hold["code"] == "needs-restart" and hold["cause"] and hold["cure"]
        bench.wait_for(asks_for_restart, 40, lambda: f"{server.status()}\n{phones_on.story(mac)}")
        phones_on.power_cycle(mac)
        stranded = phones_on.wait(fleet.on_target(fleet.targets(MPP_11)), 60)
        explain(bench, server, phones_on, stranded)
        done_everywhere(bench, server, phones_on, MPP_11)


@case("migration: phones already on the target are done, their license unwitnessed")
def already_there(bench):
    firmware = bench.firmware("e2m", lookalike.FAMILIES, [ENTERPRISE_12, E2M, MPP_11])
    phones = [fleet.phone(model, 0x600 + n, MPP_11, user_agent=True, roster_load=True)
              for n, model in enumerate(("8851", "7841"))]
    server = bench.server(firmware, phones).start()
    with bench.fleet(phones, firmware) as phones_on:
        phones_on.power_on()

        def done():
            status = server.status()
            return all(status[p["mac"]]["stage"] == "done" and status[p["mac"]]["license"] == "unwitnessed"
                       for p in phones)
        bench.wait_for(done, 60, lambda: f"{server.status()}")
        same("loads", [s["load"] for s in phones_on.states()], [p["load"] for p in phones])
        expect(not phones_on.problems(), "\n".join(phones_on.problems()))


@case("migration: phones that keep the boot components they have: at worst a restart is asked for")
def keeps_boot(bench):
    firmware = bench.firmware("e2m", lookalike.FAMILIES, [ENTERPRISE_12, E2M, MPP_11])
    phones = [fleet.phone(model, 0x700 + n, OLD, keeps_boot=True)
              for n, model in enumerate(("8811", "8841", "8851", "7832", "8865", "8832"))]
    walk(bench, phones, firmware, "e2m", MPP_11, during=Technician())
