"""The phone's own web server: one small page, where it is switched on."""

import http.server
import socketserver
import threading


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    allow_reuse_address = True


def start(phone):
    """Listen on port 80 of the phone's network for as long as the phone's process runs."""
    class Handler(http.server.BaseHTTPRequestHandler):
        timeout = 5

        def do_GET(self):
            body = page(phone, self.path) if is_open(phone) else None
            phone.page_asked.append([self.path, body is not None, phone.flashing])
            if not is_open(phone):                     # a phone with web access off does not listen at all
                self.close_connection = True
                return
            self.send_response(200 if body else 404)
            data = (body or "<html><title>Not Found</title></html>").encode()
            self.send_header("Content-Type", "text/xml" if body else "text/html")
            if phone.load.enterprise:
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()                         # without a length, the end of the connection is the end
            self.wfile.write(data)

        def log_message(self, *_):
            pass
    threading.Thread(target=Server(("", 80), Handler).serve_forever, daemon=True).start()


def is_open(phone):
    return phone.page != "off" and phone.web_access and not phone.flashing


def page(phone, path):
    serial = f"FCH{phone.mac[-8:]}"
    description = f"Cisco IP Phone {phone.model}, Global"
    # The revision of the board is another count than the VID.
    if phone.load.enterprise and path == "/DeviceInformationX":
        udi = "" if phone.page == "no-udi" else \
            f"<udi>phone\n{description}\nCP-{phone.model}\nV{phone.vid:02}\n{serial}</udi>"
        version = phone.load.name.replace("-", "&#x2D;") if phone.page == "escaped" else phone.load.name
        return ('<?xml version="1.0" encoding="UTF-8"?>\n<?xml-stylesheet type="text/xsl" href="/Device.xsl"?>\n'
                f"<DeviceInformation><MACAddress>{phone.mac}</MACAddress><HostName>SEP{phone.mac}</HostName>"
                f"<phoneDN></phoneDN><appLoadID>rootfs{version[3:]}</appLoadID><versionID>{version}</versionID>"
                f"<hardwareRevision>V{phone.vid + 1:02}</hardwareRevision><serialNumber>{serial}</serialNumber>"
                f"<modelNumber>CP-{phone.model}</modelNumber>{udi}<timezone>Europe/Berlin</timezone></DeviceInformation>")
    if not phone.load.enterprise and path == ("/admin/status.xml" if phone.page == "escaped" else "/status.xml"):
        return (f"<status><Product_Name>CP-{phone.product}-3PCC</Product_Name><Serial_Number>{serial}</Serial_Number>"
                f"<Software_Version>{phone.load.name}</Software_Version><Hardware_Version>1.88.1</Hardware_Version>"
                f"<MAC_Address>{phone.mac}</MAC_Address><Reboot_Reason_1>Upgrade</Reboot_Reason_1></status>")
    return None
