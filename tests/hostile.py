#!/usr/bin/env python3
"""Hostile deliveries: archives and files made to crash, to fill the disk or to write where they should not.

    hostile.py [--count N] [--seed N]

Makes N of them by mutating good ones and from a list of known tricks, and lets `transload import` read them, many at a
time and the suspicious ones alone. Passes if every import ends by itself with 0 or 1, nothing appears outside of the
library, and no import ever had 200 MB of memory. The program is $TRANSLOAD, or target/debug/transload.
"""

import argparse
import gzip
import io
import multiprocessing
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import zipfile
import zlib
from pathlib import Path

import lookalike
import server

MEMORY = 200 << 20
BATCH = 50
PATIENCE = 120


def zipped(files, method=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in files:
            archive.writestr(zipfile.ZipInfo(name) if method is None else name, content)
    return out.getvalue()


def taped(files, form=tarfile.GNU_FORMAT, kind=tarfile.REGTYPE, link=""):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", format=form, compresslevel=6) as archive:
        for name, content in files:
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, link
            entry.size = len(content) if kind == tarfile.REGTYPE else 0
            archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def overlapping(count):
    """A zip in which every entry of the directory is the same compressed megabyte."""
    name, content = b"kern.a.sbn", bytes(1 << 20)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(content) + packer.flush()
    crc = zlib.crc32(content)
    local = struct.pack("<IHHHHHIIIHH", 0x04034B50, 20, 0, 8, 0, 0, crc, len(packed), len(content), len(name), 0)
    out = local + name + packed
    directory = b""
    for number in range(count):
        entry = b"%06d.sbn" % number
        directory += struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 20, 20, 0, 8, 0, 0, crc, len(packed), len(content),
                                 len(entry), 0, 0, 0, 0, 0, 0) + entry
    end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, min(count, 65535), min(count, 65535), len(directory), len(out), 0)
    return out + directory + end


def zip64_end(files=1 << 40):
    """An end record that claims a trillion files."""
    start = lookalike_zip()
    record = struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, files, files, 1 << 46, 1 << 50)
    locator = struct.pack("<IIQI", 0x07064B50, 0, len(start), 1)
    end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return start + record + locator + end


def lookalike_zip():
    return zipped([("a/kern.a.sbn", b"kern" * 50), ("rootfs.a.sbn", os.urandom(3000)),
                   ("sip88xx.1-2-3.loads", b"[PLATFORM_1]\nkern.a.sbn\nrootfs.a.sbn\n"),
                   ("Ent-2-Mpp-licenses/001234AB45DE.lic", b"license")])


SHEET = '<worksheet><sheetData>%s</sheetData></worksheet>'
ROWS = ('<row r="1"><c r="A1" t="inlineStr"><is><t>MAC</t></is></c><c r="B1" t="s"><v>0</v></c></row>'
        '<row r="2"><c r="A2" t="inlineStr"><is><t>001234AB45DE</t></is></c><c r="B2"><v>8851</v></c></row>')
STRINGS = '<sst uniqueCount="1"><si><t>Model</t></si></sst>'


def workbook(sheet=SHEET % ROWS, strings=STRINGS, more=()):
    """A workbook of Excel, with what it has to have."""
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    link = f'<Relationship Id="r1" Type="{office}/%s" Target="%s"/>'
    return zipped([
        ("[Content_Types].xml", "<Types/>"),
        ("_rels/.rels", f"<Relationships>{link % ('officeDocument', 'xl/workbook.xml')}</Relationships>"),
        ("xl/workbook.xml", f'<workbook xmlns:r="{office}"><sheets><sheet name="a" sheetId="1" r:id="r1"/></sheets></workbook>'),
        ("xl/_rels/workbook.xml.rels", f"<Relationships>{link % ('worksheet', 'worksheets/sheet1.xml')}</Relationships>"),
        ("xl/worksheets/sheet1.xml", sheet), ("xl/sharedStrings.xml", strings), *more])


