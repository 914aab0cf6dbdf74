"""An Enterprise phone at its call manager: it registers, says what it runs, and starts again when it is told to."""

import contextlib
import re
import select
import socket
import time

import loads

VENDOR = ".ccm.cisco.com"


class Lost(Exception):
    """The call manager is gone, or says nothing that can be understood."""


class Manager:
    """The call manager of a configuration."""

    def __init__(self, address, port, line):
        self.address = address
        self.port = port
        self.line = line


def manager(root):
    """The call manager that a device file names; None unless everything is there that makes a phone register."""
    def text(path, under=root):
        return (under.findtext(path) or "").strip()
    node = root.find("devicePool/callManagerGroup/members/member/callManager")
    if text("fullConfig") != "true" or text("deviceProtocol") != "SIP" or node is None:
        return None
    if text("sipProfile/sipProxies/registerWithProxy") != "true" or text("transportLayerProtocol") not in "124" \
            or text("deviceSecurityMode") != "1":
        return None
    lines = [line for line in root.findall("sipProfile/sipLines/line")
             if text("featureID", line) == "9" and text("proxy", line) == "USECALLMANAGER" and text("name", line)]
    address, port = text("processNodeName", node), text("ports/sipPort", node)
    return Manager(address, int(port), text("name", lines[0])) if lines and address and port.isdigit() else None


class Message:
    """A SIP message: first line, headers in order, body."""

    def __init__(self, start, headers=(), body=""):
        self.start = start
        self.headers = list(headers)
        self.body = body

    def get(self, name):
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")

    def encode(self):
        lines = [self.start] + [f"{key}: {value}" for key, value in self.headers]
        body = self.body.encode()
        return "\r\n".join(lines + [f"Content-Length: {len(body)}", "", ""]).encode() + body

    @staticmethod
    def take(data):
        """The first message of a stream and what follows it; None while it is not whole."""
        data = data.lstrip(b"\r\n")
        head, end, rest = data.partition(b"\r\n\r\n")
        if not end:
            return None, data
        lines = head.decode().split("\r\n")
        headers = [(key.strip(), value.strip()) for key, _, value in (line.partition(":") for line in lines[1:])]
        message = Message(lines[0], headers)
        if not message.get("Content-Length").isdigit():
            raise Lost(f"no Content-Length: {lines}")
        length = int(message.get("Content-Length"))
        if len(rest) < length:
            return None, data
        message.body = rest[:length].decode()
        return message, rest[length:]


class Line:
    """The way to the call manager, by TCP or UDP."""

    def __init__(self, phone, to):
        self.phone = phone
        self.udp = phone.sip == "udp"
        self.data = b""
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if self.udp else socket.SOCK_STREAM)
        self.socket.settimeout(10)
        own = phone.lease.address
        try:
            # By UDP a phone is called at the port that its Contact names.
            self.socket.bind((own, 5060 if self.udp else 0))
            self.socket.connect((to.address, to.port))
        except OSError as error:
            self.socket.close()
            raise Lost(str(error)) from error
        self.port = self.socket.getsockname()[1]

    def send(self, message):
        try:
            self.socket.sendall(message.encode())
        except OSError as error:
            raise Lost(str(error)) from error

    def receive(self, seconds):
        """The next message within so many seconds of ours; None if none came."""
        deadline = time.monotonic() + seconds
        while True:
            self.phone.check_power()
            message, self.data = Message.take(self.data)
            if message:
                return message
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            ready, _, _ = select.select([self.socket], [], [], min(left, 0.05))
            if ready:
                try:
                    data = self.socket.recv(65536)
                except OSError as error:
                    raise Lost(str(error)) from error
                if not data and not self.udp:
                    raise Lost("the call manager closed the connection")
                self.data = data if self.udp else self.data + data


