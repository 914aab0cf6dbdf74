"""What real networks send: options that cannot be used, addresses that a client cannot have, relay information without a
relay. Whom a server can answer, it answers."""

import struct
import time

import wire
from cases import expect, same
from conform import BOTH, case
from conform.lab import acknowledged, ip, refused, shown, silent
from conform.servers import NEAR, SERVER

# VLAN, module and port, and the switch's address, as Catalyst switches write them; text; and what no switch should write.
INFORMATION = (b"\x01\x06\x00\x04\x00\x0a\x01\x07\x02\x08\x00\x06\x00\x01\x02\x03\x04\x05",
               b"\x01\x06Gi1/07\x02\x08switch-9", b"\x05\x04\xac\x10\x00\x01\x0b\x04\xac\x10\x00\x01", b"\x01\x09\x07",
               b"\x07")


@case("relay information without a relay: answered, and echoed as the last option")
def snooping(lab):
    for value in INFORMATION:
        client, information = lab.client(), (82, value)
        offer = client.offered(information)
        address = offer.yiaddr
        for answer in (offer, client.select(address, information), client.reboot(address, information),
                       client.renew(address, information), client.reboot("192.0.2.7", information)):
            expect(answer is not None, f"no answer with {value.hex()}")
            same("82", answer.get(82), value)
            same("last option", answer.codes()[-1], 82)
        plain = client.offered()
        same("without it: address, 82", (plain.yiaddr, plain.get(82)), (address, None))


@case("relay information without a relay: dropped where that is set", dhcp={"relay-information": "drop"})
def dropped(lab):
    silent(lab.client().discover((82, INFORMATION[0])))
    lab.client().offered()


@case("ciaddr: a client that cannot have it is answered like one without")
def ciaddr(lab):
    for address in (lab.address(100), lab.address(200), "192.168.7.20", "255.255.255.255"):
        for flags in (0, 0x8000):
            client = lab.client()
            offer = client.offered(ciaddr=address, flags=flags)
            for what, answer in (("OFFER", offer),
                                 ("ACK", client.select(offer.yiaddr, ciaddr=address, flags=flags)),
                                 ("ACK to INIT-REBOOT", client.reboot(offer.yiaddr, ciaddr=address, flags=flags))):
                expect(answer is not None, f"no {what} with ciaddr {address}")
                to = (answer.destination_mac, answer.destination)
                wanted = (wire.BROADCAST_MAC, "255.255.255.255") if flags else (wire.mac_bytes(client.mac), offer.yiaddr)
                same(f"{what} with ciaddr {address}, to", to, wanted)


@case("ciaddr: a client that rebinds without an address is answered without ARP")
def rebinding(lab):
    client = lab.client()
    address = client.leased().yiaddr
    answer = client.request(ciaddr=address)
    acknowledged(answer, address)
    same("to", (answer.destination_mac, answer.destination), (wire.mac_bytes(client.mac), address))


def of(code, *lengths):
    return [(f"{code} of {n}", bytes([code, n]) + b"\x07" * n) for n in lengths]


MANY = dict(pool=["100-199"], relayed_pool=["100-199"])
FLAWS = (of(50, 0, 1, 3, 5, 8) + of(51, 0, 2, 3, 5, 8) + of(52, 0, 2) + of(54, 0, 3, 5) + of(55, 0) + of(57, 0, 1, 3, 4)
         + of(60, 0) + of(61, 0, 1) + of(82, 0, 1) + of(118, 0, 3) + of(12, 0) + of(43, 0)
         + [("overload 0", b"\x34\x01\x00"), ("overload 4", b"\x34\x01\x04"), ("size 1", b"\x39\x02\x00\x01"),
            ("57 twice", b"\x39\x02\x05\xdc\x39\x02\x05\xdc"), ("53 twice", b"\x35\x01\x01"),
            ("61 of 300", b"\x3d\xff" + b"\x01" * 255 + b"\x3d\x2d" + b"\x01" * 45),
            ("a class of NULs", b"\x3c\x02\0\0"), ("server 0.0.0.0", b"\x36\x04\0\0\0\0")])


