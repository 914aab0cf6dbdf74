"""Fields of the message, where answers go, relays, and what is no message at all."""


import wire
from cases import expect, same
from conform import BOTH, case
from conform.lab import acknowledged, ip, refused, shown, silent
from conform.servers import NEAR, RELAY


@case("fields: an odd Ethernet address is served", BOTH)
def chaddr(lab):
    lab.client("ff010203ff04").offered()


@case("fields: ciaddr of a DISCOVER does not come back")
def ciaddr(lab):
    for address in (lab.address(90), "255.255.255.255"):
        lab.uses(lab.address(90))
        same(f"ciaddr for {address}", lab.client().offered(ciaddr=address).ciaddr, "0.0.0.0")


@case("fields: siaddr, yiaddr, sname and file of a request do not come back", BOTH)
def other_fields(lab):
    for address in (lab.address(109), "255.255.255.255"):
        client = lab.client()
        sent = dict(siaddr=address, yiaddr=address, sname=b"evil", file=b"evil")
        for answer in (client.offered(**sent), client.leased(**sent)):
            same("siaddr, sname, file", (answer.siaddr, answer.sname, answer.file), ("0.0.0.0", b"", b""))


BOOT = ("192.0.2.234", "boot.example", "loader.bin")


@case("fields: siaddr, sname and file as configured", BOTH, boot=BOOT)
def boot_fields(lab):
    client = lab.client()
    offer = client.offered()
    for answer in (offer, client.select(offer.yiaddr), client.reboot(offer.yiaddr)):
        same("siaddr, sname, file", (answer.siaddr, answer.sname, answer.file), (BOOT[0], b"boot.example", b"loader.bin"))
    refused(client.reboot("192.0.2.7"))


@case("fields: sname and file stay what they are when options are many", BOTH, boot=BOOT,
      options=dict.fromkeys((14, 17, 18, 40), ("x" * 150, "x" * 150)))
def boot_fields_crowded(lab):
    offer = lab.client().offered((55, bytes([14, 17, 18, 40])))
    same("sname, file", (offer.sname, offer.file), (b"boot.example", b"loader.bin"))
    same("overload", offer.get(52), None)


@case("fields: a NAK has nothing of the request's addresses", BOTH)
def nak(lab):
    address = lab.client().leased().yiaddr
    for fields in (dict(siaddr=address), dict(siaddr="255.255.255.255"), dict(yiaddr=address), dict(ciaddr=address)):
        refused(lab.client().select(address, **fields))


@case("fields: flags come back, reserved ones too, and mean nothing", BOTH)
def flags(lab):
    for value in (0x8000, 0x0001, 0x7FFF, 0xFFFF):
        same("flags", lab.client().offered(flags=value).flags, value)


@case("fields: hops and secs are zero in answers", BOTH)
def counters(lab):
    offer = lab.client().offered(secs=900)
    same("hops, secs", (offer.hops, offer.secs), (0, 0))


@case("delivery: with the broadcast bit, to everybody")
def broadcast(lab):
    client = lab.client()
    for answer in (client.offered(flags=0x8000), client.leased(flags=0x8000)):
        same("to", (answer.destination, answer.destination_mac), ("255.255.255.255", wire.BROADCAST_MAC))


@case("delivery: without it, to the client alone, which answers no ARP")
def unicast(lab):
    client = lab.client()
    for answer in (client.offered(), client.leased()):
        same("to", (answer.destination, answer.destination_mac), (answer.yiaddr, wire.mac_bytes(client.mac)))


@case("delivery: a NAK goes to everybody")
def nak_to_all(lab):
    for flags_ in (0, 0x8000):
        answer = lab.client().reboot("192.0.2.7", flags=flags_)
        refused(answer)
        same("to", (answer.destination, answer.destination_mac), ("255.255.255.255", wire.BROADCAST_MAC))


@case("delivery: who has an address gets the answer there")
def to_ciaddr(lab):
    client = lab.client()
    address = client.leased().yiaddr
    same("renewing", client.renew(address).destination, address)
    same("rebinding", client.rebind(address, flags=0x8000).destination, address)


@case("relay: answers go to the relay, at the servers' port", ("relayed",))
def to_relay(lab):
    client = lab.client()
    offer = client.offered()
    for answer in (offer, client.select(offer.yiaddr), client.reboot("192.0.2.7")):
        same("to", answer.destination, RELAY)


@case("relay: a NAK tells it to broadcast", ("relayed",))
def relayed_nak(lab):
    answer = lab.client().reboot("192.0.2.7")
    refused(answer)
    same("flags", answer.flags & 0x8000, 0x8000)


@case("relay: its address chooses the network", BOTH)
def network(lab):
    address = lab.client().leased().yiaddr
    expect(address.startswith(lab.network), f"{address} through {lab.way}")


@case("relay: an unknown network is silence", ("relayed",))
def unknown_relay(lab):
    silent(lab.client().discover(giaddr="172.16.0.1"))


@case("relay: its information comes back whole, in every answer", ("relayed",))
def option_82(lab):
    client, information = lab.client(), (82, b"\x01\x04\x00\x01\x02\x03\x02\x06\x00\x01\x02\x03\x04\x05")
    offer = client.offered(information)
    answers = (offer, client.select(offer.yiaddr, information), client.reboot("192.0.2.7", information))
    for answer in answers:
        same("82", answer.get(82), information[1])
        same("last option", answer.codes()[-1], 82)


@case("relay: link selection goes before its address", ("relayed",))
def link_selection(lab):
    offer = lab.client().offered((82, b"\x05\x04" + ip(f"{NEAR}.0")))
    expect(offer.yiaddr.startswith(NEAR), f"{offer.yiaddr}")
    same("to", offer.destination, RELAY)


