"""What a phone knows about firmware: load names, `.loads` files, and which loads would ruin it."""

import re

FAMILY = {
    "7811": "sip78xx", "7821": "sip78xx", "7841": "sip78xx", "7861": "sip78xx", "7832": "sip7832",
    "8811": "sip88xx", "8841": "sip88xx", "8851": "sip88xx", "8851NR": "sip88xx", "8861": "sip88xx",
    "8845": "sip8845_65", "8865": "sip8845_65", "8865NR": "sip8845_65",
    "8832": "sip8832", "8832NR": "sip8832",
}

# The number after "loadInformation" that means this model.
MODEL_ID = {
    "7811": 36213, "7821": 621, "7832": 36247, "7841": 622, "7861": 623, "8811": 36217, "8821": 36216,
    "8831": 659, "8832": 36258, "8832NR": 36260, "8841": 683, "8845": 36224, "8851": 684, "8851NR": 36232,
    "8861": 685, "8865": 36225, "8865NR": 36248,
}

# Hardware versions that may run Multiplatform firmware; a model that is absent here has no bound.
VID_RANGE = {"7821": (3, 24), "7841": (4, 99), "7861": (3, 99)}

# Enterprise floors by model: the first firmware that knew the hardware.
ENTERPRISE_FLOOR = {"8811": (10, 2, 2), "8851NR": (10, 3, 1), "8845": (10, 3, 2), "8865": (10, 3, 2),
                    "8865NR": (11, 5, 1)}

AUDIO_88XX = ("8811", "8841", "8851", "8851NR", "8861")

NAME = re.compile(r"^(sip[0-9a-z_]+)\.(?:(TLexE2M|TLexM2E)-)?(\d+)-(\d+)-(\d+)(.*)$", re.IGNORECASE)


class Load:
    """A load by name. `kind` is enterprise, multiplatform, TLexE2M or TLexM2E."""

    def __init__(self, name):
        self.name = name[:-len(".loads")] if name.endswith(".loads") else name
        match = NAME.match(self.name)
        if not match:
            raise ValueError(f"not a load name: {name}")
        self.family = match[1]
        self.version = tuple(int(n) for n in match.group(3, 4, 5))
        if match[2]:
            self.kind = match[2]
        else:
            self.kind = "multiplatform" if re.search("MPP|MSR", match[6]) else "enterprise"

    @property
    def enterprise(self):
        return self.kind == "enterprise"


def refusal(model, vid, present, new):
    """Why taking `new` while running `present` would ruin this phone; None if it would not."""
    if FAMILY.get(model) is None:
        return f"{model} was offered {new.name}: this model never migrates"
    if new.family != FAMILY[model]:
        return f"{model} was offered {new.name}: wrong family"
    lowest, highest = VID_RANGE.get(model, (0, 99))
    if not new.enterprise and not lowest <= vid <= highest:
        return f"{model} V{vid:02} was offered {new.name}: this hardware may not run it"
    if model in AUDIO_88XX and vid >= 15 and not new.enterprise and new.version < (11, 3, 3):
        return f"{model} V{vid:02} was offered {new.name}: below the floor 11.3(3) of this hardware"
    if new.enterprise and new.version < ENTERPRISE_FLOOR.get(model, (0, 0, 0)):
        return f"{model} was offered {new.name}: older than the hardware"
    step = (present.kind, new.kind)
    if step == ("enterprise", "TLexE2M") and present.version < (12, 5, 1):
        return f"{new.name} offered to a phone on {present.name}: below Enterprise 12.5"
    if step == ("enterprise", "multiplatform"):
        if present.version < (14, 1, 0):
            return f"{new.name} offered to a phone on {present.name}: direct crossing below 14.1"
        if new.version < (11, 3, 5):
            return f"{new.name} offered to a phone on {present.name}: direct crossing to below 11.3(5)"
    if step == ("multiplatform", "enterprise") and present.version < (11, 3, 5):
        return f"{new.name} offered to a phone on {present.name}: direct crossing from below 11.3(5)"
    allowed = {
        "enterprise": ("enterprise", "TLexE2M", "multiplatform"),
        "multiplatform": ("multiplatform", "TLexM2E", "enterprise"),
        "TLexE2M": ("multiplatform",),
        "TLexM2E": ("enterprise",),
    }
    if new.kind not in allowed[present.kind]:
        return f"{new.name} offered to a phone on {present.name}: no such step"
    return None


def needs_authorization(present, new):
    """Whether the phone itself asks for a license before it takes this step."""
    return (present.kind, new.kind) in (("TLexE2M", "multiplatform"), ("TLexM2E", "enterprise"),
                                        ("multiplatform", "enterprise"))


def platforms(data):
    """Component names by platform number. The header before the first section is signed binary data."""
    start = data.find(b"[PLATFORM_")
    if start < 0:
        raise ValueError("no [PLATFORM_n] section")
    found, number = {}, None
    for line in data[start:].decode("ascii", "replace").splitlines():
        section = re.match(r"\[PLATFORM_(\d+)\]", line)
        if section:
            number = int(section[1])
            found[number] = []
        else:
            found[number] += re.findall(r"[\w.\-]+\.se?bn", line)
    return found
