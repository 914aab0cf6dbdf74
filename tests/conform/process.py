"""What clients go through: selecting, rebooting, renewing, declining, releasing, informing."""

import time

import wire
from cases import expect, same
from conform import BOTH, case
from conform.lab import acknowledged, ip, refused, shown, silent

ONE = dict(pool=["100-100"], relayed_pool=["100-100"])
MASK = ip("255.255.255.0")
STRANGER = b"\x00\x01\x02\x03\x04\x01\x11"


def nobody_else(lab, id=STRANGER):
    """The only address is taken: another client gets no offer."""
    silent(lab.client(id=id).discover())


def somebody_else(lab):
    """The only address is free: another client gets it."""
    same("address for another client", lab.client(id=STRANGER).offered().yiaddr, lab.address(100))


@case("selecting: offer and acknowledgment", BOTH)
def selecting(lab):
    client = lab.client()
    offer = client.offered()
    ack = client.select(offer.yiaddr)
    acknowledged(ack, offer.yiaddr)
    for message in (offer, ack):
        same("mask", message.get(1), MASK)
        same("lease", int.from_bytes(message.get(51), "big"), 3600)


@case("selecting: several pools", pool=["100-100", "101-101", "102-102"])
def several_pools(lab):
    got = {lab.client().leased().yiaddr for _ in range(3)}
    same("addresses", got, {lab.address(n) for n in (100, 101, 102)})


@case("selecting: a full pool is silence", BOTH, **ONE)
def full_pool(lab):
    lab.client().leased()
    nobody_else(lab, id=None)


@case("selecting: the client identifier is the client", BOTH)
def by_identifier(lab):
    address = lab.client(id=STRANGER).leased().yiaddr
    same("another machine, same identifier", lab.client(id=STRANGER).leased().yiaddr, address)


@case("selecting: another client identifier without an Ethernet address of its own", BOTH, **ONE)
def by_identifier_alone(lab):
    lab.client("000000000000", b"\x00\x01\x02\x03\x04\x05\x06").leased()
    silent(lab.client("000000000000", b"\x00\x02\x03\x04\x05\x06\x07").discover())


@case("selecting: another address and identifier", BOTH, **ONE)
def by_both(lab):
    lab.client("000000000000", b"\x00\x01\x02\x03\x04\x05\x06").leased()
    silent(lab.client("000000000011", b"\x11\x02\x03\x04\x05\x06\x07").discover())
    silent(lab.client("000000000000", b"\x11\x02\x03\x04\x05\x06\x07").discover())


@case("selecting: somebody's address is refused", BOTH, **ONE)
def second_request(lab):
    address = lab.client().leased().yiaddr
    refused(lab.client().select(address))


@case("selecting: an address outside of the network is refused", BOTH)
def outside(lab):
    client = lab.client()
    client.offered()
    refused(client.select("192.0.2.7"))


@case("selecting: an address outside of the pool is refused", BOTH)
def outside_pool(lab):
    client = lab.client()
    client.offered()
    refused(client.select(lab.address(200)))


@case("selecting: another server's client gets silence", BOTH)
def other_server(lab):
    client = lab.client()
    silent(client.select(client.offered().yiaddr, server="10.23.45.99"))


@case("selecting: the same client is offered the same address", BOTH)
def again(lab):
    client = lab.client()
    address = client.offered().yiaddr
    lab.client().offered()
    same("offered again", client.offered().yiaddr, address)
    acknowledged(client.select(address), address)
    same("offered while leased", client.offered().yiaddr, address)


@case("selecting: a free address that is asked for is offered", BOTH)
def wish(lab):
    same("offered", lab.client().offered((50, ip(lab.address(107)))).yiaddr, lab.address(107))


@case("selecting: an address asked for that is not free or not of the pool is replaced", BOTH)
def vain_wish(lab):
    taken = lab.client().leased().yiaddr
    for wanted in (taken, lab.address(200), "192.0.2.7", "0.0.0.0", "255.255.255.255"):
        offer = lab.client().offered((50, ip(wanted)))
        expect(offer.yiaddr != wanted and offer.yiaddr.startswith(lab.network), f"{wanted}: offered {offer.yiaddr}")


