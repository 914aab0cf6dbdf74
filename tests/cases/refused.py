"""Phones that are heard and refused: shown with the reason and the remedy, in status, explanation and log, and never as absent."""

import json

import fleet
import wire
from cases import case, expect, same
from cases.leases import library, people, roster

# VLAN, module and port, and the switch's address, as Catalyst switches write them.
INFORMATION = (82, b"\x01\x06\x00\x04\x00\x0a\x01\x07\x02\x08\x00\x06\x00\x01\x02\x03\x04\x05")
COMMAND = "no ip dhcp snooping information option"


def explained(server, mac):
    return json.loads(server.command("explain", "--json", mac).stdout)


def lines(server, mac, words):
    with open(server.log_path, errors="replace") as file:
        return [line for line in file if mac in line and words in line]


def reload(server, setting):
    server.config["dhcp"]["relay-information"] = setting
    server.write_config()
    done = server.command("reload")
    expect(done.returncode == 0, f"reload: {done.stderr.decode()}")


@case("refused: a phone behind a snooping switch is answered, or shown with the command for the switch")
def snooping(bench):
    server = bench.server(library(bench), roster()).start()

    def leased(line, mac, options):
        _, ack = wire.full_lease(line, mac, options)
        same("ACK, 82", (ack and ack.kind, ack and ack.get(82)), (wire.ACK, INFORMATION[1]))
        hold = server.status()[mac]["hold"]
        expect("does not answer" not in (hold or {}).get("cause", ""), f"{hold}")

    def on_the_wire(name):
        mac, vendor, requests, _ = people()[name]
        host = bench.switch.host("c", mac=fleet.colons(mac))
        return mac, host, [*wire.client_options(vendor, requests), INFORMATION]

    mac, host, options = on_the_wire("enterprise")
    with wire.Wire(host) as line:
        leased(line, mac, options)
    bench.switch.unplug(host)
    reload(server, "drop")
    mac, host, options = on_the_wire("mpp")
    with wire.Wire(host) as line:
        same("before", server.status()[mac]["stage"], "absent")
        for _ in range(3):
            line.send(wire.Message(wire.DISCOVER, mac, options), mac)
        expect(line.receive(timeout=1) is None, "answered")
        shown = server.status()[mac]
        same("stage", shown["stage"], "held")
        expect("option 82" in shown["hold"]["cause"] and COMMAND in shown["hold"]["cure"], f"{shown['hold']}")
        why = explained(server, mac)
        expect("option 82" in why["last_dhcp"] and not why["options"], f"{why}")
        told = json.loads(server.get(f"http://127.0.0.1:8080/api/phones/{mac}").stdout)
        same("the page's", told["hold"], shown["hold"])
        same("lines in the log", len(lines(server, mac, "DHCP does not answer this phone")), 1)
        reload(server, "answer")
        leased(line, mac, options)


@case("refused: a phone of which nothing can be read, or through an unknown relay, is not absent")
def unread(bench):
    server = bench.server(library(bench), roster()).start()
    kinds = {
        "plain BOOTP": (lambda data: data[:236] + b"\0" * 64, "BOOTP"),
        "no message type": (lambda data: data[:240] + b"\xff" + b"\0" * 59, "option 53"),
        "an address of 20 octets": (lambda data: data[:2] + b"\x14" + data[3:], "20 octets"),
        "cut": (lambda data: data[:100], "100 octets"),
        "an unknown relay": (lambda data: data[:24] + b"\xac\x10\x00\x01" + data[28:], "172.16.0.1"),
    }
    for (what, (bend, word)), (mac, vendor, requests, _) in zip(kinds.items(), people().values(), strict=False):
        host = bench.switch.host("c", mac=fleet.colons(mac))
        with wire.Wire(host) as line:
            data = wire.Message(wire.DISCOVER, mac, wire.client_options(vendor, requests)).encode()
            line.send(bend(data), mac)
            bench.wait_for(lambda: server.status()[mac]["stage"] == "held", 5, lambda: f"{what}: {server.status()[mac]}")
            hold = server.status()[mac]["hold"]
            expect(word in hold["cause"] and hold["cure"], f"{what}: {hold}")
            _, ack = wire.full_lease(line, mac, wire.client_options(vendor, requests))
            same(f"{what}, then as it should be", ack and ack.kind, wire.ACK)
            cause = (server.status()[mac]["hold"] or {}).get("cause", "")
            expect("does not answer" not in cause, f"{what}: {cause}")
        bench.switch.unplug(host)
