"""Look-alike firmware and licenses: the shapes of the vendor's files, none of their content.

A load is a `.loads` file (a header in tag-length-value form, then an INI with one section per hardware platform) and
its components. Boot components have versions of their own, so one file serves several loads; the same name always
means the same bytes. Nothing here knows how the server reads such files.
"""

import hashlib
import io
import json
import os
import random
import struct
import tarfile
import zipfile

FAMILIES = ("sip78xx", "sip7832", "sip88xx", "sip8845_65", "sip8832")

# Components by platform; {} is the load's own version, anything else is fixed and shared between loads.
PARTS = {
    "sip78xx": {1: ["kern78xx.{}", "rootfs78xx.{}", "sboot78xx.{}"],
                2: ["kern2.78xx.{}", "rootfs2.78xx.{}", "sboot2.78xx.{}"]},
    "sip7832": {1: ["kern7832.{}", "rootfs7832.{}", "sb27832.BE-01-007"]},
    "sip88xx": {1: ["fbi88xx.BE-01-010", "kern88xx.{}", "rootfs88xx.{}", "sb288xx.BE-01-020", "vc488xx.{}"],
                2: ["m0patch288xx.BE-01-001P", "ssb288xx.BE-01-004", "sb2288xx.BE-01-015", "kern288xx.{}",
                    "rootfs288xx.{}"],
                3: ["preloader88xx.BE-01-008P", "sb2388xx.BE-01-012", "kern388xx.{}", "rootfs388xx.{}"]},
    "sip8845_65": {1: ["fbi8845_65.BEV-01-006P", "kern8845_65.{}", "rootfs8845_65.{}", "sb28845_65.BEV-01-020P",
                       "vc48845_65.{}"]},
    "sip8832": {1: ["key8832.{}", "kern8832.{}", "rootfs8832.{}"],
                2: ["key28832.{}", "trustzone28832.BE-01-003", "oemloader28832.BE-01-002", "rootfs28832.{}"]},
}

ENTERPRISE_12 = "12-5-1SR1-4"
ENTERPRISE_14 = "14-4-1-0301-6"
E2M = "TLexE2M-11-2-3C-4"
M2E = "TLexM2E-11-2-3C-4"
MPP_11 = "11-2-3MPP-398"
MPP_12 = "12-0-7MPP0201-66"


def tag(number, value):
    return struct.pack(">BH", number, len(value)) + value


def header(name, rng):
    """The signed header: tag 2 holds the length of the whole header, tag 13 is a single byte of padding."""
    def fields(total):
        return b"".join([
            tag(1, b"\x01\x00"), tag(2, struct.pack(">H", total)), tag(3, b""),
            tag(4, b"CN=Look-alike signer\0"), tag(5, signature[:16]), tag(6, b"CN=Look-alike issuer\0"),
            tag(7, b""), tag(8, b"\x03"), tag(9, b"\x01"), tag(10, b"\x01"), tag(11, b"\x01"),
            tag(12, signature), b"\x0d", tag(14, name.encode() + b"\0"), tag(15, struct.pack(">I", 1556668800))])
    signature = rng.randbytes(256)
    return fields(len(fields(0)))


def body(name, size, rng):
    """A component with the beginning that its kind has on disk, as far as that is known."""
    content = rng.randbytes(size)
    if "78xx" in name:
        head = bytearray(content[:0x154])
        head[0:4] = bytes.fromhex("cd3412ab")
        head[4:8] = struct.pack("<I", 0x154)
        head[12:16] = struct.pack("<I", size - 0x154)
        head[0x38:0x38 + len(name) + 1] = name.encode() + b"\0"
        return bytes(head) + content[0x154:]
    if name.startswith("rootfs") and ("88xx" in name or "8845_65" in name) and not name.startswith("rootfs3"):
        superblock = bytearray(content[:96])
        superblock[0:4] = b"hsqs"
        superblock[40:48] = struct.pack("<Q", size)
        return bytes(superblock) + content[96:]
    if name.startswith("rootfs"):
        return b"UBI#\x01" + content[5:]
    return content


class Firmware:
    """A folder of look-alike loads and the manifest of what they are made of."""

    def __init__(self, folder, sizes=None):
        self.folder = folder
        self.sizes = sizes or {}
        self.manifest = {}
        os.makedirs(folder, exist_ok=True)

    def component(self, name):
        if name not in self.manifest:
            rng = random.Random(f"component {name}")
            size = self.sizes.get(name) or 90_000 + rng.randrange(160_000)
            self._write(name, body(name, size, rng))
        return name

    def load(self, family, version):
        """Write one load; returns its name."""
        name = f"{family}.{version}"
        rng = random.Random(f"load {name}")
        newline = rng.choice(["\n", "\r\n"])
        lines = ["hwcompat 0x0000003F", "swcompat 0x00000004", ""]
        for number, parts in PARTS[family].items():
            lines.append(f"[PLATFORM_{number}]")
            for part in parts:
                lines.append(self.component(part.format(version) + ".sbn"))
            lines.append("")
        self._write(f"{name}.loads", header(f"{name}.loads", rng) + newline.join(lines).encode())
        return name

    def _write(self, name, content):
        with open(os.path.join(self.folder, name), "wb") as file:
            file.write(content)
        self.manifest[name] = [len(content), hashlib.sha256(content).hexdigest()]

    def files(self, load):
        """The files of one load's package, by name."""
        family, version = load.split(".", 1)
        parts = [part.format(version) + ".sbn" for parts in PARTS[family].values() for part in parts]
        return {name: open(os.path.join(self.folder, name), "rb").read() for name in [f"{load}.loads", *parts]}

    def save_manifest(self, path):
        with open(path, "w") as file:
            json.dump(self.manifest, file)


def license_text(mac, direction):
    return f"Look-alike migration license\nmac={mac}\ndirection={direction}\n"


def write_license(state, mac, direction):
    folder = os.path.join(state, "licenses", direction)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, f"{mac}.lic"), "w") as file:
        file.write(license_text(mac, direction))


def write_roster(path, phones):
    """The roster in a spelling of its own: order of columns, semicolons, BOM and MAC style as a customer's sheet."""
    with open(path, "w", encoding="utf-8-sig", newline="") as file:
        file.write("model;MAC;vid;load;location\r\n")
        for phone in phones:
            mac = ":".join(phone["mac"][i:i + 2].lower() for i in range(0, 12, 2))
            vid = f"V{phone['vid']:02}" if phone.get("roster_vid", True) else ""
            load = phone["load"] if phone.get("roster_load") else ""
            file.write(f"{phone['model']};{mac};{vid};{load};\r\n")


def zip_package(path, files):
    """A package as it is downloaded: {name within the zip: content}."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in files.items():
            package.writestr(name, content)


def cop_package(path, files, signed=True):
    """A COP file: a header, here of either form, then a compressed tape archive with the vendor's script in it."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tape:
        for name, content in {"copstart.sh": b"#!/bin/sh\n", **files}.items():
            entry = tarfile.TarInfo("./" + name)
            entry.size = len(content)
            tape.addfile(entry, io.BytesIO(content))
    rng = random.Random(os.path.basename(path))
    start = header(os.path.basename(path), rng) if signed else b"\x30" * 428
    with open(path, "wb") as file:
        file.write(start + archive.getvalue())


def license_package(path, macs, direction):
    folder = {"e2m": "Ent-2-Mpp-licenses", "m2e": "MPP-2-ENT-licenses"}[direction]
    zip_package(path, {f"{folder}/{mac}.lic": license_text(mac, direction) for mac in macs})