def offered(lab, name, payload, xid):
    lab.client().send(payload)
    answer = lab.line.receive(xid, 0.7)
    expect(answer is not None and answer.kind == wire.OFFER, f"{name}: {shown(answer)}")
    return answer


def with_options(lab, options, **fields):
    message = lab.client().message(wire.DISCOVER, **fields)
    return message.encode()[:240] + options, message.xid


@case("odd: an option of a length that cannot be counts as absent", BOTH, **MANY)
def flaws(lab):
    for name, option in FLAWS:
        answer = offered(lab, name, *with_options(lab, b"\x35\x01\x01" + option + b"\xff"))
        same(f"{name}: 61", answer.get(61), None)


@case("odd: a last option that overruns, no End, and fields that hold no options", BOTH, **MANY)
def overrun(lab):
    for tail in (b"\x0c\x40abc", b"\x3d", b"\x37\xff\x01", b"\x39\x04\x05", b"\x52\xc8\x01\x01\x07", b""):
        offered(lab, tail.hex(), *with_options(lab, b"\x35\x01\x01" + tail))
    for overload in (1, 2, 3):
        payload, xid = with_options(lab, b"\x35\x01\x01\x34\x01" + bytes([overload]) + b"\xff", file=b"\xe1\xffboot.bin",
                                    sname=b"\xe1\xffserver")
        offered(lab, f"overload {overload} of text", payload, xid)
    payload, xid = with_options(lab, b"\x35\x01\x01" + b"\xe0\xff" + b"x" * 255)
    offered(lab, "long", payload + (b"\xe1\xff" + b"y" * 255) * 3 + b"\xff", xid)


@case("odd: an Ethernet address under another hardware type or length", BOTH)
def hardware(lab):
    for htype, hlen in ((6, 6), (0, 6), (1, 0), (1, 16), (6, 16)):
        message = lab.client().message(wire.DISCOVER)
        payload = message.encode()
        offered(lab, f"{htype}, {hlen}", payload[:1] + bytes([htype, hlen]) + payload[3:], message.xid)


@case("relay: a REQUEST that names this server through an unknown relay is refused", ("relayed",))
def unknown_relay(lab):
    lab.host.ip("address", "add", "172.16.0.1/24", "dev", lab.host.interface)
    lab.server_host.ip("route", "add", "172.16.0.0/24", "via", f"{NEAR}.1")
    client = lab.client()
    refused(client.select("172.16.0.9", giaddr="172.16.0.1"))
    silent(client.select("172.16.0.9", giaddr="172.16.0.1", server=f"{NEAR}.99"))
    silent(client.discover(giaddr="172.16.0.1"))


ROUTES = {3: ([SERVER], SERVER, ip(SERVER)), 33: (["10.9.0.0", SERVER], "", b""), 121: (["0.0.0.0/0 10.23.45.67"], "", b"")}


@case("options: router and static routes give way to classless routes", options={c: v[:2] for c, v in ROUTES.items()})
def classless(lab):
    for wanted, given in ((b"\x03\x21\x79", [121]), (b"\x79\x03", [121]), (b"\x03\x21", [3, 33, 121])):
        offer = lab.client().offered((55, wanted))
        same(f"for {list(wanted)}", sorted(c for c in offer.codes() if c in ROUTES), given)


@case("lease: renewal and rebinding times as set", dhcp={"renewal-time": "10m", "rebinding-time": "20m"})
def timers(lab):
    offer = lab.client().offered()
    same("T1, T2", [struct.unpack(">I", offer.get(code))[0] for code in (58, 59)], [600, 1200])


@case("decline: the address rests as long as set", pool=["100-100"], dhcp={"decline-rest": "3s"})
def decline_rest(lab):
    client = lab.client()
    silent(client.decline(client.leased().yiaddr))
    silent(lab.client().discover())
    time.sleep(3.5)
    same("address", lab.client().offered().yiaddr, lab.address(100))
