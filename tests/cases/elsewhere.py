"""Sites that keep their own DHCP server: Kea with the hook, the feed, and what is exported for others."""

import json
import os
import socket
import struct
import time

import fleet
import lookalike
import otherservers
import wire
from cases import case, expect, same
from cases.migration import done_everywhere, explain, make_fleet
from lookalike import E2M, ENTERPRISE_12, MPP_11
from server import ADDRESS, NETWORK

OLD = "11-7-1-17"
OTHER = f"{NETWORK}.5"


def beside(bench, *arguments, **options):
    """The appliance where another server gives the leases."""
    sections = {"dhcp": {"enabled": False}, **options.pop("sections", {})}
    return bench.server(*arguments, sections=sections, **options)


def feed(server):
    return os.path.join(server.state, "feed.sock")


def parameters(server, folder):
    os.makedirs(folder, exist_ok=True)
    return {"config": server.config_path, "feed": feed(server), "cache": os.path.join(folder, "verdicts")}


def kea(bench, server, name="kea", address=OTHER, **options):
    host = bench.switch.host(name, address=f"{address}/24")
    folder = os.path.join(bench.folder, name)
    return otherservers.Kea(host, folder, address, parameters(server, folder), **options)


def needs(*kinds):
    missing = otherservers.lacking(*kinds)
    expect(not missing, f"needs {', '.join(missing)}")


def migrate(bench, server, phones, firmware, other, seconds=240, during=None):
    """Phones walk from Enterprise to Multiplatform while `other` gives the leases."""
    with bench.fleet(phones, firmware) as phones_on:
        phones_on.power_on()
        stranded = phones_on.wait(fleet.on_target(fleet.targets(MPP_11)), seconds, each=during)
        try:
            explain(bench, server, phones_on, stranded)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{other.log()[-3000:]}") from error
        done_everywhere(bench, server, phones_on, MPP_11)
        same("addresses held by two phones", phones_on.doubled(), {})
        expect(not phones_on.problems(), "\n".join(phones_on.problems()))


@case("elsewhere: Kea with the hook gives the leases, and phones walk E2M")
def kea_hook(bench):
    needs("kea")
    firmware = bench.firmware("e2m", lookalike.FAMILIES, [ENTERPRISE_12, E2M, MPP_11])
    phones = make_fleet(5, [(OLD, False), (ENTERPRISE_12, True)])
    server = beside(bench, firmware, phones).start()
    with kea(bench, server, threads=2) as other:
        migrate(bench, server, phones, firmware, other)
        expect(any("told all it knows" in line for line in other.said()), "\n".join(other.said()))


@case("elsewhere: a Kea pair with the hook on both, and one is killed half way: all phones end at the target", slow=True)
def kea_pair(bench):
    needs("pair")
    firmware = bench.firmware("e2m", lookalike.FAMILIES, [ENTERPRISE_12, E2M, MPP_11])
    phones = make_fleet(bench.phones, [(OLD, False), (ENTERPRISE_12, True), (OLD, True)])
    server = beside(bench, firmware, phones).start()
    addresses = [f"{NETWORK}.5", f"{NETWORK}.6"]
    hosts = [bench.switch.host(f"kea{n}", address=f"{address}/24") for n, address in enumerate(addresses)]
    folder = os.path.join(bench.folder, "pair")
    hooks = [parameters(server, os.path.join(folder, name)) for name in ("first", "second")]
    keas = otherservers.pair(hosts, folder, addresses, hooks, threads=2)
    try:
        bench.wait_for(lambda: [otherservers.ha_state(kea) for kea in keas] == ["hot-standby"] * 2, 60,
                       lambda: keas[0].log()[-2000:] + keas[1].log()[-2000:])
        first, second = keas
        killed = []

        def kill_half_way():
            crossed = sum("MPP" in (shown["load"] or "") or shown["persona"] == "transition"
                          for shown in server.status().values())
            if not killed and crossed >= len(phones) // 2:
                first.stop(kill=True)
                killed.append(crossed)
        migrate(bench, server, phones, firmware, second, seconds=90 + 10 * len(phones), during=kill_half_way)
        expect(killed, "the phones were at their target before half of them had crossed")
        expect(otherservers.ha_state(second) == "partner-down", otherservers.ha_state(second))
        given = second.log().count("DHCP4_LEASE_ALLOC") + second.log().count("DHCP4_LEASE_ADVERT")
        expect(given > 0, "the second gave no lease")
        print(f"      killed when {killed[0]} of {len(phones)} had crossed")
    finally:
        for kea in keas:
            kea.stop(kill=True)


def lease(host, mac, vendor, requests, extra=(), tries=10):
    """An acknowledged lease, by a client that does not give up soon."""
    options = list(extra) + wire.client_options(vendor, requests)
    with wire.Wire(host) as line:
        for _ in range(tries):
            _, ack = wire.full_lease(line, mac, options, 0x8000)
            if ack is not None and ack.kind == wire.ACK:
                return ack
    raise AssertionError(f"{mac} got no lease")


def steering(message):
    """What steers a phone: the four options, byte for byte."""
    return {code: message.get(code) for code in (66, 150, 159, 160) if message.get(code) is not None}


