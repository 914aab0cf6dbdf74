"""A phone's DHCP, by three real clients that send what a phone of the given kind sends.

Run as a program, it gets one lease: see `main`.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "lease-script")

ENTERPRISE_REQUESTS = [1, 42, 66, 6, 3, 15, 150, 35]
MULTIPLATFORM_REQUESTS = [1, 3, 6, 15, 35, 66, 150, 2, 7, 42, 43, 58, 59, 159, 160]

# The environment names under which each client hands over an option, by option number.
DHCLIENT_NAMES = {1: "subnet_mask", 3: "routers", 6: "domain_name_servers", 42: "ntp_servers",
                  51: "dhcp_lease_time", 54: "dhcp_server_identifier", 66: "tftp_server_name"}
UDHCPC_NAMES = {1: "subnet", 3: "router", 6: "dns", 42: "ntpsrv", 51: "lease", 54: "serverid", 66: "tftp"}


class Lease:
    """A lease as the client's script saw it: address, siaddr, and options by number as text or bytes."""

    def __init__(self, client, values):
        prefix = "" if client == "udhcpc" else "new_"
        names = UDHCPC_NAMES if client == "udhcpc" else DHCLIENT_NAMES
        self.client = client
        self.values = values
        self.address = values.get("ip" if client == "udhcpc" else "new_ip_address")
        self.siaddr = values.get("siaddr" if client == "udhcpc" else "new_next_server") \
            or values.get("new_dhcp_next_server")
        self.options = {n: values[prefix + name] for n, name in names.items() if values.get(prefix + name)}
        for number in (150, 159, 160):
            raw = values.get(f"opt{number}") or values.get(f"new_opt{number}") or values.get(f"new_o{number}")
            if raw:
                self.options[number] = unhex(raw)

    def addresses(self, number):
        """An option of addresses, or of a name (66) as a list."""
        value = self.options.get(number)
        if isinstance(value, bytes):
            return [".".join(map(str, value[i:i + 4])) for i in range(0, len(value), 4)]
        return (value or "").split()


def unhex(text):
    """Bytes from a client's spelling: plain hex, colon-separated hex, or quoted text."""
    if re.fullmatch(r"(?:[0-9a-fA-F]{2})+", text):
        return bytes.fromhex(text)
    if re.fullmatch(r"[0-9a-fA-F]{1,2}(?::[0-9a-fA-F]{1,2})+", text):
        return bytes(int(b, 16) for b in text.split(":"))
    return text.strip('"').encode()


def vendor_class(model, persona, style):
    """Option 60 as bytes; None to send none. `style`: bare, nul, dslforum or none."""
    if style == "none":
        return None
    if persona == "enterprise":
        text = f"Cisco Systems, Inc. IP Phone CP-{model}".encode()
    elif style == "dslforum":
        text = b"dslforum.org"
    else:
        text = f"CP-{model}-3PCC".encode()
    return text + b"\0" if style == "nul" else text