def document(rows):
    """An OpenDocument spreadsheet."""
    names = " ".join(f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text"))
    return zipped([
        ("mimetype", "application/vnd.oasis.opendocument.spreadsheet"), ("META-INF/manifest.xml", "<manifest/>"),
        ("content.xml", f'<office:document-content {names}><office:body><office:spreadsheet><table:table table:name="a">{rows}'
                        "</table:table></office:spreadsheet></office:body></office:document-content>")])


def books():
    """Workbooks that ask for memory: by what they announce, by what they repeat, by cells far apart."""
    cell = '<table:table-cell office:value-type="string" %s><text:p>%s</text:p></table:table-cell>'
    row = "<table:table-row %s>" + cell + "</table:table-row>"
    wide, tall = 'table:number-columns-repeated="16384"', 'table:number-rows-repeated="1048576"'
    yield "announced.xlsx", workbook(strings=STRINGS.replace('"1"', '"9999999999999"'))
    yield "strings.xlsx", workbook(strings=f"<sst>{'<si/>' * 5_000_000}</sst>")
    yield "one string.xlsx", workbook(SHEET % ('<row>' + '<c t="s"><v>0</v></c></row><row>' * 500_000 + "</row>"),
                                      f"<sst><si><t>{'x' * 32000}</t></si></sst>")
    yield "cells.xlsx", workbook(SHEET % ("<row><c><v>1</v></c></row>" * 1_000_000))
    yield "far.xlsx", workbook(SHEET % (ROWS + "".join(f'<row r="{n}"><c r="XFD{n}"><v>1</v></c></row>' for n in range(3, 300_000))))
    yield "styles.xlsx", workbook(more=[("xl/styles.xml", f"<styleSheet><numFmts>{'<numFmt/>' * 3_000_000}</numFmts></styleSheet>")])
    yield "spaces.xlsx", workbook(" " * (300 << 20))
    yield "wide.ods", document(row % ("", wide, "x") * 2000)
    yield "tall.ods", document(row % (tall, wide, "x"))
    yield "long.ods", document(row % ("", wide, "x" * 60000))
    yield "gap.ods", document(row % ("", "", "x") + f"<table:table-row {tall}/>" + row % ("", wide, "x"))


def tricks():
    """Each once: name and content."""
    nothing = bytes(40 << 20)
    escapes = ["../escaped.sbn", "/tmp/escaped.sbn", "a/../../../escaped.lic", "..\\..\\escaped.sbn", "C:\\escaped.sbn",
               "licenses/e2m/../../../escaped.sbn", "\0.sbn", "x" * 60000 + ".sbn", "a/" * 9000 + "x.sbn"]
    for number, name in enumerate(escapes):
        yield f"escape{number}.zip", zipped([(name.replace("\0", "\x01"), b"escaped")])
        yield f"escape{number}.cop.sgn", taped([(name.replace("\0", "\x01"), b"escaped")])
        yield f"escape{number}.pax.tgz", taped([(name.replace("\0", "\x01"), b"escaped")], tarfile.PAX_FORMAT)
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE):
        yield f"kind{kind.decode()}.tgz", taped([("kern.a.sbn", b""), ("kern.a.sbn/x.sbn", b"")], kind=kind, link="/etc")
    yield "bomb.zip", zipped([("rootfs.a.sbn", nothing)])
    yield "bomb.tgz", taped([("readme", nothing), ("rootfs.a.sbn", nothing)])
    yield "bomb of bombs.zip", zipped([("inner.zip", zipped([("rootfs.a.sbn", nothing)]))])
    yield "gzip of gzip.cop.sgn", gzip.compress(gzip.compress(nothing))
    yield "overlap.zip", overlapping(9000)
    yield "many.zip", zipped([(f"{n}.sbn", b"x") for n in range(20000)])
    yield "many.tgz", taped([(f"{n}.sbn", b"x") for n in range(20000)])
    yield "zip64.zip", zip64_end()
    yield "zip64 few.zip", zip64_end(3)
    long = tarfile.TarInfo("././@LongLink")
    long.type, long.size = tarfile.GNUTYPE_LONGNAME, 1 << 40
    yield "long name.tgz", gzip.compress(long.tobuf(tarfile.GNU_FORMAT) + nothing + nothing)
    pax = tarfile.TarInfo("pax")
    pax.type, pax.size = tarfile.XHDTYPE, 1 << 30
    yield "pax.tgz", gzip.compress(pax.tobuf(tarfile.USTAR_FORMAT) + nothing)
    sparse = tarfile.TarInfo("rootfs.a.sbn")
    sparse.type, sparse.size = tarfile.GNUTYPE_SPARSE, 1 << 33
    yield "sparse.tgz", gzip.compress(sparse.tobuf(tarfile.GNU_FORMAT) + nothing)
    yield "huge header.cop", b"\x01\x00\x02\x01\x00\x02\x00\x02\xff\xff" + b"\x03\xff\xff" * 1000
    yield "padding.cop", b"\x01\x00\x02\x01\x00" + b"\x0d" * 100000
    yield "sip88xx.1-2-3.loads", b"[PLATFORM_1]\n" + b"x.sbn\n" * 100000
    yield "sip88xx.1-2-4.loads", b"[PLATFORM_1]\n../../escaped.sbn\n"
    yield "roster.csv", b"MAC;model\n" + b'"' + b";" * 3000000
    yield "columns.csv", b"MAC," * 200000 + b"\n" + b"001234AB45DE," * 1000
    yield from books()
    yield "empty.zip", b""
    yield "end only.zip", b"PK\x05\x06" + bytes(18)
    yield "ends.zip", b"PK\x05\x06" * 20000