@case("selecting: a repeated REQUEST is acknowledged again", BOTH)
def repeated(lab):
    client = lab.client()
    address = client.leased().yiaddr
    for _ in range(3):
        acknowledged(client.select(address), address)


@case("selecting: the lease cannot be asked longer than configured", BOTH)
def long_lease(lab):
    ack = lab.client().leased((51, b"\xff\xff\xff\xfe"))
    expect(0 < int.from_bytes(ack.get(51), "big") <= 3600, f"lease {ack.get(51)}")


@case("init-reboot: the client's own address is confirmed", BOTH, **ONE)
def reboot(lab):
    client = lab.client()
    address = client.leased().yiaddr
    ack = client.reboot(address)
    acknowledged(ack, address)
    same("mask", ack.get(1), MASK)


@case("init-reboot: an address of another network is refused", BOTH, **ONE)
def reboot_elsewhere(lab):
    client = lab.client()
    client.leased()
    refused(client.reboot("185.0.50.0"))


@case("init-reboot: another address of the network is refused", BOTH)
def reboot_other(lab):
    client = lab.client()
    client.leased()
    refused(client.reboot(lab.address(109)))


@case("init-reboot: somebody else's address is refused", BOTH)
def reboot_taken(lab):
    address = lab.client().leased().yiaddr
    refused(lab.client().reboot(address))


@case("init-reboot: a client never seen, with an address of another network, is refused", BOTH)
def reboot_unknown(lab):
    refused(lab.client().reboot("185.0.50.0"))


@case("init-reboot: a REQUEST for no address is silence", BOTH, **ONE)
def no_address(lab):
    client = lab.client()
    silent(client.request())
    client.offered()


@case("renewing: the lease begins anew", BOTH, lease=30)
def renew(lab):
    client = lab.client()
    address = client.leased().yiaddr
    time.sleep(1)
    ack = client.renew(address)
    acknowledged(ack, address)
    same("lease", int.from_bytes(ack.get(51), "big"), 30)
    same("ciaddr", ack.ciaddr, address)


@case("renewing: another's address is refused")
def renew_other(lab):
    address = lab.client().leased().yiaddr
    refused(lab.client().renew(address))


@case("rebinding: the lease begins anew", BOTH, lease=30)
def rebind(lab):
    client = lab.client()
    address = client.leased().yiaddr
    time.sleep(1)
    acknowledged(client.rebind(address), address)


@case("rebinding: an address of another network is refused", BOTH)
def rebind_elsewhere(lab):
    client = lab.client()
    client.leased()
    refused(client.request(ciaddr="192.0.2.7"))


@case("rebinding: too late, the address is another's", BOTH, lease=3, **ONE)
def rebind_late(lab):
    late, other = lab.client(), lab.client()
    address = late.leased().yiaddr
    time.sleep(4)
    same("the other's", other.leased().yiaddr, address)
    refused(late.rebind(address))


@case("lease: one that has ended is the next client's", BOTH, lease=3, **ONE)
def ended(lab):
    address = lab.client().leased().yiaddr
    nobody_else(lab)
    time.sleep(4)
    same("another's now", lab.client().leased().yiaddr, address)


@case("decline: the address is set aside", BOTH, **ONE)
def decline(lab):
    client = lab.client()
    silent(client.decline(client.leased().yiaddr))
    nobody_else(lab)
    silent(client.discover())


@case("decline: the next address is given instead", BOTH)
def decline_next(lab):
    client = lab.client()
    address = client.leased().yiaddr
    silent(client.decline(address))
    expect(client.leased().yiaddr != address, "the declined one again")


@case("decline: ignored without its address, or for another server", BOTH)
def decline_wrong(lab):
    client = lab.client()
    address = client.leased().yiaddr
    silent(client.decline(None))
    silent(client.decline(address, server="10.23.45.99"))
    same("its address", client.leased().yiaddr, address)