URL = f"http://{ADDRESS}".encode()
TO_URL = {159: URL, 160: URL}
TO_ADDRESS = {66: ADDRESS.encode(), 150: socket.inet_aton(ADDRESS)}
ENTERPRISE_LIST = [1, 42, 66, 6, 3, 15, 150, 35]
MPP_LIST = [1, 3, 6, 15, 35, 66, 150, 2, 7, 42, 43, 58, 59, 159, 160]


@case("elsewhere: the appliance stops for a while: Kea goes on answering by what it knows, and the feed catches up")
def appliance_away(bench):
    needs("kea")
    firmware = bench.firmware("e2m", lookalike.FAMILIES, [ENTERPRISE_12, E2M, MPP_11])
    # Enterprise by its vendor class, and by the roster on Multiplatform firmware: only a verdict tells that it is disputed.
    odd = fleet.phone("8851", 0x900, MPP_11, roster_load=True)
    server = beside(bench, firmware, [odd]).start()
    client = bench.switch.host("client")
    enterprise = b"Cisco Systems, Inc. IP Phone CP-8851"
    with kea(bench, server, threads=2) as other:
        def knows():
            return any("told all it knows: 1 phones" in line for line in other.said())
        bench.wait_for(knows, 20, other.log)
        mac = fleet.colons(odd["mac"])
        before = steering(lease(client, mac, None, [1, 3]))
        same("a phone that the roster alone knows, and that says nothing", before, TO_URL)
        server.stop()
        # Longer than the hook's log is silent about it.
        away = 70 if bench.long else 3
        until = time.monotonic() + away
        macs = []
        while time.monotonic() < until or len(macs) < 20:
            number = 0x901 + len(macs)
            macs.append(fleet.mac("8841", number))
            ack = lease(client, fleet.colons(macs[-1]), enterprise, ENTERPRISE_LIST)
            same("answer while the appliance is away", steering(ack), TO_ADDRESS)
            same("answer by the verdict that is known", steering(lease(client, mac, None, [1, 3])), TO_URL)
            time.sleep(0.2)
        expect(any("appliance is gone" in line and "s old" in line for line in other.said()), "\n".join(other.said()))
        if bench.long:
            expect(any("cannot be reached" in line and "s old" in line for line in other.said()), "\n".join(other.said()))
        # Kea starts anew while the appliance is away: its verdicts come from its disk.
        other.stop()
        other.start()
        same("answer after Kea's restart", steering(lease(client, mac, None, [1, 3])), TO_URL)
        macs = macs[-1:] + [fleet.mac("8841", 0xA00 + n) for n in range(5)]
        addresses = {m: lease(client, fleet.colons(m), enterprise, ENTERPRISE_LIST).yiaddr for m in macs}
        server.start()

        def caught_up():
            status = server.status()
            missing = {m: a for m, a in addresses.items() if (status.get(m) or {}).get("address") != a}
            expect(not missing, f"not known yet: {missing}")
            return True
        bench.wait_for(caught_up, 20, lambda: server.log_tail() + other.log()[-1500:])


@case("elsewhere: Kea reads its configuration again and again with the hook, and unloads it; a wrong parameter is refused in its log")
def reconfigure(bench):
    needs("kea")
    server = beside(bench).start()
    client = bench.switch.host("client")
    with kea(bench, server, threads=2) as other:
        mac = fleet.colons(fleet.mac("8841", 1))
        for _ in range(10):
            same("config-reload", other.command("config-reload")["result"], 0)
            same("answer", steering(lease(client, mac, b"CP-8841-3PCC", MPP_LIST)), TO_URL)
        threads = len(os.listdir(f"/proc/{other.process.pid}/task"))
        other.config["hooks-libraries"][0]["parameters"]["config"] = "/nowhere/transload.toml"
        same("a file that is not there", other.command("config-test", Dhcp4=other.config)["result"], 0)
        refused = other.command("config-set", Dhcp4=other.config)
        expect(refused["result"] != 0 and any("cannot read /nowhere/transload.toml" in line for line in other.said()),
               f"{refused}\n" + "\n".join(other.said()))
        other.config["hooks-libraries"] = []
        same("config-set without the hook", other.command("config-set", Dhcp4=other.config)["result"], 0)
        same("answer without the hook", steering(lease(client, mac, b"CP-8841-3PCC", MPP_LIST)), {})
        left = len(os.listdir(f"/proc/{other.process.pid}/task"))
        expect(left < threads, f"{left} threads are left of {threads}")


@case("elsewhere: a hook built for another version of Kea is refused, and Kea says which")
def other_version(bench):
    needs("kea")
    server = beside(bench)
    stranger = os.path.join(bench.folder, "libtransload_kea.so")
    with open(otherservers.hook(), "rb") as file:
        library = file.read()
    # What version() returns, in x86's machine code: 2.2.0 becomes 2.4.0.
    returns = lambda version: b"\xb8" + struct.pack("<I", version) + b"\xc3"  # noqa: E731
    expect(returns(20200) in library, "no such instructions in the hook: not built for Kea 2.2.0, or not for x86")
    with open(stranger, "wb") as file:
        file.write(library.replace(returns(20200), returns(20400)))
    other = kea(bench, server)
    other.config["hooks-libraries"][0]["library"] = stranger
    try:
        other.start()
        raise AssertionError("Kea started with it")
    except AssertionError as error:
        expect("HOOKS_INCORRECT_VERSION" in str(error) and "20400" in str(error), str(error))
    finally:
        other.stop()
