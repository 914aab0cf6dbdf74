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
from cases.migration import Technician, done_everywhere, explain, make_fleet
from lookalike import E2M, ENTERPRISE_12, MPP_11
from needs import need
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


def migrate(bench, server, phones, firmware, other, seconds=240, during=None, patience=0):
    """Phones walk from Enterprise to Multiplatform while `other` gives the leases; those that nothing but a hand can
    restart are unplugged when status asks for it."""
    technician = Technician(patience)

    def meanwhile():
        technician(server, phones_on)
        if during:
            during()
    with bench.fleet(phones, firmware) as phones_on:
        phones_on.power_on()
        stranded = phones_on.wait(fleet.on_target(fleet.targets(MPP_11)), seconds, each=meanwhile)
        try:
            explain(bench, server, phones_on, stranded)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{other.log()[-3000:]}") from error
        done_everywhere(bench, server, phones_on, MPP_11)
        same("addresses held by two phones", phones_on.doubled(), {})
        expect(not phones_on.problems(), "\n".join(phones_on.problems()))


@case("elsewhere: Kea with the hook gives the leases, and phones walk E2M")
def kea_hook(bench):
    need(*otherservers.needed("kea"))
    firmware = bench.firmware("e2m", lookalike.FAMILIES, [ENTERPRISE_12, E2M, MPP_11])
    phones = make_fleet(5, [(OLD, False), (ENTERPRISE_12, True)])
    server = beside(bench, firmware, phones).start()
    with kea(bench, server, threads=2) as other:
        migrate(bench, server, phones, firmware, other)
        expect(any("told all it knows" in line for line in other.said()), "\n".join(other.said()))


@case("elsewhere: a Kea pair with the hook on both, and one is killed half way: all phones end at the target", slow=True)
def kea_pair(bench):
    need(*otherservers.needed("pair"))
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


def lease(host, mac, vendor, requests):
    return wire.sure_lease(host, mac, wire.client_options(vendor, requests))


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
    need(*otherservers.needed("kea"))
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
            # The pool has room for these.
            macs.append(fleet.mac("8841", 0x901 + len(macs) % 100))
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
    need(*otherservers.needed("kea"))
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
    need(*otherservers.needed("kea"))
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


def vectors():
    path = os.path.join(os.path.dirname(__file__), "..", "..", "provision", "tests", "vectors", "dhcp.json")
    with open(path) as file:
        return json.load(file)


def exported(bench, server, language, file):
    """What `transload export` writes for a DHCP server."""
    done = server.command("export", language, "--output", bench.folder)
    same(f"export {language}: exit status", done.returncode, 0)
    return os.path.join(bench.folder, file)


def asked(bench, other, host, rows):
    """What a server tells each of these clients."""
    found = {}
    for row in rows:
        vendor = bytes.fromhex(row["vendor_class"]) if row["vendor_class"] else None
        found[row["who"]] = steering(lease(host, fleet.colons(row["mac"]), vendor, row["requests"]))
    return found


@case("elsewhere: 66, 150, 159 and 160 are the same, byte for byte, from our own server, Kea with the hook, and Kea, dnsmasq and dhcpd"
      " by export")
def same_answers(bench):
    need(*otherservers.needed("kea", "dnsmasq", "dhcpd"))
    rows = vectors()
    by_class = [row for row in rows if row["by_vendor_class"]]
    wanted = {row["who"]: {int(code): bytes.fromhex(value) for code, value in row["told"].items()} for row in rows}
    client = bench.switch.host("client")
    server = bench.server(sections={"dhcp": {"admit": "all", "on-foreign": "ignore"}}).start()
    seen = {"our own server": asked(bench, server, client, rows)}
    server.stop()
    server.config["dhcp"]["enabled"] = False
    server.write_config()
    host = bench.switch.host("other", address=f"{OTHER}/24")
    folder = os.path.join(bench.folder, "others")
    include = f'<?include "{exported(bench, server, "kea", "transload-kea.json")}"?>'
    plain = otherservers.Kea(host, os.path.join(folder, "export"), OTHER)
    del plain.config["hooks-libraries"]
    plain.include = include
    servers = [
        ("Kea with the hook", rows, otherservers.Kea(host, os.path.join(folder, "hook"), OTHER,
                                                    parameters(server, os.path.join(folder, "hook")), threads=2)),
        ("Kea by export", by_class, plain),
        ("dnsmasq by export", by_class, otherservers.Dnsmasq(
            host, os.path.join(folder, "dnsmasq"), OTHER,
            conf=f'conf-file={exported(bench, server, "dnsmasq", "transload-dnsmasq.conf")}')),
        ("dhcpd by export", by_class, otherservers.Dhcpd(
            host, os.path.join(folder, "dhcpd"), OTHER,
            conf=f'include "{exported(bench, server, "isc-dhcpd", "transload-dhcpd.conf")}";')),
    ]
    for name, asking, other in servers:
        with other:
            seen[name] = asked(bench, other, client, asking)
    # dnsmasq closes option 66 with a NUL, whatever it is told, for the sake of some other clients.
    for told in seen["dnsmasq by export"].values():
        if 66 in told:
            same("dnsmasq's option 66", told[66], ADDRESS.encode() + b"\0")
            told[66] = ADDRESS.encode()
    wrong = [f"{name}: {who}: {told}, wanted {wanted[who]}"
             for name, answers in seen.items() for who, told in answers.items() if told != wanted[who]]
    expect(not wrong, "\n".join(wrong))
    same("servers, and classes that were seen", (len(seen), len({str(told) for told in seen["dhcpd by export"].values()})), (5, 3))


