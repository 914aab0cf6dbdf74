"""The shape of what the program says of itself, as its users may rely on it."""

import re

PHONE = {
    "mac": str, "model": (str, None), "vid": (str, None), "serial": (str, None), "location": (str, None),
    "address": (str, None), "persona": ("enterprise", "transition", "multiplatform", "unknown"), "load": (str, None),
    "load_evidence": (str, None), "route": list, "target": (str, None), "hop": int, "hops": int,
    "stage": ("absent", "seen", "moving", "crossing", "done", "held", "stuck"), "writing": bool,
    "progress": (float, int), "attempts": int,
    "license": ("absent", "present", "fetched", "accepted", "unwitnessed"), "hold": (dict, None),
    "first_seen": (str, None), "last_seen": (str, None),
}
HOLDS = {"not-eligible", "unknown-vid", "no-license", "firmware-missing", "firmware-damaged", "no-route", "trust-list",
         "not-listed", "needs-restart", "not-asking", "waiting-outside", "operator", "foreign-dhcp", "failed"}


def fits(value, shape):
    if isinstance(shape, tuple):
        return any(fits(value, one) for one in shape)
    if isinstance(shape, type):
        return isinstance(value, shape) and not (shape is int and isinstance(value, bool))
    return value == shape


def expect(condition, message):
    if not condition:
        raise AssertionError(message)


def shaped(what, value, shape):
    expect(set(value) == set(shape), f"{what}: keys {sorted(set(value) ^ set(shape))} too many or too few: {value}")
    for key, wanted in shape.items():
        expect(fits(value[key], wanted), f"{what}: {key} is {value[key]!r}")


def hold(what, value):
    shaped(f"{what}, hold", value, {"code": str, "cause": str, "cure": str, "actions": list})
    expect(value["code"] in HOLDS, f"{what}: unknown hold {value['code']}")
    expect(value["cause"] and value["cure"], f"{what}: a hold without cause or cure")
    expect(value["actions"] and all(isinstance(action.get("do"), str) for action in value["actions"]),
           f"{what}: a hold without actions: {value}")


def phone(value):
    """One phone of `status --json`."""
    shaped("status", value, PHONE)
    what = f"status of {value['mac']}"
    expect(re.fullmatch("[0-9A-F]{12}", value["mac"]), f"{what}: not 12 upper-case hex digits")
    expect((value["hold"] is not None) == (value["stage"] in ("held", "stuck")),
           f"{what}: stage {value['stage']} with hold {value['hold']}")
    if value["hold"]:
        hold(what, value["hold"])
    expect(0 <= value["progress"] <= 1, f"{what}: progress {value['progress']}")
    expect(0 <= value["hop"] <= value["hops"], f"{what}: hop {value['hop']} of {value['hops']}")
    expect(not value["writing"] or value["stage"] not in ("absent", "seen", "done"),
           f"{what}: writing, and {value['stage']}")
    for key in ("first_seen", "last_seen"):
        if value["stage"] != "absent" or value[key] is not None:
            expect(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", value[key] or ""), f"{what}: {value[key]!r}")


def check(value):
    """The object of `check --json`."""
    shaped("check", value, {"ready": int, "held": int, "phones": list, "loads": list, "environment": list})
    for entry in value["phones"]:
        what = f"check, {entry.get('mac')}"
        shaped(what, entry, {"mac": str, "model": (str, None), "vid": (str, None), "route": list,
                             "state": ("ready", "held"), "hold": (dict, None)})
        expect((entry["hold"] is not None) == (entry["state"] == "held"), f"{what}: {entry}")
        if entry["hold"]:
            hold(what, entry["hold"])
    for entry in value["loads"]:
        shaped(f"check, {entry.get('name')}", entry,
               {"name": str, "kind": str, "family": str, "state": ("complete", "missing", "damaged"), "missing": list})
    for entry in value["environment"]:
        shaped("check, environment", entry, {"check": str, "ok": bool, "cause": (str, None), "cure": (str, None)})
    states = [entry["state"] for entry in value["phones"]]
    counted = (states.count("ready"), states.count("held"))
    expect((value["ready"], value["held"]) == counted or not states, f"check: counts {value['ready'], value['held']}, "
           f"but the phones listed are {counted}")
