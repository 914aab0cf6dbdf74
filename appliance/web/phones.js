// The summary and the tiles: one per phone, made once, and changed only where the phone has.

import { byId, h, icon, plot, say } from "./dom.js";
import { live } from "./live.js";
import { bytes, isUnderWay, plural, short, span, spell, STAGES } from "./words.js";

const tiles = new Map();
const filter = { words: [], stage: "" };
/** What a frame may take; the rest of the changes is drawn in the next one. */
const FRAME = 12;
let order = true;
const pending = new Set();
let scheduled = false;

const FIGURES = [
  ["done", "Done"],
  ["moving", "Moving"],
  ["held", "Held"],
  ["stuck", "Stuck"],
  ["rest", "Waiting"],
];
const kind = (phone) => (phone.stage === "crossing" ? "moving" : STAGES[phone.stage] && FIGURES.some(([name]) => name === phone.stage) ? phone.stage : "rest");
const figures = {};
let left, leftNote, rate, traffic, bar, total;

export function build() {
  const cells = FIGURES.map(([name, word]) => {
    const number = h("b", {}, "0");
    const cell = h(`button.figure.s-${name}`, {
      type: "button",
      "aria-pressed": "false",
      title: `Show only these`,
      onclick: () => choose(filter.stage === name ? "" : name),
    }, h("span.word", {}, icon(name === "rest" ? "seen" : name), word), number);
    figures[name] = { number, cell };
    return cell;
  });
  left = h("b", {}, "–");
  leftNote = h("span.quiet", {}, "");
  rate = h("b", {}, "–");
  traffic = h("div.traffic", {});
  bar = h("div.stack", { role: "img" }, FIGURES.map(([name]) => h(`i.s-${name}`)));
  total = h("p.total", {});
  byId("summary").append(
    h("div.figures", {}, cells,
      h("div.figure.time", {}, h("span.word", {}, icon("left"), "Time left"), left, leftNote),
      h("div.figure.rate", {}, h("span.word", {}, "Now flowing"), rate, traffic)),
    h("div.whole", {}, bar, total));
  byId("stage").append(
    h("option", { value: "" }, "all phones"),
    ...FIGURES.map(([name, word]) => h("option", { value: name }, word.toLowerCase())),
    h("option", { value: "writing" }, "writing flash"));
  byId("stage").addEventListener("change", (event) => choose(event.target.value));
  byId("search").addEventListener("input", (event) => {
    filter.words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
    sift();
  });
  const layout = byId("layout");
  layout.value = localStorage.getItem("layout") ?? "tiles";
  const lay = () => {
    localStorage.setItem("layout", layout.value);
    byId("tiles").classList.toggle("rows", layout.value === "rows");
  };
  layout.addEventListener("change", lay);
  lay();
}

function choose(stage) {
  filter.stage = stage;
  byId("stage").value = stage;
  for (const [name, { cell }] of Object.entries(figures)) cell.setAttribute("aria-pressed", String(name === stage));
  sift();
}

function fits(phone) {
  if (filter.stage === "writing" && !phone.writing) return false;
  if (filter.stage && filter.stage !== "writing" && kind(phone) !== filter.stage) return false;
  if (!filter.words.length) return true;
  const told = [phone.mac, spell(phone.mac), phone.model, phone.vid, phone.serial, phone.location, phone.address,
    phone.load, phone.target, STAGES[phone.stage], phone.hold?.code].join(" ").toLowerCase();
  return filter.words.every((word) => told.includes(word));
}

function sift() {
  let shown = 0;
  for (const [mac, tile] of tiles) {
    const fit = fits(live.phones.get(mac));
    if (tile.element.hidden === fit) tile.element.hidden = !fit;
    shown += fit;
  }
  summarize(shown);
}

const place = new Intl.Collator(undefined, { numeric: true });
const before = (one, other) => {
  if (!one.location !== !other.location) return one.location ? -1 : 1;
  return place.compare(one.location ?? "", other.location ?? "") || (one.mac < other.mac ? -1 : 1);
};

/** Puts the tiles in order of place and MAC: a phone stays where it is, whatever it does. */
function arrange() {
  order = false;
  const list = byId("tiles");
  let next = list.firstElementChild;
  for (const phone of [...live.phones.values()].sort(before)) {
    const { element } = tiles.get(phone.mac);
    if (element === next) next = next.nextElementSibling;
    else list.insertBefore(element, next);
  }
}

/** Takes in what changed; null: everything may have. */
export function changed(macs) {
  if (macs === null) {
    for (const [mac, tile] of tiles) {
      if (live.phones.has(mac)) continue;
      tile.element.remove();
      tiles.delete(mac);
    }
    order = true;
  }
  for (const mac of macs ?? live.phones.keys()) pending.add(mac);
  if (!scheduled) {
    scheduled = true;
    requestAnimationFrame(draw);
  }
}

function draw() {
  const end = performance.now() + FRAME;
  for (const mac of pending) {
    pending.delete(mac);
    const phone = live.phones.get(mac);
    if (phone) show(phone);
    if (performance.now() > end) break;
  }
  scheduled = pending.size > 0;
  if (scheduled) {
    requestAnimationFrame(draw);
    return;
  }
  if (order) arrange();
  summarize();
}

