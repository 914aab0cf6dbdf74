"""The registrar under what nobody should send it: load by sipp, and messages that were changed at random."""

import contextlib
import os
import random
import socket

import fleet
from cases import case, expect, same
from cases.migration import explain
from cases.registrar import library, registering
from lookalike import ENTERPRISE_12, MPP_11
from server import ADDRESS, NETWORK

SIPP = """<?xml version="1.0" encoding="ISO-8859-1"?>
<scenario name="register">
  <send retrans="500"><![CDATA[
REGISTER sip:[remote_ip] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:C4B9CD000001@[remote_ip]>;tag=[call_number]
To: <sip:C4B9CD000001@[remote_ip]>
Call-ID: [call_id]
CSeq: 101 REGISTER
Contact: <sip:x@[local_ip]:[local_port];transport=[transport]>;+u.sip!devicename.ccm.cisco.com="SEPC4B9CD000001"
Reason: SIP;cause=200;text="cisco-alarm:23 Name=SEPC4B9CD000001 ActiveLoad=sip88xx.12-5-1SR1-4.loads Last=initialized"
Max-Forwards: 70
Expires: 3600
Content-Length: 0

]]></send>
  <recv response="403" timeout="4000"/>
  <send retrans="500"><![CDATA[
OPTIONS sip:[remote_ip] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:x@[remote_ip]>;tag=[call_number]
To: <sip:x@[remote_ip]>
Call-ID: [call_id]
CSeq: 102 OPTIONS
Max-Forwards: 70
Content-Length: 0

]]></send>
  <recv response="403" timeout="4000"/>
</scenario>
"""


def message(method, address, port, sequence, transport):
    """What a phone might send, to be spoiled."""
    body = "--u\r\nContent-Type: application/x-cisco-remotecc-request+xml\r\n\r\n<x/>\r\n--u--\r\n"
    return (f"{method} sip:{ADDRESS} SIP/2.0\r\nVia: SIP/2.0/{transport} {address}:{port};branch=z9hG4bK{sequence};rport\r\n"
            f"From: <sip:a@{ADDRESS}>;tag=1\r\nTo: <sip:a@{ADDRESS}>\r\nCall-ID: {sequence}@{address}\r\n"
            f"CSeq: {sequence} {method}\r\nContact: <sip:a@{address}:{port}>;+sip.instance=\"<urn:uuid:0-0-0-0-020000000001>\""
            ";+u.sip!devicename.ccm.cisco.com=\"SEP020000000001\";+u.sip!model.ccm.cisco.com=\"684\"\r\n"
            "Reason: SIP;cause=200;text=\"cisco-alarm:23 Name=SEP020000000001 ActiveLoad=sip88xx.12-5-1SR1-4.loads\"\r\n"
            f"Expires: 120\r\nContent-Type: multipart/mixed;boundary=u\r\nContent-Length: {len(body)}\r\n\r\n{body}").encode()


def spoiled(rng, data):
    """The same with a few changes: bytes lost, doubled, replaced, or lines swapped."""
    data = bytearray(data)
    for _ in range(rng.randrange(4)):
        at = rng.randrange(max(1, len(data)))
        what = rng.randrange(5)
        if what == 0:
            data[at:at + rng.randrange(1, 40)] = b""
        elif what == 1:
            data[at:at] = data[at:at + rng.randrange(1, 200)] * rng.randrange(1, 4)
        elif what == 2:
            data[at:at + 1] = bytes([rng.randrange(256)])
        elif what == 3:
            data[at:at] = rng.choice([b"\r\n", b"\0", b"\"", b"<", b";", b"99999999999", b"\xff\xfe", b"\r\n\r\n"])
        else:
            lines = bytes(data).split(b"\r\n")
            rng.shuffle(lines)
            data = bytearray(b"\r\n".join(lines))
    return bytes(data)


