"""A phone on Enterprise firmware: reads its configuration when it boots, and at no other time."""

import os
import xml.etree.ElementTree as ET

import fetch
import loads
import registration
from body import Stranded


def run(phone):
    """One life between two boots. Returns when the phone reboots with a new load, or to try a load again."""
    phone.boot()
    again = True
    while again:
        again = configured(phone)


def configured(phone):
    """From reading its configuration to the end of what that leads to. True if it is to be read again at once."""
    servers = phone.lease.addresses(150) or phone.lease.addresses(66)
    if not servers:
        phone.note("no option 150 or 66")
        phone.wait(60)
        return False
    while True:
        new, server = configuration(phone, servers[0])
        if server:
            break
        phone.wait(phone.random.uniform(15, 45))       # nothing usable: the same short list again
    if new is None or new.name.lower() == phone.load.name.lower():
        phone.note("idle, configured")
        extras(phone, servers[0])
        if phone.manager and phone.sip != "never":
            return registration.stay(phone, phone.manager) == "restart"
        while True:
            phone.wait(3600)
    if phone.registers_first and phone.manager and phone.sip != "never":
        registration.stay(phone, phone.manager, seconds=20)
    if not phone.upgrade(new, lambda name: load_file(phone, server, name)):
        phone.note(f"{new.name} did not come")
        phone.wait(30)                                 # it hunts for the load on every boot
    return False


def load_file(phone, server, name):
    outcome, path, _ = get(phone, server, name)
    return outcome, path


def get(phone, server, name):
    """HTTP port 6970 first, TFTP when that fails; older firmware knows TFTP only."""
    if not phone.tftp_only or server == phone.call_manager:
        outcome, path, detail = phone.get(f"http://{server}:6970/{name}")
        # A call manager of the tests speaks no TFTP.
        if outcome == fetch.OK or server == phone.call_manager \
                or (outcome == fetch.MISSING and phone.random.random() < 0.5):
            return outcome, path, detail               # whether a 404 makes it try TFTP too is not known: both
    return phone.get(f"tftp://{server}/{name}")


def configuration(phone, server):
    """Read the boot files. Returns (load or None, server to load from), server None if nothing was usable."""
    phone.manager = None
    for name in (f"CTLSEP{phone.mac}.tlv", f"ITLSEP{phone.mac}.tlv", "ITLFile.tlv"):
        outcome, _, _ = get(phone, server, name)
        if outcome == fetch.OK:
            raise Stranded(f"the server gave out {name}: an unsigned trust list")
    if os.path.exists(phone.trust_list):
        for name in (f"SEP{phone.mac}.cnf.xml.sgn", "XMLDefault.cnf.xml.sgn"):
            outcome, path, _ = get(phone, server, name)
            if outcome == fetch.OK and server == phone.call_manager:
                return device_file(phone, path, server)    # its own call manager signs
            if outcome == fetch.OK:
                raise Stranded(f"the server gave out {name}, which it cannot sign")
        return None, None                              # what is not signed by a known signer does not exist for it
    if not phone.default_only:
        outcome, path, _ = get(phone, server, f"SEP{phone.mac}.cnf.xml")
        if outcome == fetch.OK:
            return device_file(phone, path, server)
        if outcome == fetch.BROKEN:
            return None, None
    outcome, path, _ = get(phone, server, "XMLDefault.cnf.xml")
    if outcome == fetch.OK:
        return default_file(phone, path, server)
    return None, None


def parse(phone, path):
    """A syntax error makes a phone reject the whole file without a word; the test wants to know."""
    try:
        return ET.parse(path).getroot()
    except ET.ParseError as error:
        phone.problem = f"{path.rsplit('/', 1)[-1]} is not XML: {error}"
        phone.save()
        return None


def device_file(phone, path, server):
    root = parse(phone, path)
    if root is None:
        return None, None
    if root.tag != "device":
        raise Stranded(f"the SEP file's root is <{root.tag}>")
    if root.findtext("vendorConfig/peerFirmwareSharing") == "1":
        raise Stranded("peer firmware sharing is on: the load would come from another phone")
    access = root.findtext("vendorConfig/webAccess")
    if access is not None:
        phone.web_access = access.strip() == "0"       # 0 is on
    server = (root.findtext("vendorConfig/loadServer") or "").strip() or server
    phone.manager = registration.manager(root)
    name = (root.findtext("loadInformation") or "").strip()
    return (named(phone, name) if name else None), server


def default_file(phone, path, server):
    root = parse(phone, path)
    if root is None:
        return None, None
    member = root.find("callManagerGroup/members/member/callManager")
    if root.tag != "Default" or member is None or not member.findtext("processNodeName") \
            or not member.findtext("ports/ethernetPhonePort"):
        phone.problem = "XMLDefault.cnf.xml lacks its call manager group"
        phone.save()
        return None, None
    after_group = False
    wanted = None
    for element in root:
        if element.tag == "callManagerGroup":
            after_group = True
        elif element.tag == f"loadInformation{loads.MODEL_ID[phone.model]}" and after_group:
            wanted = (element.text or "").strip() or wanted
    return (named(phone, wanted) if wanted else None), server


def named(phone, name):
    try:
        return loads.Load(name)
    except ValueError as error:
        raise Stranded(str(error)) from error


def extras(phone, server):
    """What an idle phone asks for besides; all of it may be missing, but at once."""
    for name in ("English_United_States/sl-be-sip.jar", "/g3-tones.xml", "AppDialRules.xml",
                 "defaultheadsetconfig.json"):
        get(phone, server, name)
