"""A state folder on a disk that is full."""

import contextlib
import os
import subprocess

import wire
from cases import case, expect, same
from cases.leases import roster
from server import ADDRESS

VENDOR = b"Cisco Systems, Inc. IP Phone CP-8851"


@contextlib.contextmanager
def small_disk(at, size):
    """A disk of that size with the folder's content on it, in the folder's place."""
    aside = f"{at}-aside"
    os.rename(at, aside)
    os.mkdir(at)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", at], check=True)
    try:
        subprocess.run(["cp", "-a", f"{aside}/.", at], check=True)
        yield
    finally:
        subprocess.run(["umount", "-l", at], check=True)


def fill(folder):
    """Write until nothing more goes in; the file to remove."""
    path = os.path.join(folder, "ballast")
    with open(path, "wb", buffering=0) as file:
        for part in (65536, 4096, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"x" * part)
    return path


@case("disk: full, no lease is acknowledged that is not written; page and status go on; with room again, so do leases")
def full(bench):
    server = bench.server(None, roster(), sections={"dhcp": {"conflict-probe": False}})
    with small_disk(server.state, "3m"):
        try:
            check_full(bench, server)
        finally:
            server.stop()


def check_full(bench, server):
    server.start()
    host = bench.switch.host("c", mac="02:00:00:00:00:99")
    options = wire.client_options(VENDOR, [1, 3, 6, 150])
    given, refused = {}, []
    with wire.Wire(host) as line:
        def lease(mac):
            _, ack = wire.full_lease(line, mac, options, 0x8000)
            return ack

        def ask(mac):
            """DISCOVER and REQUEST, each once, with little patience."""
            discover = wire.Message(wire.DISCOVER, mac, options, flags=0x8000)
            offer = line.ask(discover, mac, timeout=2, tries=1)
            expect(offer is not None and offer.kind == wire.OFFER, "an offer needs no disk, and there is none")
            request = [(50, wire.socket.inet_aton(offer.yiaddr)), (54, offer.get(54))] + options
            return line.ask(wire.Message(wire.REQUEST, mac, request, flags=0x8000), mac, timeout=1, tries=1)

        first = lease("C4B9CD000000")
        expect(first is not None and first.kind == wire.ACK, "no lease before")
        given["C4B9CD000000"] = first.yiaddr
        ballast = fill(server.state)
        # What the log has room for already may still go in; it is soon used up.
        for number in range(1, 140):
            mac = f"C4B9CD{number:06X}"
            ack = ask(mac)
            if ack is None:
                refused.append(mac)
                if len(refused) == 3:
                    break
            else:
                same(f"{mac}, on a full disk", ack.kind, wire.ACK)
                given[mac] = ack.yiaddr
        same("phones without an ACK on a full disk", len(refused), 3)
        expect(server.get(f"http://{ADDRESS}/").returncode in (0, 22), "the phones' HTTP does not answer")
        same("page", server.get("http://127.0.0.1:8080/").returncode, 0)
        # curl's status for an answer of 400 or more.
        same("health", server.get("http://127.0.0.1:8080/healthz").returncode, 22)
        expect(server.status() is not None, "status does not answer")
        expect("full" in server.log_tail(200), f"the log does not say why:\n{server.log_tail()}")

        os.unlink(ballast)
        for mac in refused:
            ack = lease(mac)
            expect(ack is not None and ack.kind == wire.ACK, f"{mac}: no lease though there is room again")
            given[mac] = ack.yiaddr
        same("addresses", len(set(given.values())), len(given))
        server.kill()
        server.start()
        for mac, address in given.items():
            request = wire.Message(wire.REQUEST, mac, [(50, wire.socket.inet_aton(address))] + options, flags=0x8000)
            ack = line.ask(request, mac)
            same(f"{mac} after kill -9", (ack and ack.kind, ack and ack.yiaddr), (wire.ACK, address))