def script():
    return os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", "dhcp", "kea", "scripts", "transload-feed"))


def told_of(bench, server, client, other, mac):
    """Whoever has a lease of another server's is known by that alone."""
    address = lease(client, fleet.colons(mac), b"Cisco Systems, Inc. IP Phone CP-8841", ENTERPRISE_LIST).yiaddr
    with open(os.path.join(server.state, "roster.csv"), "w") as file:
        file.write(f"mac,model\n{mac},8841\n")
    client.ip("address", "flush", "dev", client.interface)
    client.ip("address", "add", f"{address}/24", "dev", client.interface)

    def is_known():
        # The name tells nothing, nor does the Ethernet address of this machine: only the lease does.
        client.run("curl", "-s", "--max-time", "5", f"http://{ADDRESS}:6970/Ringlist.xml")
        shown = server.status().get(mac, {})
        expect(shown.get("address") == address, f"{address} is not known: {shown}")
        return True
    bench.wait_for(is_known, 20, lambda: server.log_tail() + other.log()[-1500:])


@case("elsewhere: dnsmasq and Kea's run_script tell of leases by the script, and whole phones walk by dnsmasq's export", slow=True)
def by_script(bench):
    need(*otherservers.needed("kea", "dnsmasq"))
    firmware = bench.firmware("e2m", lookalike.FAMILIES, [ENTERPRISE_12, E2M, MPP_11])
    phones = make_fleet(3, [(OLD, False), (ENTERPRISE_12, True)])
    server = beside(bench, firmware, phones).start()
    host = bench.switch.host("other", address=f"{OTHER}/24")
    environment = {"TRANSLOAD_FEED": feed(server)}
    conf = f'conf-file={exported(bench, server, "dnsmasq", "transload-dnsmasq.conf")}\nscript-on-renewal'
    client = bench.switch.host("client")
    with otherservers.Dnsmasq(host, os.path.join(bench.folder, "dnsmasq"), OTHER, conf, script(), environment) as other:
        migrate(bench, server, phones, firmware, other)
        told_of(bench, server, client, other, fleet.mac("8841", 0x76))
    # Kea gives its scripts an environment of its own: the socket is written into the script.
    copy = os.path.join(bench.folder, "transload-feed")
    with open(script()) as source, open(copy, "w") as file:
        file.write(source.read().replace("/var/lib/transload/feed.sock", feed(server)))
    os.chmod(copy, 0o755)
    run_script = {"library": otherservers.kea_hook("libdhcp_run_script.so"), "parameters": {"name": copy, "sync": False}}
    other = otherservers.Kea(host, os.path.join(bench.folder, "kea"), OTHER, extra={"hooks-libraries": [run_script]})
    with other:
        told_of(bench, server, client, other, fleet.mac("8841", 0x77))


@case("elsewhere: without any feed, names and the neighbor table tell who asks, and phones walk E2M by dhcpd's export", slow=True)
def by_neighbors(bench):
    need(*otherservers.needed("dhcpd"))
    firmware = bench.firmware("e2m", lookalike.FAMILIES, [ENTERPRISE_12, E2M, MPP_11])
    phones = make_fleet(3, [(OLD, False), (ENTERPRISE_12, True)], default_only=True)
    server = beside(bench, firmware, phones).start()
    host = bench.switch.host("other", address=f"{OTHER}/24")
    conf = f'include "{exported(bench, server, "isc-dhcpd", "transload-dhcpd.conf")}";'
    with otherservers.Dhcpd(host, os.path.join(bench.folder, "dhcpd"), OTHER, conf) as other:
        # Nothing tells of a lease here: a phone that reads its configuration again within 90 s counts as one that had
        # not got it, and not as one that has started.
        migrate(bench, server, phones, firmware, other, seconds=600, patience=95)