@case("decline: another client's word does not count", BOTH)
def decline_other(lab):
    client = lab.client(id=b"\x00own")
    address = client.leased().yiaddr
    silent(lab.client(id=STRANGER).decline(address))
    silent(lab.client().decline(address))
    silent(lab.client(client.mac, b"\x00other").decline(address))
    same("its address", client.leased().yiaddr, address)


@case("release: the address is free", BOTH, **ONE)
def release(lab):
    client = lab.client()
    silent(client.release(client.leased().yiaddr))
    somebody_else(lab)


@case("release: after others were turned away", BOTH, **ONE)
def release_later(lab):
    client = lab.client()
    address = client.leased().yiaddr
    nobody_else(lab)
    silent(client.release(address))
    somebody_else(lab)


@case("release: the client gets it again", BOTH)
def release_again(lab):
    client = lab.client()
    address = client.leased().yiaddr
    silent(client.release(address))
    same("again", client.leased().yiaddr, address)


@case("release: ignored from another client and identifier", BOTH, **ONE)
def release_other(lab):
    address = lab.client("001fd0000011", b"\x00own").leased().yiaddr
    silent(lab.client("001fd0112233", b"\x00other").release(address))
    nobody_else(lab)


@case("release: ignored from another identifier on the same machine", BOTH, **ONE)
def release_other_identifier(lab):
    address = lab.client("001fd0000011", b"\x00own").leased().yiaddr
    silent(lab.client("001fd0000011", b"\x00other").release(address))
    nobody_else(lab)


@case("release: ignored from another machine without identifiers", BOTH, **ONE)
def release_other_machine(lab):
    address = lab.client("001fd0000011").leased().yiaddr
    silent(lab.client("001fd0111111").release(address))
    nobody_else(lab)


@case("release: ignored for another server", BOTH, **ONE)
def release_other_server(lab):
    client = lab.client()
    silent(client.release(client.leased().yiaddr, server="10.23.45.99"))
    nobody_else(lab)


@case("release: of a lease that has ended", BOTH, lease=3, **ONE)
def release_ended(lab):
    client = lab.client()
    address = client.leased().yiaddr
    time.sleep(4)
    silent(client.release(address))
    somebody_else(lab)


@case("inform: parameters and no lease", options={3: (["10.23.45.1", "10.23.45.2"], "10.23.45.1, 10.23.45.2"),
                                                   2: (50, "50")}, pool=["100-100"])
def inform(lab):
    address = lab.address(90)
    ack = lab.client().inform(address, (55, b"\x01\x02\x03"))
    expect(ack is not None and ack.kind == wire.ACK, f"no ACK but {shown(ack)}")
    same("yiaddr, ciaddr", (ack.yiaddr, ack.ciaddr), ("0.0.0.0", address))
    same("to", ack.destination, address)
    same("mask", ack.get(1), MASK)
    same("time offset", ack.get(2), b"\0\0\0\x32")
    same("routers", wire.addresses(ack.get(3)), ["10.23.45.1", "10.23.45.2"])
    same("the pool's only address", lab.client().offered().yiaddr, lab.address(100))


@case("inform: the address may be outside of the pool and leased to nobody")
def inform_stranger(lab):
    ack = lab.client(id=STRANGER).inform(lab.address(77))
    expect(ack is not None and ack.kind == wire.ACK, f"no ACK but {shown(ack)}")
    same("client identifier", ack.get(61), STRANGER)


@case("reservation: by Ethernet address, and nobody else's", reservations=[("02:00:00:00:77:01", 105)],
      pool=["105-105"])
def reserved(lab):
    silent(lab.client().discover())
    silent(lab.client().discover((50, ip(lab.address(105)))))
    same("its own", lab.client("020000007701").leased().yiaddr, lab.address(105))


@case("reservation: by client identifier, outside of the pool", reservations=[(b"\x00lobby", 50)])
def reserved_identifier(lab):
    same("its own", lab.client(id=b"\x00lobby").leased().yiaddr, lab.address(50))
    refused(lab.client().select(lab.address(50)))
