#!/usr/bin/env python3
"""Import of a package of 200 MB, beside `unzip` and `sha256sum` of the same.

    import.py [--runs N] [--size MB]

Runs them in turn on one disk and prints the medians and the ratio, by CPU seconds and by the clock; exit status 0 if
it is at most 2. The clock includes that an imported file is on disk (fsync), which unzip does not wait for; so files
unzipped are synced too, and both are shown. The program is $TRANSLOAD, or target/release/transload.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
sys.path.insert(0, ROOT)

import lookalike  # noqa: E402

TARGET = os.path.join(os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "..", "target")), "release", "transload")
PROGRAM = os.path.abspath(os.environ.get("TRANSLOAD", TARGET))
LIMIT = 2.0


def measured(*command):
    """Wall seconds and CPU seconds of a command."""
    before, began = os.times(), time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    wall, after = time.monotonic() - began, os.times()
    return wall, after.children_user - before.children_user + after.children_system - before.children_system


def package(folder, megabytes):
    """One load whose components have together so many bytes, as real ones hardly compressible."""
    names = {platform: f"{stem}.{lookalike.MPP_12}.sbn" for platform, stem in
             ((1, "rootfs88xx"), (2, "rootfs288xx"), (3, "rootfs388xx"))}
    each = megabytes * 1_000_000 // len(names)
    firmware = lookalike.Firmware(os.path.join(folder, "firmware"), dict.fromkeys(names.values(), each))
    load = firmware.load("sip88xx", lookalike.MPP_12)
    path = os.path.join(folder, f"cmterm-88xx.{lookalike.MPP_12}_REL.zip")
    lookalike.zip_package(path, firmware.files(load))
    shutil.rmtree(firmware.folder)
    return path


def main():
    parser = argparse.ArgumentParser(description="Import beside unzip and sha256sum.")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--size", type=int, default=200)
    arguments = parser.parse_args()
    lacking = [tool for tool in ("unzip", "sha256sum") if shutil.which(tool) is None]
    if lacking:
        print(f"IMPORT BENCHMARK SKIPPED: it needs {', '.join(lacking)}", file=sys.stderr)
        return 1 if os.environ.get("CI") else 0
    folder = tempfile.mkdtemp(prefix="transload-import-", dir="/var/tmp")
    rows = {"unzip + sha256sum": [], "the same, synced": [], "transload import": []}
    try:
        path = package(folder, arguments.size)
        config = os.path.join(folder, "transload.toml")
        with open(config, "w") as file:
            file.write(f"[bench]\nstate = '{folder}/state'\n")
        for _ in range(arguments.runs):
            for row, command in (
                    ("unzip + sha256sum", f"unzip -q '{path}' -d '{folder}/out' && sha256sum '{folder}'/out/*"),
                    ("the same, synced", f"unzip -q '{path}' -d '{folder}/out' && sha256sum '{folder}'/out/* && "
                                         f"sync '{folder}'/out/*"),
                    ("transload import", f"'{PROGRAM}' import --config '{config}' '{path}'")):
                rows[row].append(measured("sh", "-c", command))
                shutil.rmtree(f"{folder}/out", ignore_errors=True)
                shutil.rmtree(f"{folder}/state", ignore_errors=True)
                os.sync()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    medians = {}
    for row, runs in rows.items():
        wall, cpu = (statistics.median(run[which] for run in runs) for which in (0, 1))
        medians[row] = wall, cpu
        print(f"{row:20} {wall:6.2f} s by the clock ({min(r[0] for r in runs):.2f} to {max(r[0] for r in runs):.2f}), "
              f"{cpu:6.2f} s CPU")
    ours, plain, synced = (medians[row] for row in ("transload import", "unzip + sha256sum", "the same, synced"))
    print(f"ratio to unzip + sha256sum: {ours[0] / plain[0]:.2f} by the clock, {ours[1] / plain[1]:.2f} by CPU; "
          f"synced: {ours[0] / synced[0]:.2f}, {ours[1] / synced[1]:.2f}")
    return 0 if max(ours[0] / plain[0], ours[1] / plain[1]) <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
