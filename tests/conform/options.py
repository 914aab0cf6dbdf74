"""Options: how each is encoded, which are sent, in which order, and in how much room."""

import struct

import wire
from cases import expect, same
from conform import BOTH, case
from conform.lab import ip

A, B = "10.23.45.7", "10.23.45.8"
ADDRESSES = ([A, B], f"{A}, {B}", ip(A) + ip(B))
ONE_ADDRESS = (A, A, ip(A))
PAIRS = ([A, B], f"{A}, {B}", ip(A) + ip(B))

# Code: (as transload takes it, as Kea takes it, octets).
FORMATS = {
    2: (-3600, "-3600", struct.pack(">i", -3600)), 3: ADDRESSES, 4: ADDRESSES, 5: ADDRESSES, 6: ADDRESSES, 7: ADDRESSES,
    8: ADDRESSES, 9: ADDRESSES, 10: ADDRESSES, 11: ADDRESSES, 13: (1000, "1000", b"\x03\xe8"),
    14: ("dump", "dump", b"dump"), 15: ("example.org", "example.org", b"example.org"), 16: ONE_ADDRESS,
    17: ("/root", "/root", b"/root"), 18: ("/more", "/more", b"/more"), 19: (True, "true", b"\x01"),
    20: (False, "false", b"\x00"), 21: PAIRS, 22: (576, "576", b"\x02\x40"), 23: (64, "64", b"\x40"),
    24: (99, "99", b"\0\0\0\x63"), 25: ([68, 296], "68, 296", b"\0\x44\x01\x28"), 26: (1400, "1400", b"\x05\x78"),
    27: (True, "true", b"\x01"), 28: ("10.23.45.255", "10.23.45.255", ip("10.23.45.255")), 29: (False, "false", b"\0"),
    30: (True, "true", b"\x01"), 31: (True, "true", b"\x01"), 32: ONE_ADDRESS, 33: PAIRS, 34: (False, "false", b"\0"),
    35: (60, "60", b"\0\0\0\x3c"), 36: (True, "true", b"\x01"), 37: (10, "10", b"\x0a"), 38: (70, "70", b"\0\0\0\x46"),
    39: (True, "true", b"\x01"), 40: ("nis", "nis", b"nis"), 41: ADDRESSES, 42: ADDRESSES,
    43: ("hex:0103616263", "hex:0103616263", b"\x01\x03abc"),
    44: ADDRESSES, 45: ADDRESSES, 46: (8, "8", b"\x08"), 47: ("scope", "scope", b"scope"), 48: ADDRESSES, 49: ADDRESSES,
    64: ("nis+", "nis+", b"nis+"), 65: ADDRESSES, 67: ("boot", "boot", b"boot"), 68: ADDRESSES, 69: ADDRESSES,
    70: ADDRESSES, 71: ADDRESSES, 72: ADDRESSES, 73: ADDRESSES, 74: ADDRESSES, 75: ADDRESSES, 76: ADDRESSES,
    100: ("EST5EDT4", "EST5EDT4", b"EST5EDT4"), 101: ("Europe/Zurich", "Europe/Zurich", b"Europe/Zurich"),
    108: (1800, "1800", b"\0\0\x07\x08"), 114: ("https://example.org", "https://example.org", b"https://example.org"),
    119: (["a.example", "b.example"], "a.example, b.example", b"\x01a\x07example\0\x01b\x07example\0"),
    121: (["10.0.0.0/8 10.23.45.1"], "hex:080a0a172d01", b"\x08\x0a" + ip("10.23.45.1")),
    138: ADDRESSES, 224: ("hex:00ff", "hex:00ff", b"\0\xff"),
}


def setup(*codes):
    return {code: FORMATS[code][:2] for code in codes}


def by_six(function):
    for start in range(0, len(FORMATS), 6):
        codes = list(FORMATS)[start:start + 6]
        function = case(f"options: the form of {codes[0]} to {codes[-1]}", BOTH, options=setup(*codes))(function)
    return function


@by_six
def form(lab):
    codes = list(lab.setup["options"])
    room = (57, struct.pack(">H", 1400))
    offer = lab.client().offered((55, bytes([1, *codes])), room)
    for code in codes:
        same(f"option {code}", offer.get(code), FORMATS[code][2])


@case("options: informed clients get them too", options=setup(3, 6, 15, 42))
def informed(lab):
    ack = lab.client().inform(lab.address(90), (55, bytes([3, 6, 15, 42])))
    for code in (3, 6, 15, 42):
        same(f"option {code}", ack and ack.get(code), FORMATS[code][2])


@case("options: what is asked for twice comes once, what is not known does not", BOTH, options=setup(6, 15))
def once(lab):
    offer = lab.client().offered((55, bytes([6, 15, 6, 99, 15, 6, 44])))
    same("options asked for", sorted(c for c in offer.codes() if c in (6, 15, 99, 44)), [6, 15])


@case("options: the mask stands before the router", BOTH, options=setup(3))
def mask_first(lab):
    codes = lab.client().offered((55, bytes([3, 1]))).codes()
    expect(codes.index(1) < codes.index(3), f"{codes}")


@case("options: in the order asked for", BOTH, options=setup(3, 6, 15, 42, 44))
def in_order(lab):
    client = lab.client()
    for wanted in ([42, 15, 6, 44], [6, 44, 42, 15], [15, 6]):
        message = client.message(wire.DISCOVER, (55, bytes(wanted)))
        codes = client.ask(message).codes()
        same(f"order of {codes}", [c for c in codes if c in wanted], wanted)


@case("options: not more than 576 octets unless the client takes more", BOTH,
      options=dict.fromkeys((14, 15, 17, 18, 40, 47), ("x" * 150, "x" * 150)))
def room(lab):
    client, wanted = lab.client(), (55, bytes([14, 15, 17, 18, 40, 47]))
    for limit, most in ((None, 576), (576, 576), (300, 576), (1400, 1400)):
        more = [(57, struct.pack(">H", limit))] if limit else []
        offer = client.ask(client.message(wire.DISCOVER, wanted, *more))
        expect(offer is not None, f"{limit}: no answer")
        expect(offer.size + 28 <= most, f"{limit}: {offer.size + 28} octets")
        expect(offer.get(51) and offer.get(54), f"{limit}: lease time or server identifier left out")
    same("all there", [c for c in wanted[1] if offer.get(c) is None], [])


@case("options: a long one is split", BOTH, options={224: ("hex:" + "ab" * 300, "hex:" + "ab" * 300)})
def split(lab):
    offer = lab.client().offered((55, bytes([224])), (57, struct.pack(">H", 1400)))
    same("its octets", offer.get(224), b"\xab" * 300)


@case("classes: by vendor class", BOTH, klass=("Acme*", "acme.bin"))
def by_class(lab):
    offer = lab.client().offered((60, b"Acme phone"), (55, b"\x43"))
    same("67 for the class", offer.get(67), b"acme.bin")
    same("67 for others", lab.client().offered((60, b"Other"), (55, b"\x43")).get(67), None)
