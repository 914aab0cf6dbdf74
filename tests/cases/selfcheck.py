"""The test phone itself, against a server with fixed answers: what would ruin a phone must show as stranded."""

import os

import fakeserver
import fleet
import lookalike
from cases import case, expect
from server import ADDRESS


def sep(load):
    return (f"<device><loadInformation>{load}</loadInformation><vendorConfig><loadServer>{ADDRESS}</loadServer>"
            "</vendorConfig></device>").encode()


def profile(license_name, load):
    return (f"<device><flat-profile><Trans_Auth_Type>Classic</Trans_Auth_Type><Trans_Auth_Rule ua=\"na\">"
            f"http://{ADDRESS}/{license_name}</Trans_Auth_Rule><Upgrade_Rule ua=\"na\">http://{ADDRESS}/{load}.loads"
            "</Upgrade_Rule><Resync_Periodic>60</Resync_Periodic></flat-profile></device>").encode()


@case("phone: walks to the target with right answers, refuses wrong ones")
def phone_behaves(bench):
    firmware = bench.firmware("fake", ["sip88xx"], [lookalike.ENTERPRISE_12, lookalike.E2M, lookalike.MPP_11])
    files = {name: read(firmware, name) for name in firmware.manifest}
    load = "sip88xx.{}".format
    phones = [fleet.phone("8851", n, "11-7-1-17", client="udhcpc", platform=1) for n in range(1, 6)]
    good, low, wrong_license, incomplete, wrong_family = phones
    for other in (wrong_license, incomplete):
        other["load"] = load(lookalike.ENTERPRISE_12)
    incomplete["platform"] = 2
    incomplete["load"] = load("11-7-1-17")
    del files["rootfs288xx.12-5-1SR1-4.sbn"]

    step = {good["mac"]: [lookalike.ENTERPRISE_12, lookalike.E2M]}

    def for_good(_):
        # A fixed answer per visit: the second boot gets the second load.
        return sep(load(step[good["mac"]].pop(0)))
    files[f"SEP{good['mac']}.cnf.xml"] = for_good
    files[f"SEP{low['mac']}.cnf.xml"] = sep(load(lookalike.E2M))
    files[f"SEP{wrong_license['mac']}.cnf.xml"] = sep(load(lookalike.E2M))
    files[f"SEP{incomplete['mac']}.cnf.xml"] = sep(load(lookalike.ENTERPRISE_12))
    files[f"SEP{wrong_family['mac']}.cnf.xml"] = sep("sip78xx.12-5-1SR1-4")
    files["8851-3PCC.xml"] = profile("$MAU.lic", load(lookalike.MPP_11))
    for phone in (good, wrong_license):
        owner = phone["mac"] if phone is good else good["mac"]
        files[f"{phone['mac']}.lic"] = lookalike.license_text(owner, "e2m").encode()

    host = bench.switch.host("srv", address=f"{ADDRESS}/24")
    with fakeserver.FakeServer(host, files), bench.fleet(phones, firmware) as phones_on:
        phones_on.power_on()
        stranded = {low["mac"]: "below Enterprise 12.5", wrong_license["mac"]: "is not this phone's license",
                    incomplete["mac"]: "is missing on the server", wrong_family["mac"]: "wrong family"}

        def settled(phone, state):
            if phone is good:
                return state["load"] == load(lookalike.MPP_11) and state["authorized"]
            return stranded[phone["mac"]] in (state["problem"] or "")
        bench.wait_for(lambda: all(settled(p, phones_on.state(p["mac"])) for p in phones), 60,
                       lambda: "\n".join(phones_on.story(p["mac"]) for p in phones
                                         if not settled(p, phones_on.state(p["mac"]))))
        expect(not phones_on.doubled(), "the fake server doubled an address")


def read(firmware, name):
    with open(os.path.join(firmware.folder, name), "rb") as file:
        return file.read()
