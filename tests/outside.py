"""Those outside: a call manager and the vendor's redirection service, on a host of their own on the switch.

As a program, `outside.py FOLDER`, it serves the folder on ports 6970 and 80. As a module it enters in both what
`transload export` writes, as an administrator would.
"""

import csv
import glob
import http.server
import os
import sys
import threading
import xml.etree.ElementTree as ET

ADDRESS = "10.23.45.9"


class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def list_directory(self, _):
        self.send_error(404)


class Outside:
    """Their host. `server` is the appliance whose exports are entered."""

    def __init__(self, bench, server):
        self.server = server
        self.host = bench.switch.host("out", address=f"{ADDRESS}/24")
        self.folder = os.path.join(bench.folder, "outside")
        self.exports = os.path.join(bench.folder, "exports")
        os.makedirs(self.folder)
        self.entered = {}
        self.process = self.host.popen(sys.executable, "-S", os.path.abspath(__file__), self.folder)

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path + ".new", "w") as file:
            file.write(text)
        os.replace(path + ".new", path)

    def export(self, what):
        done = self.server.command("export", what, "--output", self.exports)
        if done.returncode != 0:
            raise AssertionError(f"export {what}: exit {done.returncode}: {done.stderr.decode()}")

    def know(self, phones):
        """The call manager has a configuration for each of its phones, and names no load in it yet."""
        for phone in phones:
            self.configure(phone["mac"], "")

    def configure(self, mac, content):
        for name in (f"SEP{mac}.cnf.xml", f"SEP{mac}.cnf.xml.sgn"):
            self.write(name, f"<device><versionStamp>1</versionStamp>{content}</device>")

    def enter_hop(self, macs):
        """Enter what the table of the first hop says of these phones. Returns those of which it says something new."""
        self.export("call-manager")
        changed = []
        path = os.path.join(self.exports, "call-manager-hop-1.csv")
        if not os.path.exists(path):
            return changed
        with open(path, newline="") as file:
            for row in csv.DictReader(file):
                mac = row["Device Name"].removeprefix("SEP")
                update = f"<loadInformation>{row['Phone Load Name']}</loadInformation>{row['XML']}"
                if mac in macs and self.entered.get(mac) != update:
                    self.entered[mac] = update
                    self.configure(mac, update)
                    changed.append(mac)
        return changed

    def assign(self):
        """Enter the profiles of the redirection service and assign phones to them. It expands macros once."""
        self.export("cda")
        for path in glob.glob(os.path.join(self.exports, "cda-*.xml")):
            with open(path) as file:
                profile = file.read()
            with open(path.removesuffix(".xml") + ".txt") as file:
                for mac in file.read().split():
                    self.write(mac, profile.replace("$MAU", mac).replace("$$", "$"))

    def requests(self, hop, kind):
        """The requests of one hop for the call manager's XML interface, as (operation, elements by name)."""
        self.export("call-manager")
        found = []
        with open(os.path.join(self.exports, f"call-manager-hop-{hop}-{kind}.axl")) as file:
            for line in file:
                body = ET.fromstring(line).find("{http://schemas.xmlsoap.org/soap/envelope/}Body")
                (operation,) = body
                found.append((operation.tag, {e.tag: (e.text or "").strip() for e in operation.iter() if e is not operation}))
        return found


def main(folder):
    os.chdir(folder)
    servers = [http.server.ThreadingHTTPServer(("", port), Handler) for port in (80, 6970)]
    for server in servers[1:]:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    servers[0].serve_forever()


if __name__ == "__main__":
    main(sys.argv[1])