def obtain(client, interface, folder, vendor, requests, hostname=None, broadcast=False, patience=4, tries=5):
    """Get a lease; None if there is none to be had. The client does not stay."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    start = {"udhcpc": udhcpc, "dhclient": dhclient, "dhcpcd": dhcpcd}[client]
    command = start(interface, folder, vendor, requests, hostname, broadcast, patience, tries)
    with open(os.path.join(folder, "log"), "wb") as log:
        process = subprocess.Popen(command, env=dict(os.environ, LEASE_DIR=folder), stdout=log, stderr=log)
    deadline = time.monotonic() + patience * tries + 15
    lease = None
    while lease is None and time.monotonic() < deadline:
        ended = process.poll() is not None
        lease = read(client, folder)
        if ended:
            break
        time.sleep(0.02)
    stop(process)
    return lease


def stop(process):
    """End a client without a release: a phone that loses power says nothing."""
    if process.poll() is None:
        process.send_signal(signal.SIGKILL)
    process.wait()


def read(client, folder):
    """The newest lease that the script noted, or None."""
    found = None
    for what in ("bound", "renew", "BOUND", "RENEW", "REBIND", "REBOOT"):
        path = os.path.join(folder, what)
        if os.path.exists(path) and (found is None or os.path.getmtime(path) > os.path.getmtime(found)):
            found = path
    if found is None:
        return None
    with open(found, "rb") as file:
        pairs = [v.split(b"=", 1) for v in file.read().split(b"\0") if b"=" in v]
    return Lease(client, {k.decode(): v.decode("latin-1") for k, v in pairs})


def events(folder):
    try:
        with open(os.path.join(folder, "events")) as file:
            return file.read().split()
    except FileNotFoundError:
        return []


def udhcpc(interface, folder, vendor, requests, hostname, broadcast, patience, tries, once=True):
    command = ["udhcpc", "-f", "-i", interface, "-s", SCRIPT, "-t", tries, "-T", patience, "-n", "-o"]
    command += ["-q"] if once else []
    # An empty -V sends none; -x carries a trailing NUL that an argument cannot.
    command += ["-V", ""]
    if vendor:
        command += ["-x", f"0x3c:{vendor.hex()}"]
    if hostname:
        command += ["-x", f"hostname:{hostname}"]
    if broadcast:
        command += ["-B"]
    for number in requests:
        command += ["-O", number]
    return [str(c) for c in command]


def dhclient(interface, folder, vendor, requests, hostname, broadcast, patience, tries):
    names = {1: "subnet-mask", 2: "time-offset", 3: "routers", 6: "domain-name-servers", 7: "log-servers",
             15: "domain-name", 35: "arp-cache-timeout", 42: "ntp-servers", 43: "vendor-encapsulated-options",
             58: "dhcp-renewal-time", 59: "dhcp-rebinding-time", 66: "tftp-server-name"}
    lines = [f"option opt{n} code {n} = string;" for n in (150, 159, 160)]
    lines += [f"timeout {patience * tries};", f"retry {patience};", "initial-interval 1;", "backoff-cutoff 2;"]
    if vendor:
        quoted = "".join(chr(b) if 32 <= b < 127 and b not in b'"\\' else f"\\{b:03o}" for b in vendor)
        lines.append(f'send vendor-class-identifier "{quoted}";')
    if hostname:
        lines.append(f'send host-name "{hostname}";')
    if broadcast:
        lines.append("bootp-broadcast-always;")
    asked = [names.get(n, f"opt{n}") for n in requests]
    lines.append(f"request {', '.join(asked)};")
    with open(os.path.join(folder, "conf"), "w") as file:
        file.write("\n".join(lines) + "\n")
    # Lease files live beside the folder, so that a restarted client remembers: that is INIT-REBOOT.
    return ["dhclient", "-4", "-d", "-1", "-e", f"LEASE_DIR={folder}", "-sf", SCRIPT, "-cf", f"{folder}/conf",
            "-lf", f"{folder}.leases", "-pf", f"{folder}/pid", interface]


def dhcpcd(interface, folder, vendor, requests, hostname, broadcast, patience, tries):
    lines = ["ipv4only", "noarp", "noipv4ll", "clientid", "nohook resolv.conf"]
    lines += [f"define {n} binhex o{n}" for n in (150, 159, 160)] + ["define 66 string tftp_server_name"]
    lines.append("nooption")
    names = {1: "subnet_mask", 3: "routers", 6: "domain_name_servers", 42: "ntp_servers", 66: "tftp_server_name"}
    lines += [f"option {names.get(n, f'o{n}')}" for n in requests if n in names or n in (150, 159, 160)]
    if vendor:
        quoted = "".join(chr(b) if 32 <= b < 127 and b not in b'"\\' else f"\\{b:03o}" for b in vendor)
        lines.append(f'vendorclassid "{quoted}"')
    if hostname:
        lines.append(f"hostname {hostname}")
    if broadcast:
        lines.append("broadcast")
    lines += [f"env LEASE_DIR={folder}", f"timeout {patience * tries}"]
    with open(os.path.join(folder, "conf"), "w") as file:
        file.write("\n".join(lines) + "\n")
    # Its run and lease folders are fixed paths: give each phone its own.
    inner = ["dhcpcd", "-B", "-p", "-1", "-f", f"{folder}/conf", "-c", SCRIPT, interface]
    shell = "mount -t tmpfs none /run && mkdir -p /run/dhcpcd && mount -t tmpfs none /var/lib/dhcpcd && exec \"$@\""
    return ["unshare", "-m", "sh", "-c", shell, "sh", *inner]


def main():
    """One lease: the arguments of `obtain` as JSON in, the lease as JSON out; bytes are spelled in hex."""
    arguments = json.loads(sys.argv[1])
    vendor = arguments.pop("vendor")
    lease = obtain(vendor=bytes.fromhex(vendor) if vendor else None, **arguments)
    options = {c: {"hex": v.hex()} if isinstance(v, bytes) else v for c, v in lease.options.items()} if lease else {}
    print(json.dumps(lease and {"address": lease.address, "siaddr": lease.siaddr, "options": options}))


if __name__ == "__main__":
    main()
