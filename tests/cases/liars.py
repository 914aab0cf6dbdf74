"""Words in a phone's name that another host says: they change nothing of what the phone is given."""

import contextlib
import json
import os
import random
import sys
import time

import fleet
import wire
from cases import case, expect, same
from cases.holds import library
from cases.leases import people
from cases.migration import OLD, Technician, done_everywhere, explain
from lookalike import E2M, ENTERPRISE_12, MPP_11
from server import ADDRESS, NETWORK

LIAR = "020000000066"
STATIC = f"{NETWORK}.9"

# Asks for the configurations of so many made-up phones on one connection, from an address; prints how often.
PHANTOMS = """
import socket, sys
source, address, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
line = socket.create_connection((address, 6970), 10, (source, 0))
asked = answered = 0
while answered < count:
    names = ["SEP001E%08X.cnf.xml" % (asked + number) for number in range(50)]
    line.sendall("".join("GET /%s HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n" % name for name in names).encode())
    asked += 50
    data = b""
    while data.count(b"HTTP/1.1 ") < 50:
        more = line.recv(65536)
        if not more:
            sys.exit("the connection was closed")
        data += more
    answered += 50
print(answered)
"""


def link_address(host):
    """The MAC of a host's interface, as six bytes."""
    return wire.mac_bytes(host.ip("-br", "link", "show", host.interface).split()[2])


def register(mac, address, active):
    """What a phone on this load sends to register by UDP."""
    call = f"{random.getrandbits(64):016x}@{address}"
    lines = [
        f"REGISTER sip:{ADDRESS} SIP/2.0",
        f"Via: SIP/2.0/UDP {address}:5060;branch=z9hG4bK{random.getrandbits(32):08x}",
        f"From: <sip:1000@{ADDRESS}>;tag={mac.lower()}{random.getrandbits(32):08x}",
        f"To: <sip:1000@{ADDRESS}>",
        f"Call-ID: {call}",
        "Max-Forwards: 70",
        "CSeq: 101 REGISTER",
        "User-Agent: Cisco-CP8851/12.5.1",
        f"Contact: <sip:forged@{address}:5060;transport=udp>"
        f";+sip.instance=\"<urn:uuid:00000000-0000-0000-0000-{mac.lower()}>\""
        f";+u.sip!devicename.ccm.cisco.com=\"SEP{mac}\";+u.sip!model.ccm.cisco.com=\"684\"",
        f"Reason: SIP;cause=200;text=\"cisco-alarm:23 Name=SEP{mac} ActiveLoad={active}.loads "
        f"InactiveLoad=sip88xx.{OLD}.loads Last=reset-restart\"",
        "Expires: 3600", "Content-Length: 0", "", ""]
    return "\r\n".join(lines).encode()


@case("liars: registrations forged by UDP from a phone's address strand nobody, whatever load they name")
def forged_registers(bench):
    firmware = library(bench)
    # One registers by UDP itself, one by TCP, one never does.
    phones = [fleet.phone("8851", 0xc01 + n, OLD, sip=sip, default_only=False, page="off" if sip == "never" else "whole")
              for n, sip in enumerate(("udp", "tcp", "never"))]
    server = bench.server(firmware, phones).start()
    liar = bench.switch.host("liar", mac=fleet.colons(LIAR), address=f"{STATIC}/24")
    target = link_address(server.host)
    forged = dict.fromkeys((ENTERPRISE_12, E2M, MPP_11), 0)
    technician = Technician()
    with bench.fleet(phones, firmware) as phones_on, wire.Wire(liar) as line:
        phones_on.power_on()

        def lie():
            technician(server, phones_on)
            for phone in phones:
                for _, address in phones_on.state(phone["mac"])["leases"][-1:]:
                    for version in forged:
                        said = register(phone["mac"], address, f"sip88xx.{version}")
                        line.send(said, LIAR, target, source=address, destination=ADDRESS, ports=(5060, 5060))
                        forged[version] += 1
        stranded = phones_on.wait(fleet.on_target(fleet.targets(MPP_11)), 120, each=lie)
        explain(bench, server, phones_on, stranded)
        expect(min(forged.values()) > 10, f"too few lies: {forged}")
        for phone in phones:
            loads = [step.split()[-1] for _, step in phones_on.state(phone["mac"])["steps"] if ".loads" in step]
            expect(loads and ENTERPRISE_12 in loads[0], f"{phone['mac']} began with {loads}")
        for _ in range(10):
            lie()
            time.sleep(0.2)
        done_everywhere(bench, server, phones_on, MPP_11)