@case("relay: subnet selection", ("relayed",))
def subnet_selection(lab):
    offer = lab.client().offered((118, ip(f"{NEAR}.0")))
    expect(offer.yiaddr.startswith(NEAR), f"{offer.yiaddr}")
    same("118", offer.get(118), ip(f"{NEAR}.0"))


@case("relay: its override of the server identifier", ("relayed",))
def override(lab):
    client, information = lab.client(), (82, b"\x0b\x04" + ip(RELAY))
    message = client.message(wire.DISCOVER, information)
    client.send(message)
    offer = lab.line.receive(message.xid, 1)
    same("54", offer and offer.get(54), ip(RELAY))
    request = client.message(wire.REQUEST, (50, ip(offer.yiaddr)), (54, ip(RELAY)), information)
    client.send(request)
    ack = lab.line.receive(request.xid, 1)
    acknowledged(ack, offer.yiaddr)


def still_serving(lab):
    expect(lab.server.alive(), "the server has ended")
    lab.client().leased()


def unanswered(lab, name, payload, xid):
    client = lab.client()
    client.send(payload)
    answer = lab.line.receive(xid, 0.25)
    expect(answer is None, f"{name}: answered with {shown(answer)}")


def bent(lab, at, value, kind=wire.DISCOVER):
    message = lab.client().message(kind, (55, b"\x01"))
    data = bytearray(message.encode())
    data[at:at + len(value)] = value
    return bytes(data), message.xid


@case("malformed: op, hardware type and length", BOTH)
def fixed_fields(lab):
    for name, at, value in (("op 2", 0, b"\x02"), ("op 0", 0, b"\x00"), ("op 255", 0, b"\xff"),
                            ("hlen 17", 2, b"\x11"), ("hlen 255", 2, b"\xff")):
        unanswered(lab, name, *bent(lab, at, value))
    still_serving(lab)


@case("malformed: no cookie, or cut off before it", BOTH)
def cookie(lab):
    unanswered(lab, "no cookie", *bent(lab, 236, b"\0\0\0\0"))
    unanswered(lab, "another cookie", *bent(lab, 236, b"\x63\x82\x53\x64"))
    data, xid = bent(lab, 0, b"\x01")
    for length in (0, 1, 44, 235, 236, 239, 240):
        unanswered(lab, f"{length} octets", data[:length], xid)
    still_serving(lab)


def with_options(lab, options):
    message = lab.client().message(wire.DISCOVER)
    return message.encode()[:240] + options, message.xid


@case("malformed: message types", BOTH)
def types(lab):
    for name, options in (("none", b"\xff"), ("type 0", b"\x35\x01\x00\xff"), ("type 99", b"\x35\x01\x63\xff"),
                          ("OFFER", b"\x35\x01\x02\xff"), ("ACK", b"\x35\x01\x05\xff"), ("NAK", b"\x35\x01\x06\xff"),
                          ("FORCERENEW", b"\x35\x01\x09\xff"), ("LEASEQUERY", b"\x35\x01\x0a\xff"),
                          ("empty", b"\x35\x00\xff")):
        unanswered(lab, name, *with_options(lab, options))
    still_serving(lab)


@case("malformed: lengths that cannot be", BOTH)
def lengths(lab):
    for name, options in (("server id of 3", b"\x35\x01\x03\x36\x03\x0a\x17\x2d\xff"),
                          ("server id of 0", b"\x35\x01\x03\x36\x00\xff")):
        unanswered(lab, name, *with_options(lab, options))
    for options in (b"\x35\x01\x01\x0c\x40abc", b"\x35\x01\x01\x3d", b"\x35\x01\x01\x37\xff\x01",
                    b"\x35\x01\x01\x34\x01\x09\xff", b"\x35\x01\x01\x34\x00\xff", b"\x35\x01\x01\x32\x05AAAAA\xff",
                    b"\x35\x01\x01\x39\x01\x05\xff", b"\x35\x01\x01\x33\x02\x00\x01\xff", b"\x35\x01\x01\x3d\x00\xff"):
        lab.client().send(with_options(lab, options)[0])
    still_serving(lab)


@case("well-formed: no End option, empty and unknown options, pads", BOTH)
def odd_but_fine(lab):
    for name, options in (("pads", b"\0\0\x35\x01\x01\0\0\0\xff" + b"\0" * 80),
                          ("unknown options", b"\x35\x01\x01\xe0\x05hello\xf0\x00\xff"),
                          ("a vendor's options", b"\x35\x01\x01\x2b\x05\x01\x03abc\x7d\x06\0\0\0\x09\x01A\xff"),
                          ("a long message", b"\x35\x01\x01" + b"\xe0\xff" + b"x" * 255 + b"\xe1\xff" + b"y" * 255 + b"\xff")):
        payload, xid = with_options(lab, options)
        lab.client().send(payload)
        answer = lab.line.receive(xid, 0.7)
        expect(answer is not None and answer.kind == wire.OFFER, f"{name}: {shown(answer)}")


@case("overload: options in file and sname are read", BOTH)
def overload(lab):
    client = lab.client()
    message = client.message(wire.DISCOVER, (52, b"\x03"), file=b"\x3d\x04\x00abc\xff", sname=b"\x37\x01\x01\xff")
    client.send(message)
    offer = lab.line.receive(message.xid, 1)
    same("client identifier", offer and offer.get(61), b"\x00abc")


@case("long options: parts are put together", BOTH)
def long_options(lab):
    client = lab.client()
    message = client.message(wire.DISCOVER, (61, b"\x00abc"), (12, b"x"), (61, b"defg"))
    client.send(message)
    offer = lab.line.receive(message.xid, 1)
    same("client identifier", offer and offer.get(61), b"\x00abcdefg")