class Registration:
    """One registration: everything that shares a Call-ID."""

    def __init__(self, phone, to):
        self.phone = phone
        self.manager = to
        self.line = Line(phone, to)
        low = phone.mac.lower()
        self.own = phone.lease.address
        number = phone.random.getrandbits
        self.call_id = f"{low[:8]}-{low[8:]}{number(16):04x}-{number(32):08x}-{number(32):08x}@{self.own}"
        self.tag = f"{low}{number(32):08x}"
        self.user = f"{number(32):08x}-{number(16):04x}-4{number(12):03x}-a{number(12):03x}-{number(48):012x}"
        self.sequence = 100
        self.waiting = []

    def close(self):
        self.line.socket.close()

    def request(self, method, extra, body=""):
        self.sequence += 1
        transport = "udp" if self.line.udp else "tcp"
        server, at = self.manager.address, f"{self.own}:{self.line.port}"
        name = self.phone.claims or f"SEP{self.phone.mac}"
        contact = (f"<sip:{self.user}@{at};transport={transport}>"
                   f";+sip.instance=\"<urn:uuid:00000000-0000-0000-0000-{self.phone.mac.lower()}>\""
                   f";+u.sip!devicename{VENDOR}=\"{name}\""
                   f";+u.sip!model{VENDOR}=\"{loads.MODEL_ID[self.phone.model]}\"")
        headers = [
            ("Via", f"SIP/2.0/{transport.upper()} {at};branch=z9hG4bK{self.phone.random.getrandbits(32):08x}"),
            ("From", f"<sip:{self.manager.line}@{server}>;tag={self.tag}"),
            ("To", f"<sip:{self.manager.line}@{server}>"),
            ("Call-ID", self.call_id), ("Max-Forwards", "70"), ("CSeq", f"{self.sequence} {method}"),
            ("User-Agent", f"Cisco-CP{self.phone.model}/{'.'.join(map(str, self.phone.load.version))}"),
            ("Contact", contact)]
        return Message(f"{method} sip:{server} SIP/2.0", headers + extra, body)

    def exchange(self, request):
        """Send a request and wait for its final answer; what comes in between is kept."""
        again = 0.5
        for _ in range(6):
            self.line.send(request)
            deadline = time.monotonic() + (again if self.line.udp else 15)
            again = min(2 * again, 4)
            while time.monotonic() < deadline:
                message = self.line.receive(deadline - time.monotonic())
                if message is None:
                    break
                if not message.start.startswith("SIP/2.0 "):
                    self.waiting.append(message)
                elif message.get("CSeq") == request.get("CSeq") and message.get("Call-ID") == request.get("Call-ID"):
                    branch = request.get("Via").rpartition("branch=")[2]
                    if f"branch={branch}" not in message.get("Via"):
                        raise Lost(f"an answer to another branch: {message.get('Via')}")
                    if not message.start.startswith("SIP/2.0 1"):
                        return message
            if not self.line.udp:
                break
        raise Lost("no answer")

    def register(self, expires=3600):
        """Returns the seconds until the registration ends."""
        phone = self.phone
        name = phone.claims or f"SEP{phone.mac}"
        loaded = f"ActiveLoad={phone.load.name}.loads InactiveLoad={phone.inactive}.loads"
        if phone.old_alarm:
            loaded = f"Load={phone.load.name}"
        alarm = f"SIP;cause=200;text=\"cisco-alarm:23 Name={name} {loaded} Last={phone.last_reason}\""
        extra = [("Supported", "replaces,join,sdp-anat,norefersub,resource-priority,extended-refer,X-cisco-callinfo,"
                               "X-cisco-serviceuri,X-cisco-escapecodes,X-cisco-service-control,X-cisco-srtp-fallback,"
                               "X-cisco-monrec,X-cisco-config,X-cisco-sis-7.0.0,X-cisco-xsi-8.5.1"),
                 ("Reason", alarm), ("Expires", str(expires))]
        body = ""
        asks = expires and self.sequence == 100 and not phone.old_alarm
        if asks:
            parts = ["<bulkregisterreq><contact all=\"true\"/></bulkregisterreq>", "<optionsind><combine max=\"6\">"
                     "<remotecc><status/></remotecc><service-control/></combine></optionsind>"]
            body = "".join(
                "--uniqueBoundary\r\nContent-Type: application/x-cisco-remotecc-request+xml\r\n"
                "Content-Disposition: session;handling=optional\r\n\r\n<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                f"<x-cisco-remotecc-request>{part}</x-cisco-remotecc-request>\r\n" for part in parts)
            body += "--uniqueBoundary--\r\n"
            extra += [("Mime-Version", "1.0"), ("Content-Type", "multipart/mixed;boundary=uniqueBoundary")]
        answer = self.exchange(self.request("REGISTER", extra, body))
        if not answer.start.startswith("SIP/2.0 200"):
            raise Lost(answer.start)
        if not expires:
            return 0
        if f"-{phone.mac.lower()}>" not in answer.get("Contact") or not answer.get("Expires").isdigit():
            raise Lost(f"not the registration that was asked for: {answer.headers}")
        if asks and ("x-cisco-newreg" not in answer.get("Contact")
                     or answer.get("Content-Type") != "application/x-cisco-remotecc-response+xml"
                     or "<code>200</code>" not in answer.body or "<service-control/>" not in answer.body):
            raise Lost(f"the call manager does not control services: {answer.body!r}")
        return int(answer.get("Expires"))

    def refer(self):
        extra = [("Refer-To", f"cid:{self.sequence}@{self.own}"), ("Content-Id", f"<{self.sequence}@{self.own}>"),
                 ("Content-Type", "application/x-cisco-alarm+xml")]
        answer = self.exchange(self.request("REFER", extra, "<x-cisco-alarm/>"))
        if not answer.start.startswith("SIP/2.0 202"):
            raise Lost(f"REFER: {answer.start}")

    def heard(self, message):
        """Answer a request; returns "restart" or "reset" if it was told to."""
        method = message.start.partition(" ")[0]
        code, action = "405 Method Not Allowed", None
        if method == "OPTIONS":
            # As an INVITE would be answered: another user than that of its own Contact is not here.
            code = "200 OK" if f"sip:{self.user}@" in message.start else "404 Not Found"
        if method == "NOTIFY" and message.get("Event") == "service-control" \
                and message.get("Subscription-State").startswith("active"):
            told = dict(line.partition("=")[::2] for line in message.body.split("\r\n") if "=" in line)
            stamps = [told.get(f"{what}VersionStamp", "") for what in ("Config", "Dialplan", "Softkey")]
            sound = all(re.fullmatch(r"\{[0-9a-fA-F-]+\}", stamp) for stamp in stamps)
            known = told.get("RegisterCallId") == f"{{{self.call_id}}}"
            code = "400 Bad Request"
            if sound and known and not self.phone.refuses and told.get("action") in ("restart", "reset"):
                code, action = "200 OK", told["action"]
        headers = [(key, message.get(key)) for key in ("Via", "From", "To", "Call-ID", "CSeq")]
        self.phone.note(f"{method} {message.get('Event')}: {code}")
        self.line.send(Message(f"SIP/2.0 {code}", headers))
        return action

    def attend(self, expires):
        """Stay registered until told otherwise."""
        while True:
            deadline = time.monotonic() + 0.8 * expires / self.phone.factor
            while time.monotonic() < deadline:
                message = self.waiting.pop(0) if self.waiting \
                    else self.line.receive(max(0.05, deadline - time.monotonic()))
                if message is not None and not message.start.startswith("SIP/2.0 "):
                    action = self.heard(message)
                    if action:
                        return action
            expires = self.register()


def stay(phone, to, seconds=None):
    """Be registered, whatever it takes, until told to restart or reset; or only for so many of the phone's seconds."""
    end = None if seconds is None else time.monotonic() + seconds / phone.factor
    while end is None or time.monotonic() < end:
        registration = None
        try:
            registration = Registration(phone, to)
            expires = registration.register()
            phone.note(f"registered at {to.address}")
            registration.refer()
            if end is not None:
                while time.monotonic() < end:
                    phone.wait(1)
                return None
            action = registration.attend(expires)
            phone.last_reason = "reset-restart"
            if action == "restart":
                with contextlib.suppress(Lost):
                    registration.register(expires=0)
            return action
        except Lost as lost:
            phone.note(f"not registered: {lost}")
            phone.last_reason = "cm-closed-tcp"
            phone.wait(phone.random.uniform(5, 15))
        finally:
            if registration:
                registration.close()
    return None
