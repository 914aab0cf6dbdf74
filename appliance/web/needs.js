// Phones that need somebody come first. Phones with the same actions are one entry.

import { act, addToRoster } from "./api.js";
import { byId, h, icon, say, toast } from "./dom.js";
import { pick } from "./library.js";
import { live } from "./live.js";
import { CODES, plural, sentence, spell } from "./words.js";

const AT_ONCE = 6;
const MOST_LISTED = 60;
const ORDER = ["foreign-dhcp", "failed", "trust-list", "needs-restart", "not-asking", "unknown-vid", "no-license",
  "firmware-missing", "firmware-damaged", "no-route", "waiting-outside", "not-listed", "not-eligible", "operator"];
const cards = new Map();

/** The same words for each phone of a group: its own names left out. */
function common(text, phone) {
  const forms = [phone.mac, phone.mac.toLowerCase(), spell(phone.mac), phone.address].filter(Boolean);
  return forms.reduce((words, form) => words.replaceAll(form, "…"), text);
}

function groups() {
  const found = new Map();
  for (const phone of live.phones.values()) {
    if (!phone.hold) continue;
    const { code, actions, cure } = phone.hold;
    const key = `${code} ${JSON.stringify(actions)}`;
    const group = found.get(key) ?? found.set(key, { key, code, cure: common(cure, phone), phones: [], causes: new Set() }).get(key);
    group.phones.push(phone);
    group.causes.add(common(phone.hold.cause, phone));
  }
  const rank = (group) => ORDER.indexOf(group.code) >>> 0;
  return [...found.values()].sort((one, other) => rank(one) - rank(other) || other.phones.length - one.phones.length);
}

/** Does something to each of many phones, some at a time, and says what came of it. */
export async function toAll(phones, what, done) {
  const left = [...phones];
  const wrong = [];
  const work = async () => {
    for (let phone = left.pop(); phone; phone = left.pop()) {
      await act(phone.mac, what).catch((error) => wrong.push(`${spell(phone.mac)}: ${error.message}`));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  const good = phones.length - wrong.length;
  if (good) toast(`${plural(good, "phone")} ${done}.`);
  wrong.slice(0, 3).forEach((line) => toast(line, true));
  if (wrong.length > 3) toast(`${wrong.length - 3} more could not be ${done}.`, true);
}

/** A button for all phones of a group, whoever is in it by then. */
function button(word, group, work, primary = true) {
  const element = h(primary ? "button.primary" : "button", { type: "button" }, word);
  element.addEventListener("click", async () => {
    element.disabled = true;
    try {
      await work(group().phones);
    } catch (error) {
      toast(error.message, true);
    }
    element.disabled = false;
  });
  return element;
}

const DOES = {
  release: [["Release", "release", "released"]],
  restart: [["Restart", "restart", "told to restart"]],
  retry: [["Retry", "retry", "tried again"]],
};

function buttons(code, group) {
  const operate = (name, primary = true) => DOES[name].map(([word, what, done]) => button(word, group, (phones) => toAll(phones, what, done), primary));
  switch (code) {
    case "operator": return operate("release");
    case "needs-restart": return [...operate("restart"), ...operate("retry", false)];
    case "not-asking": return [...operate("restart"), ...operate("retry", false)];
    case "failed": case "trust-list": case "waiting-outside": return [...operate("retry"), ...operate("restart", false)];
    case "no-license": return [button("Import licenses", group, () => pick())];
    case "firmware-missing": case "firmware-damaged": case "no-route": return [button("Import firmware", group, () => pick())];
    case "not-listed":
      return [button("Add to the roster", group, async (phones) => {
        await addToRoster(phones.map((phone) => ({ MAC: phone.mac, model: phone.model })));
        toast(`${plural(phones.length, "phone")} added to the roster.`);
      })];
    default: return [];
  }
}

/** A field for one phone's hardware version. */
export function vidField(phone) {
  const input = h("input", { type: "text", placeholder: "V05", maxLength: 4, size: 5, required: true, autocomplete: "off", pattern: "[Vv]?[0-9]{1,3}",
    "aria-label": `VID of ${spell(phone.mac)}` });
  return h("form.vid", {
    onsubmit: async (event) => {
      event.preventDefault();
      const digits = input.value.replace(/\D/g, "").padStart(2, "0");
      try {
        const report = await addToRoster([{ MAC: phone.mac, vid: `V${digits}` }]);
        const refused = report.lines.find((line) => line.verdict === "refused");
        if (refused) throw new Error(refused.note);
        toast(`${spell(phone.mac)} is V${digits}, says the roster now.`);
      } catch (error) {
        toast(error.message, true);
      }
    },
  }, input, h("button", { type: "submit" }, "Enter VID"));
}

function listed(phone, code) {
  const label = [phone.model, phone.location].filter(Boolean).join(", ");
  return h("li", {}, h("a", { href: `#/phone/${phone.mac}` }, spell(phone.mac)), label ? ` ${label}` : "",
    code === "unknown-vid" ? vidField(phone) : null);
}

function make(key, code) {
  const card = { title: h("h3"), cause: h("p.cause"), cure: h("p.cure"), list: h("ul.who-list"), more: h("summary") };
  card.group = { phones: [] };
  // What nobody has opened need not be drawn.
  card.details = h("details", { open: code === "unknown-vid", ontoggle: () => needs() }, card.more, card.list);
  card.element = h(`li.card.c-${code}`, {}, h("div.mark", {}, icon(code === "operator" ? "held" : "stuck")),
    h("div.body", {}, card.title, card.cause, h("p.cure-line", {}, h("b", {}, "Do:"), card.cure), card.details),
    h("div.actions", {}, buttons(code, () => card.group)));
  cards.set(key, card);
  return card;
}

/** Shows the list as it is now; cards stay, so that nobody's finger meets another button than he saw. */
export function needs() {
  const found = groups();
  const keys = new Set(found.map((group) => group.key));
  for (const [key, card] of cards) {
    if (keys.has(key)) continue;
    card.element.remove();
    cards.delete(key);
  }
  const list = byId("needs-list");
  found.forEach((group, index) => {
    const card = cards.get(group.key) ?? make(group.key, group.code);
    card.group = group;
    const only = group.phones.length === 1 ? group.phones[0] : null;
    const who = only ? `${spell(only.mac)}${only.location ? `, ${only.location}` : ""}` : plural(group.phones.length, "phone");
    say(card.title, `${CODES[group.code] ?? group.code}: ${who}`);
    const causes = [...group.causes];
    say(card.cause, only ? sentence(only.hold.cause) : causes.length === 1 ? sentence(causes[0]) : `${sentence(causes[0])} Or for ${plural(causes.length - 1, "other cause")}.`);
    say(card.cure, sentence(only ? only.hold.cure : group.cure));
    say(card.more, plural(group.phones.length, "phone"));
    const macs = group.phones.map((phone) => `${phone.mac}${phone.location ?? ""}`).join();
    if (card.details.open && card.macs !== macs && !card.list.contains(document.activeElement)) {
      card.macs = macs;
      const more = group.phones.length - MOST_LISTED;
      card.list.replaceChildren(...group.phones.slice(0, MOST_LISTED).map((phone) => listed(phone, group.code)),
        ...(more > 0 ? [h("li.quiet", {}, `and ${more} more`)] : []));
    }
    if (list.children[index] !== card.element && !card.element.contains(document.activeElement)) {
      list.insertBefore(card.element, list.children[index] ?? null);
    }
  });
  byId("needs").hidden = found.length === 0;
}