def fetched(host, *urls):
    """What each of these URLs gives; None for what is refused."""
    found = []
    for url in urls:
        done = host.run("curl", "-s", "-f", "--max-time", "5", url)
        found.append(done.stdout if done.returncode == 0 else None)
    return found


def named_by(mac, name):
    """The same file by all three ways."""
    return [f"http://{ADDRESS}:6970/{name}", f"http://{ADDRESS}/{mac}/1/{name}", f"tftp://{ADDRESS}/{name}"]


@case("liars: a host without a lease walks nobody's journey and gets no license; the phone plugged in later goes its way")
def no_lease(bench):
    firmware = library(bench)
    phone = fleet.phone("8851", 0xc11, OLD, platform=1)
    mac = phone["mac"]
    server = bench.server(firmware, [phone], timing={"already-there": "2s"}).start()
    liar = bench.switch.host("liar", mac=fleet.colons(LIAR), address=f"{STATIC}/24")
    config, component = f"SEP{mac}.cnf.xml", f"rootfs88xx.{ENTERPRISE_12}.sbn"
    expect(component in firmware.manifest, f"{component} is not in the library")
    for _ in range(3):
        for name in (config, "XMLDefault.cnf.xml", f"{mac}.cnf.xml", f"Cisco/CP-8851-3PCC/{mac.lower()}.cfg"):
            for content in fetched(liar, *named_by(mac, name)):
                for word in (b"loadInformation>sip", b"12-5-1SR1", b"TLex", b"MPP-398", b".lic"):
                    expect(word not in (content or b""), f"{name} gave {word!r}: {content!r}")
        for version in (ENTERPRISE_12, E2M, MPP_11):
            name = f"sip88xx.{version}.loads"
            same(f"{name} without a lease", fetched(liar, *named_by(mac, name)), [None] * 3)
        for name in (f"{mac}.lic", f"licenses/{mac}.lic"):
            same(f"{name} without a lease", fetched(liar, *named_by(mac, name)), [None] * 3)
        for content in fetched(liar, f"http://{ADDRESS}:6970/{component}", f"tftp://{ADDRESS}/{component}"):
            expect(content, f"{component} is not served to everybody")
        time.sleep(2.5)
    shown = server.status()[mac]
    same("the absent phone", (shown["stage"], shown["load"], shown["address"], shown["last_seen"]), ("absent", None, None, None))
    told = server.host.run("curl", "-s", "--max-time", "5", "http://127.0.0.1:8080/healthz").stdout.decode()
    expect(f"{STATIC} asked for " in told and "has no lease from here" in told, told)
    with bench.fleet([phone], firmware) as phones_on:
        phones_on.power_on()
        technician = Technician()
        stranded = phones_on.wait(fleet.on_target(fleet.targets(MPP_11)), 90, each=lambda: technician(server, phones_on))
        explain(bench, server, phones_on, stranded)
        loads = [step.split()[-1] for _, step in phones_on.state(mac)["steps"] if ".loads" in step]
        expect(ENTERPRISE_12 in loads[0], f"it began with {loads}")


@contextlib.contextmanager
def leased(bench, phone, vendor, requests):
    """A phone by hand, with a lease and its address: (host, raw line)."""
    host = bench.switch.host("c", mac=fleet.colons(phone["mac"]))
    with wire.Wire(host) as line:
        _, ack = wire.full_lease(line, phone["mac"], wire.client_options(vendor, requests), 0x8000)
        expect(ack is not None and ack.kind == wire.ACK, "no lease")
        host.ip("address", "add", f"{ack.yiaddr}/24", "dev", host.interface)
        yield host, line


