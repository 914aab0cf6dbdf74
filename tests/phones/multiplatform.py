"""A phone on Multiplatform or transition firmware: provisions by profile, again and again."""

import xml.etree.ElementTree as ET

import fetch
import loads
import rules
from body import Stranded

OPTION_ORDER = (66, 160, 159, 150)
ERROR_RETRY = [60, 120, 240, 480, 960, 1920, 3840, 7680, 15360, 30720, 61440, 86400]


def run(phone):
    """One life between two boots: resync until an upgrade reboots the phone."""
    phone.boot()
    phone.profile_url = None
    failures = 0
    authorize_after = 0.0                              # phone seconds until the next try for the license
    while True:
        phone.wait(phone.random.uniform(0, number(phone, "Resync_Random_Delay", 2) * 20))
        if not provision(phone):
            delays = [int(d) for d in phone.settings.get("Resync_Error_Retry_Delay", "").split(",") if d.strip()]
            delays = delays or ERROR_RETRY
            pause = delays[min(failures, len(delays) - 1)]
            failures += 1
        else:
            failures = 0
            pause = number(phone, "Resync_Periodic", 3600)
            if authorize_after <= 0:
                authorize_after = authorize(phone)
            if upgrade(phone):
                return
        authorize_after -= pause
        phone.wait(max(pause, 1))


def number(phone, name, default):
    try:
        return int(phone.settings.get(name, default))
    except ValueError:
        return default


def macros(phone):
    mac = phone.mac.lower()
    return {"MA": mac, "MAU": phone.mac, "MAC": ":".join(mac[i:i + 2] for i in range(0, 12, 2)),
            "PN": f"CP-{phone.product}-3PCC", "PSN": f"{phone.product}-3PCC", "SWVER": phone.load.name,
            "HWVER": "1.88.1", "SN": "FCH00000000", "PRVST": "0", "UPGST": "1"}


def candidates(phone):
    """The profile's URLs in the order tried, from the first DHCP option of use."""
    rule = phone.settings.get("Profile_Rule", "/$PSN.xml")
    if not rule.startswith("/"):
        return [rules.expand(rule, macros(phone))]     # an absolute rule: DHCP is out of the game
    tails = ["$PSN.xml", "Cisco/$PN/$MA.cfg"]
    for option in OPTION_ORDER:
        if option not in phone.lease.options:
            continue
        value = phone.lease.options[option]
        text = value.decode("latin-1") if isinstance(value, bytes) else value
        if option == 150 and any(not 32 <= ord(c) < 127 for c in text):
            parts = phone.lease.addresses(150)         # packed addresses; otherwise text of URLs or addresses
        else:
            parts = text.rstrip("\0").split(";")
        urls = []
        for part in filter(None, (p.strip() for p in parts)):
            if "://" in part:
                base = part.rstrip("/")
                if base.endswith(".xml") or base.endswith(".cfg"):
                    urls.append(part)
                else:
                    urls += [base + "/"] + [f"{base}/{t}" for t in tails]
            else:
                urls += [f"{scheme}://{part}/{t}" for scheme in ("tftp", "http") for t in tails]
        return [rules.expand(u, macros(phone)) for u in urls]
    return []


def provision(phone):
    """Fetch and take in a profile. False if there was none."""
    known = [phone.profile_url] if phone.profile_url else []
    urls = known or candidates(phone)
    if not known and phone.profile_walk != "first":     # firmware that skips the URL itself, or knows the last tail only
        tail = ".cfg" if phone.profile_walk == "cfg" else ("xml", "cfg")
        urls = [u for u in urls if u.endswith(tail)] or urls
    if not urls:
        return redirected(phone)
    for url in urls:
        outcome, path, detail = phone.get(url)
        if outcome != fetch.OK:
            continue
        if "html" in detail.lower():
            phone.problem = f"{url} is HTML"
            phone.save()
            continue
        if take(phone, path, url):
            phone.profile_url = url
            return True
    phone.profile_url = None
    return False