def mutate(rng, content):
    """A few changes of the kinds that fuzzers know."""
    out = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        if not out:
            break
        at, kind = rng.randrange(len(out)), rng.randrange(7)
        if kind == 0:
            out[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            width = rng.choice((1, 2, 4, 8))
            out[at:at + width] = rng.choice((b"\xff", b"\0", b"\x7f", b"\x80")) * width
        elif kind == 2:
            del out[at:at + rng.randrange(1, 64)]
        elif kind == 3:
            del out[at:]
        elif kind == 4:
            other = rng.randrange(len(out))
            out[at:at] = out[other:other + rng.randrange(1, 256)]
        elif kind == 5:
            out[at:at + 4] = struct.pack(rng.choice("<>") + "I", rng.randrange(1 << 32))
        else:
            out[at:at] = rng.choice((b"PK\x05\x06", b"PK\x01\x02", b"\x1f\x8b\x08", b"../", b"[PLATFORM_9]\n"))
    return bytes(out)


def seeds(folder):
    """Good deliveries of every kind."""
    firmware = lookalike.Firmware(os.path.join(folder, "seeds"), {})
    firmware.sizes = {f"{stem}.{lookalike.MPP_11}.sbn": 2000 for stem in ("kern7832", "rootfs7832")}
    firmware.sizes["sb27832.BE-01-007.sbn"] = 500
    files = firmware.files(firmware.load("sip7832", lookalike.MPP_11))
    paths = {"a.zip": os.path.join(folder, "a.zip"), "a.cop.sgn": os.path.join(folder, "a.cop.sgn"),
             "b.k4": os.path.join(folder, "b.k4"), "l.zip": os.path.join(folder, "l.zip")}
    lookalike.zip_package(paths["a.zip"], files)
    lookalike.cop_package(paths["a.cop.sgn"], files)
    lookalike.cop_package(paths["b.k4"], files, signed=False)
    lookalike.license_package(paths["l.zip"], [f"001234AB45{n:02X}" for n in range(20)], "e2m")
    good = {name: Path(path).read_bytes() for name, path in paths.items()}
    good["stored.zip"] = zipped(files.items(), zipfile.ZIP_STORED)
    good["sip7832.11-2-3MPP-398.loads"] = files["sip7832.11-2-3MPP-398.loads"]
    good["kern78xx.a.sbn"] = lookalike.body("kern78xx.a.sbn", 1000, random.Random(1))
    good["roster.csv"] = "\ufeffmodel;MAC;vid\r\n8851;00:12:34:ab:45:de;V05\r\n".encode()
    good["phones.xlsx"] = workbook()
    good["phones.ods"] = document('<table:table-row><table:table-cell office:value-type="string"><text:p>MAC</text:p></table:table-cell>'
                                  "</table:table-row>")
    # What is inside gzip is never reached by mutating outside.
    good["inner.tgz"] = gzip.decompress(taped(files.items()))
    return good


def launch(command):
    """Run it; returns exit status, standard error and peak memory. From a process of its own that stays small: what a
    child is charged with includes what its parent had when it forked."""
    with tempfile.TemporaryFile() as err, subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=err) as process:
        timer = threading.Timer(PATIENCE, process.kill)
        timer.start()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        timer.cancel()
        err.seek(0)
        code = None if process.returncode == -signal.SIGKILL else process.returncode
        return code, err.read()[-20000:], usage.ru_maxrss * 1024


