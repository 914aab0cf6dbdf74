#!/usr/bin/env python3
"""A thousand phones on the page while a rehearsal moves them: frames, the way of an event to the screen, and what the
server spends on it.

Exits with 1 where one frame of a hundred takes 100 ms, an event 1 s, or the server 5 % of a core; frames need a machine
that does little else. Root; chromium,
chromium-driver and Debian's python3-selenium, as tests/ui.
"""

import argparse
import json
import os
import sys
import tempfile
import time
import urllib.request

from browser import Browser, wait
from netns import alone
from ui.benches import ORIGIN, PageBench, ask

# Work of the page's own thread by frame, and when each phone's tile changed its stage.
WATCH = """
    window.seen = {gaps: [], tasks: [], stages: {}};
    let last = performance.now();
    const frame = (now) => { seen.gaps.push(now - last); last = now; requestAnimationFrame(frame); };
    requestAnimationFrame(frame);
    new PerformanceObserver((list) => seen.tasks.push(...list.getEntries().map((task) => task.duration)))
        .observe({entryTypes: ["longtask"]});
    new MutationObserver((changes) => {
      for (const {target} of changes) {
        if (target.classList.contains("s-held")) seen.stages[target.hash.slice(8)] ??= Date.now();
      }
    }).observe(document.getElementById("tiles"), {subtree: true, attributeFilter: ["class"]});
"""


def spent(pid):
    """CPU seconds of the thread that looks for all who watch."""
    tasks = f"/proc/{pid}/task"
    ticks = 0
    for task in os.listdir(tasks):
        with open(f"{tasks}/{task}/comm") as comm, open(f"{tasks}/{task}/stat") as stat:
            if comm.read().strip() == "events":
                ticks += sum(map(int, stat.read().rsplit(")", 1)[1].split()[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def traffic():
    """Bytes per second that phones took, as whoever begins to watch is told."""
    with urllib.request.urlopen(f"{ORIGIN}/api/events", timeout=10) as events:
        for line in events:
            if line.startswith(b"data: "):
                return json.loads(line[6:])["traffic"]


def part(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--phones", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--shots", default=".")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("it needs root, for a network namespace")
    arguments = ["rehearse", "--phones", str(options.phones), "--page", "127.0.0.1:8080", "--speed", "3",
                 "--load-size", "4000000"]
    with alone(), tempfile.TemporaryDirectory() as folder, \
            PageBench(folder, *arguments, config='[files]\nrate-limit = "40M"\n') as bench:
        # A watcher's browser shares its processor neither with a thousand phones nor with whatever else runs here.
        os.setpriority(os.PRIO_PROCESS, 0, -15)
        measure(options, bench)


def measure(options, bench):
    with Browser(ORIGIN, os.path.abspath(options.shots)) as browser:
        browser.open()

        def under_way():
            return sum(p["stage"] in ("moving", "crossing") for p in ask("/api/phones"))
        wait("most phones move", lambda: under_way() > options.phones * 0.7, 180)
        driver = browser.driver
        driver.execute_script(WATCH)
        driver.execute_cdp_cmd("Performance.enable", {})

        def metrics():
            return {m["name"]: m["value"] for m in driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]}
        cpu, page, began = spent(bench.process.pid), metrics(), time.monotonic()
        first = driver.execute_script("return seen.gaps.length")
        time.sleep(options.seconds)
        took = time.monotonic() - began
        flowed = traffic()[-options.seconds:]
        share = (spent(bench.process.pid) - cpu) / took
        after = metrics()
        seen = driver.execute_script("return seen")
        moving = under_way()
        told = {}
        for phone in [p for p in ask("/api/phones") if p["stage"] in ("moving", "crossing")][:10]:
            ask(f"/api/phones/{phone['mac']}/hold", b"")
            told[phone["mac"]] = time.time() * 1000
            time.sleep(0.4)
        stages = wait("every hold is on the screen",
                      lambda: (lambda s: s if all(mac in s for mac in told) else None)(driver.execute_script("return seen.stages")))
        browser.shot("thousand")
    ways = [stages[mac] - at for mac, at in told.items()]
    gaps, tasks = seen["gaps"][first:], seen["tasks"]
    longest = max(tasks, default=0)
    work = (after["TaskDuration"] - page["TaskDuration"]) / took
    print(f"{options.phones} phones, {moving} of them under way, {took:.0f} s, load of the machine {os.getloadavg()[0]:.1f},"
          f" {sum(flowed) / len(flowed) / 1e6:.0f} MB/s flowing")
    own = sum(after[name] - page[name] for name in ("ScriptDuration", "RecalcStyleDuration", "LayoutDuration")) / took
    print(f"page: script, style and layout take {own:.1%} of a core")
    print(f"page: longest task {longest:.0f} ms ({len(tasks)} over 50 ms), {work:.0%} of a core; between frames"
          f" {part(gaps, .5):.0f} ms, 99 % {part(gaps, .99):.0f} ms, longest {max(gaps):.0f} ms")
    print(f"event to screen: {part(ways, .5):.0f} ms, longest {max(ways):.0f} ms")
    print(f"server: {share:.1%} of a core")
    assert min(flowed[1:]) > 0, f"nothing flowed for a second: {flowed}"
    limits = (("a frame", part(gaps, .99) >= 100), ("an event", max(ways) >= 1000), ("the server", share >= .05))
    wrong = [name for name, exceeded in limits if exceeded]
    if wrong:
        sys.exit(f"beyond its limit: {', '.join(wrong)}")


if __name__ == "__main__":
    main()