function make() {
  const tile = {
    badge: h("span.badge"),
    where: h("span.where"),
    model: h("b.model"),
    mac: h("span.mac"),
    address: h("span.address"),
    hops: h("ol.hops"),
    now: h("span.load"),
    target: h("span.load"),
    fill: h("i"),
    percent: h("span.percent"),
    flash: h("p.flash", { hidden: true }, icon("flash"), "Writing flash: do not unplug"),
    why: h("p.why", { hidden: true }),
    key: "",
  };
  tile.bar = h("div.bar", { role: "progressbar", "aria-valuemin": "0", "aria-valuemax": "100" }, tile.fill);
  tile.link = h("a.tile", {},
    h("span.head", {}, tile.badge, tile.where),
    h("span.who", {}, tile.model, tile.mac, tile.address),
    tile.hops,
    h("span.loads", {}, h("span.quiet", {}, "now "), tile.now, h("span.quiet", {}, " target "), tile.target),
    h("span.progress", {}, tile.bar, tile.percent),
    tile.flash, tile.why);
  tile.element = h("li", {}, tile.link);
  return tile;
}

export function hops(phone) {
  const done = phone.stage === "done";
  // Of a phone whose load is not known, the way begins with the first one offered.
  const at = done ? phone.hops : phone.load ? phone.hop - 1 : -1;
  return phone.route.map((load, index) => {
    const state = index < at || done ? "past" : index === at ? "here" : index === at + 1 && isUnderWay(phone) ? "next" : "ahead";
    const word = { past: "passed", here: "here now", next: "on the way to it", ahead: "ahead" }[done && index === at ? "here" : state];
    return h(`li.${state}`, { title: load }, h("span.dot"), h("span.name", {}, short(load)), h("span.hidden", {}, ` ${word}`));
  });
}

export function badge(phone) {
  const hop = isUnderWay(phone) && phone.hops ? `, hop ${phone.hop} of ${phone.hops}` : "";
  return [icon(phone.stage), STAGES[phone.stage] + hop];
}

function show(phone) {
  let tile = tiles.get(phone.mac);
  if (!tile) {
    tile = make();
    tiles.set(phone.mac, tile);
    tile.link.href = `#/phone/${phone.mac}`;
    tile.mac.textContent = spell(phone.mac);
    order = true;
  }
  const percent = phone.percent ?? 0;
  const moving = isUnderWay(phone);
  if (tile.at !== percent || tile.was !== moving) {
    tile.at = percent;
    tile.was = moving;
    tile.fill.style.setProperty("--part", moving ? percent / 100 : 0);
    tile.bar.setAttribute("aria-valuenow", percent);
    say(tile.percent, moving ? `${percent} %` : "");
  }
  if (tile.phone === phone) return;
  if (tile.phone?.location !== phone.location) order = true;
  tile.phone = phone;
  tile.link.className = `tile s-${phone.stage}${phone.writing ? " writing" : ""}`;
  const key = `${phone.stage} ${phone.load} ${phone.hop} ${phone.hops} ${phone.route.join()}`;
  if (tile.key !== key) {
    tile.key = key;
    tile.badge.replaceChildren(...badge(phone));
    tile.hops.replaceChildren(...hops(phone));
    tile.bar.setAttribute("aria-label", `Hop ${phone.hop} of ${phone.hops}`);
  }
  say(tile.where, phone.location ?? "");
  say(tile.model, phone.model ?? "Model not known");
  say(tile.address, phone.address ?? "");
  say(tile.now, short(phone.load));
  say(tile.target, short(phone.target));
  tile.flash.hidden = !phone.writing;
  tile.why.hidden = !phone.hold;
  say(tile.why, phone.hold?.cause ?? "");
  const fit = fits(phone);
  if (tile.element.hidden === fit) tile.element.hidden = !fit;
}

export function summarize() {
  const counts = { done: 0, moving: 0, held: 0, stuck: 0, rest: 0 };
  let writing = 0;
  for (const phone of live.phones.values()) {
    counts[kind(phone)] += 1;
    writing += phone.writing;
  }
  const all = live.phones.size;
  for (const [name, { number }] of Object.entries(figures)) say(number, String(counts[name]));
  [...bar.children].forEach((part, index) => part.style.setProperty("--part", counts[FIGURES[index][0]]));
  bar.setAttribute("aria-label", FIGURES.map(([name, word]) => `${counts[name]} ${word.toLowerCase()}`).join(", "));
  say(total, `${plural(all, "phone")}${writing ? ` · ${writing} writing flash: do not unplug` : ""}`);
  const away = counts.held + counts.stuck;
  const going = counts.moving || counts.rest;
  if (live.bench.left !== null && live.bench.left !== undefined) {
    say(left, span(live.bench.left));
    say(leftNote, away ? `without the ${away} held or stuck` : "");
  } else if (all && counts.done === all) {
    say(left, "All done");
    say(leftNote, "");
  } else {
    say(left, "Not known");
    say(leftNote, counts.moving ? "until a phone has finished a hop" : going ? "no phone is under way" : away ? "those left need you" : "");
  }
  const shown = [...tiles.values()].reduce((sum, tile) => sum + !tile.element.hidden, 0);
  say(byId("shown"), shown === all ? "" : `${shown} of ${all} shown`);
  const empty = byId("empty");
  empty.hidden = shown > 0;
  say(empty, all ? "No phone fits what you search for." : "No phone yet. Plug one in, scan its label, or drop a roster here.");
  document.title = away ? `(${away}) Transload` : "Transload";
}

/** Once a second: what flows. */
export function flow() {
  say(rate, `${bytes(live.bench.rate ?? 0)}/s`);
  const points = live.traffic.slice(-120);
  if (points.length > 1) traffic.replaceChildren(plot(points, 240, 40, Math.max(...points, 1)));
}