def redirected(phone):
    """Without a server in the lease a phone asks the vendor's redirection service, until it has a profile from there."""
    if phone.redirected:
        return True
    if not phone.cda:
        phone.note("no provisioning server in the lease")
        return False
    url = f"{phone.cda}/{phone.mac}"
    outcome, path, _ = phone.get(url)
    phone.redirected = outcome == fetch.OK and take(phone, path, url)
    return phone.redirected


def take(phone, path, url):
    """Read `<flat-profile>`: unknown names ignored, the last duplicate wins."""
    try:
        root = ET.parse(path).getroot()
    except ET.ParseError as error:
        phone.problem = f"{url} is not XML: {error}"
        phone.save()
        return False
    profile = root if root.tag == "flat-profile" else root.find("flat-profile")
    if profile is None:
        phone.problem = f"{url} has no flat-profile"
        phone.save()
        return False
    found = {e.tag: " ".join((e.text or "").split()) for e in profile}
    if found.get("Trans_Auth_Rule") and found.get("Trans_Auth_Type") != "Classic":
        raise Stranded("Trans_Auth_Rule without Trans_Auth_Type Classic: the license would not be taken")
    # A rule that a newer profile leaves out is no longer in force here: the test wants documents that say all.
    for name in ("Upgrade_Rule", "Trans_Auth_Rule", "Trans_Auth_Type"):
        phone.settings.pop(name, None)
    phone.settings.update(found)
    phone.save()
    return True


def authorize(phone):
    """Fetch the license if the profile names one. Returns phone seconds until it may be tried again."""
    rule = phone.settings.get("Trans_Auth_Rule")
    if not rule or phone.authorized:
        return 0.0
    url = rules.choose(rule, macros(phone))
    outcome, path, _ = phone.get(url)
    if outcome == fetch.OK:
        with open(path, "rb") as file:
            text = file.read().decode("ascii", "replace")
        if not {f"mac={phone.mac}", f"direction={phone.direction}"} <= set(text.split()):
            raise Stranded(f"{url} is not this phone's license: {text.split()[-2:]}")
        phone.authorized = True
        phone.note("Authorization Succeeded.")
        return 0.0
    if outcome == fetch.MISSING and (phone.load.kind in ("TLexE2M", "TLexM2E") or phone.direction == "e2m"):
        raise Stranded(f"no license at the crossing: {url}")
    return float(number(phone, "Transition_Authorization_Error_Retry_Delay", 1800))


def upgrade(phone):
    """Follow Upgrade_Rule. True if the phone now runs another load."""
    rule = phone.settings.get("Upgrade_Rule")
    if not rule or phone.settings.get("Upgrade_Enable", "Yes") == "No":
        return False
    try:
        url = rules.choose(rule, macros(phone))
    except rules.RuleError as error:
        phone.problem = f"Upgrade_Rule: {error}"
        phone.save()
        return False
    if not url:
        return False
    scheme, separator, rest = url.partition("://")
    host, _, path = rest.partition("/")
    if not separator or not host:
        phone.problem = f"Upgrade_Rule without a server: {url}"
        phone.save()
        return False
    folder, _, file_name = path.rpartition("/")
    try:
        new = loads.Load(file_name)
    except ValueError as error:
        raise Stranded(str(error)) from error
    if new.name.lower() == phone.load.name.lower() or url == phone.failed_upgrade:
        return False
    if loads.needs_authorization(phone.load, new) and not phone.authorized:
        phone.note(f"{new.name} waits for the license")
        return False
    prefix = f"{scheme}://{host}/" + (f"{folder}/" if folder else "")

    def locate(name):
        outcome, where, _ = phone.get(prefix + name)
        return outcome, where
    if phone.upgrade(new, locate):
        return True
    phone.failed_upgrade = url                         # not tried again until the URL is another
    phone.note(f"upgrade failed: {url}")
    return False
