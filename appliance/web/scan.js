// Barcode intake: a scanner types a MAC address and Enter, wherever the page is.

import { addToRoster, ask } from "./api.js";
import { byId, h, icon, say } from "./dom.js";
import { vidField } from "./needs.js";
import { CODES, LICENSES, readMac, sentence, spell, STAGES } from "./words.js";

const view = () => byId("view-scan");
/** A scanner types a character each few milliseconds; hands do not. */
const FAST = 120;
let parts = null;
let count = 0;

export function build() {
  const field = (id, label, properties) => [h("label", { htmlFor: id }, label), h("input", { id, type: "text", autocomplete: "off", spellcheck: false, ...properties })];
  parts = { input: h("input.scan", { id: "scan", type: "text", autocomplete: "off", spellcheck: false, autofocus: true, "aria-describedby": "scan-help", placeholder: "00:12:34:AB:45:DE" }),
    result: h("div", { role: "status", "aria-live": "assertive" }), list: h("ol.scanned") };
  view().append(
    h("h1", {}, "Scan"),
    h("p", { id: "scan-help" }, "Scan a phone's label, or type its MAC address and press Enter. It is added to the roster."),
    h("form.intake", { onsubmit: (event) => { event.preventDefault(); scanned(parts.input.value); } },
      h("label.hidden", { htmlFor: "scan" }, "MAC address"), parts.input, h("button.primary", { type: "submit" }, "Add")),
    h("details", {}, h("summary", {}, "Phones of one kind: say once what the next ones are"),
        h("div.presets", {}, field("preset-model", "Model", { placeholder: "8851" }), field("preset-vid", "VID", { placeholder: "V05", maxLength: 4 }), field("preset-location", "Place", { placeholder: "Room 1" }))),
    parts.result, parts.list);
  listen();
}

export function show() {
  parts.input.focus();
}

/** Keys that come as fast as a scanner types, while nothing is being written anywhere. */
function listen() {
  let typed = "";
  let at = 0;
  addEventListener("keydown", (event) => {
    const writing = event.target.closest?.("input, textarea, select, dialog");
    if (writing || event.ctrlKey || event.metaKey || event.altKey) return;
    const now = performance.now();
    if (now - at > FAST) typed = "";
    at = now;
    if (event.key.length === 1) typed += event.key;
    else if (event.key === "Enter" && readMac(typed)) {
      event.preventDefault();
      scanned(typed);
      typed = "";
    }
  });
}

export async function scanned(text) {
  if (location.hash !== "#/scan") location.hash = "#/scan";
  parts.input.value = "";
  parts.input.focus();
  const mac = readMac(text);
  if (!mac) {
    tell("bad", "Not a MAC address", text.trim() || "Nothing was scanned", "Scan the barcode beside “MAC”, twelve letters and digits.");
    return;
  }
  const row = { MAC: mac };
  for (const column of ["model", "vid", "location"]) {
    const value = byId(`preset-${column}`).value.trim();
    if (value) row[column] = value;
  }
  const mine = ++count;
  tell("wait", "Asking", spell(mac), "");
  try {
    const report = await addToRoster([row]);
    const refused = report.lines.find((line) => line.verdict === "refused");
    if (refused) throw new Error(refused.note);
    const [phone, told] = await Promise.all([ask(`/api/phones/${mac}`), ask(`/api/phones/${mac}/explain`)]);
    const verdict = judge(phone, told, report.lines[0]?.verdict === "new");
    if (mine === count) tell(verdict.kind, verdict.title, name(phone), verdict.text, phone, told.hold?.code);
    parts.list.prepend(h(`li.k-${verdict.kind}`, {}, h("a", { href: `#/phone/${mac}` }, spell(mac)), ` ${verdict.title}`));
    while (parts.list.children.length > 100) parts.list.lastChild.remove();
  } catch (error) {
    if (mine === count) tell("bad", "Not taken in", spell(mac), error.message);
  }
}

const name = (phone) => [phone.model ?? "Model not known", phone.vid, spell(phone.mac)].filter(Boolean).join(" ");

/** What is said of a phone that was just scanned. */
function judge(phone, told, fresh) {
  const license = LICENSES[phone.license];
  const listed = fresh ? "Added to the roster." : "It was in the roster already.";
  const hold = told.hold;
  if (phone.stage === "done") return { kind: "good", title: "Done already", text: `It runs ${phone.load}. ${listed}` };
  if (hold?.code === "not-eligible") return { kind: "bad", title: "Not eligible", text: `${sentence(hold.cause)} ${sentence(hold.cure)}` };
  const licensed = phone.license !== "absent";
  if (!phone.model) {
    return { kind: licensed ? "info" : "warn", title: licensed ? "Licensed" : "No license yet", text: `${listed} Whether it is eligible is known when it is plugged in, or when its model is in the roster.` };
  }
  if (hold?.code === "no-license") return { kind: "warn", title: "Eligible, no license", text: `${sentence(hold.cause)} ${sentence(hold.cure)} ${listed}` };
  if (hold) return { kind: "warn", title: `${licensed ? "Licensed" : "No license"}; ${(CODES[hold.code] ?? hold.code).toLowerCase()}`, text: `${sentence(hold.cause)} ${sentence(hold.cure)} ${listed}` };
  if (!licensed && phone.route.length === 0) return { kind: "warn", title: "No license yet", text: listed };
  const stage = phone.stage === "absent" ? "Plug it in." : `${STAGES[phone.stage]}.`;
  return { kind: "good", title: licensed ? "Eligible and licensed" : "Eligible, needs no license", text: `${sentence(license)} ${listed} ${stage}` };
}

const DRAWINGS = { good: "done", warn: "stuck", bad: "wrong", info: "seen", wait: "left" };

function tell(kind, title, who, text, phone, code) {
  parts.result.replaceChildren(h(`div.verdict.k-${kind}`, {}, icon(DRAWINGS[kind]),
    h("div", {}, h("p.title", {}, title), h("p.who", {}, who), h("p", {}, text),
      phone && code === "unknown-vid" ? vidField(phone) : null)));
  say(byId("toasts"), "");
}