@case("liars: a broadcast in a phone's name does not end its writing of flash; the phone's own word does")
def forged_discover(bench):
    firmware = library(bench)
    phone = fleet.phone("8851", 0xc21, OLD, platform=1)
    mac = phone["mac"]
    _, vendor, requests, _ = people()["enterprise"]
    options = wire.client_options(vendor, requests)
    server = bench.server(firmware, [phone], timing={"not-asking": "3s", "flash": "60s"}).start()
    liar = bench.switch.host("liar", mac=fleet.colons(LIAR))
    with leased(bench, phone, vendor, requests) as (host, line), wire.Wire(liar) as lying:
        fetch_whole(host, firmware, mac)
        bench.wait_for(lambda: server.status()[mac]["writing"], 10, lambda: str(server.status()))
        for flags, to in ((0x8000, None), (0, None), (0x8000, mac)):
            words = [wire.Message(wire.DISCOVER, mac, options, flags=flags)]
            if to:
                words.append(wire.Message(wire.REQUEST, mac, [(50, b"\x0a\x17\x2d\x64")] + options, flags=flags))
            for word in words:
                lying.send(word, LIAR)
            end = time.monotonic() + 5
            while time.monotonic() < end:
                shown = server.status()[mac]
                expect(shown["writing"] and shown["hold"] is None, f"after a forged DISCOVER: {shown}")
                time.sleep(0.5)
        # It has started again, and says so by a connection from its own address.
        _, ack = wire.full_lease(line, mac, options, 0x8000)
        expect(ack is not None and ack.kind == wire.ACK, "no lease after the flash")
        fetched(host, f"http://{ADDRESS}:6970/SEP{mac}.cnf.xml")
        bench.wait_for(lambda: not server.status()[mac]["writing"], 10, lambda: str(server.status()))


def fetch_whole(host, firmware, mac):
    """The first load of its route, as far as an 8851 of the first platform fetches it."""
    document, = fetched(host, f"http://{ADDRESS}:6970/SEP{mac}.cnf.xml")
    expect(ENTERPRISE_12.encode() in (document or b""), f"the first document: {document!r}")
    loads, = fetched(host, f"http://{ADDRESS}:6970/sip88xx.{ENTERPRISE_12}.loads")
    for name in components(loads.decode(errors="replace")):
        content, = fetched(host, f"http://{ADDRESS}:6970/{name}")
        expect(content, f"{name} does not come")


def components(listing):
    """The names of the first platform's section."""
    found, inside = [], False
    for line in listing.splitlines():
        if line.startswith("[PLATFORM_"):
            if found:
                break
            inside = True
        elif inside and line.strip().endswith((".sbn", ".sebn")):
            found.append(line.strip())
    expect(found, f"no component in {listing[:300]!r}")
    return found


@case("liars: 8,000 made-up phones that somebody asks for leave no trace, and an unlisted phone goes its way")
def phantoms(bench):
    firmware = library(bench)
    listed, unlisted = fleet.phone("8851", 0xc31, OLD), fleet.phone("7811", 0xc32, OLD)
    server = bench.server(firmware, [listed], licensed=[listed, unlisted]).start()
    _, vendor, requests, _ = people()["enterprise"]
    liar = bench.switch.host("liar", mac=fleet.colons(LIAR), address=f"{STATIC}/24")
    with leased(bench, listed, vendor, requests) as (host, _):
        address = server.status()[listed["mac"]]["address"]
        # Somebody without a lease, and then a phone that has one.
        for who, source in ((liar, STATIC), (host, address)):
            done = who.run(sys.executable, "-c", PHANTOMS, source, ADDRESS, "8000")
            same(f"requests from {source}", (done.stdout.strip(), done.stderr[-300:]), (b"8000", b""))
            same(f"phones after those from {source}", sorted(server.status()), [listed["mac"]])
    report = json.loads(server.command("report", "--format", "json").stdout)
    same("phones of the report", [row["mac"] for row in report["phones"]], [listed["mac"]])
    with bench.fleet([unlisted], firmware) as phones_on:
        phones_on.power_on()
        technician = Technician()
        stranded = phones_on.wait(fleet.on_target(fleet.targets(MPP_11)), 90, each=lambda: technician(server, phones_on))
        explain(bench, server, phones_on, stranded)
        done_everywhere(bench, server, phones_on, MPP_11)
    size = sum(os.path.getsize(os.path.join(server.state, name)) for name in ("ledger.db", "ledger.db-wal")
               if os.path.exists(os.path.join(server.state, name)))
    expect(size < 8 << 20, f"the ledger has {size} bytes")
