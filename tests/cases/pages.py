"""Phones' own pages: what they tell that nothing else does."""

import os
import shutil

import fleet
from cases import case, expect, same
from cases.holds import held, library, stayed
from cases.migration import OLD, Technician, explain
from lookalike import E2M, ENTERPRISE_12, ENTERPRISE_14, MPP_11, MPP_12


@case("pages: an unknown load and an unknown VID are read from the phone itself, and it goes its way")
def told(bench):
    firmware = library(bench)
    there = [fleet.phone("8851", 1, ENTERPRISE_12, roster_vid=False, page="whole"),
             fleet.phone("7841", 2, ENTERPRISE_12, roster_vid=False, page="escaped"),
             fleet.phone("7861", 4, OLD, roster_vid=False, page="whole")]
    server = bench.server(firmware, there).start()
    with bench.fleet(there, firmware) as phones_on:
        phones_on.power_on()
        technician = Technician()
        stranded = phones_on.wait(fleet.on_target(fleet.targets(MPP_11)), 120,
                                  each=lambda: technician(server, phones_on))
        explain(bench, server, phones_on, stranded)
        status = server.status()
        for phone in there:
            shown = status[phone["mac"]]
            same(f"{phone['mac']}: VID and serial", (shown["vid"], shown["serial"]),
                 ("V05", f"FCH{phone['mac'][-8:]}"))
            asked = phones_on.state(phone["mac"])["page"]
            expect(any(answered for _, answered, _ in asked), f"{phone['mac']}: its page was never shown: {asked}")
            expect(not any(flashing for _, _, flashing in asked), f"{phone['mac']}: asked while it wrote flash: {asked}")
            expect(len(asked) < 30, f"{phone['mac']}: asked {len(asked)} times")


@case("pages: a VID above or below a floor holds the phone with the rule's source, until there is a way that suits it")
def floors(bench):
    firmware = bench.firmware("floors", ["sip88xx", "sip78xx"], [ENTERPRISE_12, E2M, MPP_11, ENTERPRISE_14, MPP_12])
    new = fleet.phone("8851", 1, ENTERPRISE_12, vid=15, roster_vid=False, roster_load=True, page="whole")
    old = fleet.phone("7841", 2, ENTERPRISE_12, vid=3, roster_vid=False, roster_load=True, page="escaped")
    phones = [new, old]
    later = [name for name in firmware.manifest if ENTERPRISE_14 in name or MPP_12 in name]
    server = bench.server(firmware, phones, without=later).start()
    with bench.fleet(phones, firmware) as phones_on:
        phones_on.power_on()
        held(bench, server, phones_on, {new["mac"]: ("no-route",), old["mac"]: ("not-eligible",)}, seconds=60)
        stayed(phones_on, phones)
        status = server.status()
        for phone, words in ((new, ("V15", "11.3(3)", "guide-c07-742786")), (old, ("V03", "V04", "guide-c07-742786"))):
            cause = status[phone["mac"]]["hold"]["cause"]
            expect(all(word in cause for word in words), f"{phone['mac']}: {words} in {cause!r}")
        for name in later:
            shutil.copy(os.path.join(firmware.folder, name), os.path.join(server.state, "firmware", name))
        technician = Technician()
        bench.wait_for(lambda: technician(server, phones_on) or
                       phones_on.state(new["mac"])["load"] == f"sip88xx.{MPP_12}", 90,
                       lambda: phones_on.story(new["mac"]))
        stayed(phones_on, [old])
        expect(not phones_on.problems(), "\n".join(phones_on.problems()))