class Trial:
    """A place in which nothing but the library may change."""

    def __init__(self, folder, launcher):
        self.folder = folder
        self.launcher = launcher
        self.memory = 0
        self.state = os.path.join(folder, "state")
        self.config = os.path.join(folder, "transload.toml")
        with open(self.config, "w") as file:
            file.write(f"[bench]\nstate = '{self.state}'\n")
        self.before = self.outside()

    def outside(self):
        """Everything near that is not the library, and the usual targets of an escape."""
        found = [name for name in os.listdir(self.folder) if name not in ("state", "in")]
        found += [path for path in ("/tmp/escaped.sbn", "/escaped.sbn") if os.path.exists(path)]
        for folder, folders, names in os.walk(self.state):
            inner = os.path.relpath(folder, self.state)
            for name in names:
                good = inner in (".", "firmware", "licenses/e2m", "licenses/m2e") and "escaped" not in name
                if not good or os.path.islink(os.path.join(folder, name)):
                    found.append(os.path.join(inner, name))
            found += [os.path.join(inner, name) for name in folders
                      if os.path.join(inner, name) not in ("./firmware", "./licenses", "licenses/e2m", "licenses/m2e")]
        return sorted(found)

    def run(self, files):
        """Import these; returns what is wrong, or None."""
        folder = os.path.join(self.folder, "in")
        os.makedirs(folder)
        for name, content in files:
            with open(os.path.join(folder, name), "wb") as file:
                file.write(content)
        try:
            code, err, memory = self.launcher.apply(launch, ((server.binary(), "import", "--direction", "e2m",
                                                              "--config", self.config, folder),))
        finally:
            shutil.rmtree(folder)
        self.memory = max(self.memory, memory)
        if code is None:
            return f"no end within {PATIENCE} s"
        if code not in (0, 1) or b"panicked" in err:
            return f"exit {code}: {err.decode(errors='replace')[-1500:]}"
        if self.outside() != self.before:
            return f"outside of the library: {self.outside()}"
        if b"nothing was imported" in err:
            return f"the whole import ended: {err.decode(errors='replace')}"
        return None


def main():
    parser = argparse.ArgumentParser(description="Imports hostile archives and files.")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    launcher = multiprocessing.Pool(1)
    launcher.apply(os.getpid)
    print(f"seed {arguments.seed}, {arguments.count} hostile files, {server.binary()}", flush=True)
    folder = tempfile.mkdtemp(prefix="transload-hostile-")
    failures = []
    try:
        good = seeds(folder)
        os.makedirs(os.path.join(folder, "trial"))
        trial = Trial(os.path.join(folder, "trial"), launcher)
        count = 0
        for name, content in tricks():
            count += 1
            wrong = trial.run([(name, content)])
            if wrong:
                failures.append(f"{name}: {wrong}")
        names = sorted(good)
        while count < arguments.count:
            batch = []
            for number in range(min(BATCH, arguments.count - count)):
                name = names[rng.randrange(len(names))]
                content = mutate(rng, good[name])
                batch.append((f"{number:02}-{name}", gzip.compress(content, 1) if name == "inner.tgz" else content)
                             if not name.endswith((".loads", ".sbn")) else (name if number == 0 else f"{number}-{name}", content))
            count += len(batch)
            wrong = trial.run(batch)
            if wrong:
                alone = [(name, trial.run([(name, content)])) for name, content in batch]
                failures.append(f"{wrong}\n  alone: {[entry for entry in alone if entry[1]]}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    launcher.close()
    launcher.join()
    print(f"{count} files, peak memory {trial.memory / 1e6:.0f} MB")
    if trial.memory > MEMORY:
        failures.append(f"memory: {trial.memory / 1e6:.0f} MB, allowed are {MEMORY / 1e6:.0f}")
    print("\n".join(failures) or "none crashed it, none wrote elsewhere")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