def fuzz(address, seed, rounds):
    """Runs inside a namespace, as this file's main program."""
    rng = random.Random(seed)
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind((address, 0))
    udp.setblocking(False)
    sent = 0
    methods = ["REGISTER", "REFER", "SUBSCRIBE", "OPTIONS", "INVITE", "ACK", "NOTIFY", "BYE", "SIP/2.0", "X"]
    for number in range(rounds):
        method = rng.choice(methods)
        port = udp.getsockname()[1]
        udp.sendto(spoiled(rng, message(method, address, port, number, "UDP"))[:9000], (ADDRESS, 5060))
        sent += 1
        if number % 5:
            continue
        try:
            with socket.create_connection((ADDRESS, 5060), 2, (address, 0)) as tcp:
                tcp.settimeout(0.02)
                for step in range(rng.randrange(1, 6)):
                    data = spoiled(rng, message(method, address, tcp.getsockname()[1], number + step, "TCP"))
                    tcp.sendall(data[:rng.randrange(len(data) + 1)] if rng.random() < 0.3 else data)
                    sent += 1
                    with contextlib.suppress(TimeoutError):
                        tcp.recv(4096)
        except (OSError, TimeoutError):
            pass                                       # closed in the middle: that is how it refuses
    print(sent)


def memory(server):
    with open(f"/proc/{server.pid()}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))


@case("registrar: sipp and a fuzzer at its door: no panic, bounded memory, and phones go on undisturbed",
      tools=("sipp",))
def flood(bench):
    firmware = library(bench)
    phones = registering(5, ENTERPRISE_12, number=0x980)
    server = bench.server(firmware, phones).start()
    attacker = bench.switch.host("attack", mac="02:00:00:00:00:01", address=f"{NETWORK}.20/24")
    caller = bench.switch.host("sipp", mac="02:00:00:00:00:02", address=f"{NETWORK}.21/24")
    scenario = os.path.join(bench.folder, "register.xml")
    with open(scenario, "w") as file:
        file.write(SIPP)
    before = memory(server)
    rounds = 20000 if bench.long else 3000
    attacks = [attacker.popen("python3", "-S", __file__, f"{NETWORK}.20", bench.seed + n, rounds,
                              stdout=-1, env=dict(os.environ, PYTHONPATH=os.path.dirname(os.path.dirname(__file__))))
               for n in range(2)]
    calls = 0
    with bench.fleet(phones, firmware) as phones_on:
        phones_on.power_on()
        for transport in ("u1", "t1"):
            # Within what one address may say, all is answered; far beyond it, only not all.
            for rate, of, all_answered in ((5, 60, True), (2000, 6000, False)):
                # A flooded sipp may hang past its own limit, on a connection that was closed to it.
                seconds = 20 if all_answered else 6
                done = caller.run(
                    "timeout", "-s", "KILL", seconds + 20,
                    "sipp", "-sf", scenario, "-t", transport, "-r", rate, "-m", of, "-i", f"{NETWORK}.21", "-nostdin",
                    "-timeout", seconds, "-timeout_error", "-max_retrans", "2", f"{ADDRESS}:5060", cwd=bench.folder)
                calls += of
                if all_answered:
                    expect(done.returncode == 0, f"sipp {transport}, exit {done.returncode}: {done.stdout[-1500:].decode()}")
        missing = phones_on.wait(fleet.on_target(fleet.targets(MPP_11)), 120)
        explain(bench, server, phones_on, missing)
    for attack in attacks:
        output, _ = attack.communicate(timeout=180)
        same("the fuzzer's end", attack.returncode, 0)
        expect(int(output) > rounds, f"it sent {output}")
    after = memory(server)
    print(f"      registrar: {calls} calls by sipp, memory {before} to {after} KiB", flush=True)
    expect(after - before < 64 * 1024, f"memory grew from {before} to {after} KiB")
    same("panics", server.panics(), [])
    same("the attacker", server.status().get("020000000001"), None)


if __name__ == "__main__":
    import sys
    fuzz(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
