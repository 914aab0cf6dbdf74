"""A very small provisioning server with fixed answers: it exists to see whether the test phone itself behaves."""

import http.server
import socket
import threading

import wire
from server import ADDRESS, NETWORK


class FakeServer:
    """DHCP by class and HTTP on 6970 and 80 from a dictionary: path -> bytes, or a function of the MAC.

    TFTP answers everything with "File not found"."""

    def __init__(self, host, files):
        self.host = host
        self.files = files
        self.leases = {}
        self.asked = []
        self.running = True
        self.wire = wire.Wire(host, port=67)
        self.servers = [self._http(port) for port in (80, 6970)]
        self.tftp = wire.socket_in(host.namespace, socket.AF_INET, socket.SOCK_DGRAM)
        self.tftp.bind((ADDRESS, 69))
        self.threads = [threading.Thread(target=self._dhcp, daemon=True),
                        threading.Thread(target=self._refuse_tftp, daemon=True)]
        self.threads += [threading.Thread(target=s.serve_forever, daemon=True) for s in self.servers]
        for thread in self.threads:
            thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.running = False
        for server in self.servers:
            server.shutdown()
            server.server_close()
        for thread in self.threads:
            thread.join(2)
        self.wire.socket.close()
        self.tftp.close()

    def _http(self, port):
        fake = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                name = self.path.lstrip("/")
                fake.asked.append(name)
                content = fake.files.get(name)
                if callable(content):
                    content = content(fake.leases.get(self.client_address[0]))
                self.send_response(200 if content is not None else 404)
                self.send_header("Content-Length", str(len(content or b"")))
                self.end_headers()
                self.wfile.write(content or b"")

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer((ADDRESS, port), Handler, bind_and_activate=False)
        server.socket.close()
        server.socket = wire.socket_in(self.host.namespace, socket.AF_INET, socket.SOCK_STREAM)
        server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.socket.bind((ADDRESS, port))
        server.socket.listen(64)
        return server

    def _refuse_tftp(self):
        self.tftp.settimeout(0.5)
        while self.running:
            try:
                _, peer = self.tftp.recvfrom(2048)
                self.tftp.sendto(b"\0\x05\0\x01File not found\0", peer)
            except TimeoutError:
                pass

    def _dhcp(self):
        while self.running:
            message = self.wire.receive(timeout=0.5)
            if message and message.op == 1 and message.kind in (wire.DISCOVER, wire.REQUEST):
                self._answer(message)

    def _answer(self, message):
        mac = message.chaddr.hex().upper()
        known = [a for a, m in self.leases.items() if m == mac]
        address = known[0] if known else f"{NETWORK}.{100 + len(self.leases)}"
        self.leases[address] = mac
        server = socket.inet_aton(ADDRESS)
        options = [(54, server), (51, b"\0\0\x0e\x10"), (1, b"\xff\xff\xff\0")]
        if b"3PCC" in (message.get(60) or b""):
            options.append((160, f"http://{ADDRESS}/".encode()))
        else:
            options += [(66, ADDRESS.encode()), (150, server)]
        kind = wire.OFFER if message.kind == wire.DISCOVER else wire.ACK
        answer = wire.Message(kind, mac, options, op=2, xid=message.xid, flags=message.flags, yiaddr=address,
                              siaddr=ADDRESS)
        interface = open_mac(self.host)
        self.wire.send(answer, interface, source=ADDRESS, ports=(67, 68))


def open_mac(host):
    return host.ip("-br", "link", "show", host.interface).split()[2]
