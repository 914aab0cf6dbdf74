// What the bench tells as it happens: server-sent events, read from where they broke off.

import { headers, login } from "./api.js";

/** The phones by MAC, figures of the bench, and bytes per second of the last minutes. */
export const live = { phones: new Map(), bench: {}, traffic: [], heard: 0, connected: false };

const listeners = [];

/** Calls back with a set of MACs that changed, or null where everything may have. */
export function watch(listener) {
  listeners.push(listener);
}

const SILENCE = 6000; // The bench says something each second.
const KEPT = 300;
let last = null;
let attempt = null;
let pause = 500;

const tell = (changed) => listeners.forEach((listener) => listener(changed));

function take(event, data) {
  if (event === "state") {
    live.phones = new Map(data.phones.map((phone) => [phone.mac, phone]));
    live.traffic = data.traffic;
  }
  const changed = new Set();
  for (const phone of data.phones) {
    live.phones.set(phone.mac, phone);
    changed.add(phone.mac);
  }
  for (const [mac, percent] of Object.entries(data.percent)) {
    const phone = live.phones.get(mac);
    if (phone) phone.percent = percent;
    changed.add(mac);
  }
  if (data.bench) {
    if (event === "change" && data.bench.second !== live.bench.second) {
      live.traffic.push(data.bench.rate);
      live.traffic.splice(0, live.traffic.length - KEPT);
    }
    live.bench = data.bench;
  }
  tell(event === "state" ? null : changed);
}

/** One event: lines up to a blank one. */
function read(block) {
  const fields = {};
  for (const line of block.split("\n")) {
    const at = line.indexOf(": ");
    if (at > 0) fields[line.slice(0, at)] = line.slice(at + 2);
  }
  if (!fields.data) return;
  take(fields.event, JSON.parse(fields.data));
  last = fields.id;
}

async function follow(signal) {
  const known = last ? { "Last-Event-ID": last } : {};
  const answer = await fetch("/api/events", { headers: { ...headers(), ...known }, signal, cache: "no-store" });
  if (answer.status === 401) {
    await login();
    return;
  }
  if (!answer.ok) throw new Error(String(answer.status));
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    live.heard = Date.now();
    text += value;
    const blocks = text.split("\n\n");
    text = blocks.pop();
    if (blocks.length && !live.connected) {
      live.connected = true;
      pause = 500;
    }
    blocks.forEach(read);
  }
}

function again() {
  attempt?.abort();
  const mine = new AbortController();
  attempt = mine;
  live.heard = Date.now();
  follow(mine.signal)
    .catch(() => {})
    .finally(() => {
      if (attempt !== mine) return;
      live.connected = false;
      tell(new Set());
      setTimeout(() => attempt === mine && again(), pause);
      pause = Math.min(pause * 2, 4000);
    });
}

/** Whoever slept, or lost the network, asks anew instead of trusting an old connection. */
function wake() {
  if (Date.now() - live.heard > SILENCE) {
    live.connected = false;
    tell(new Set());
    again();
  }
}

export function start() {
  again();
  setInterval(wake, 1000);
  for (const event of ["online", "pageshow", "focus"]) addEventListener(event, wake);
  document.addEventListener("visibilitychange", () => document.hidden || wake());
}
