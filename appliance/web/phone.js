// A phone's own page: where it is, why, and what happened to it.

import { act, ask, forget } from "./api.js";
import { byId, h, icon, toast } from "./dom.js";
import { live } from "./live.js";
import { vidField } from "./needs.js";
import { badge, hops } from "./phones.js";
import { CODES, isUnderWay, LICENSES, moment, sentence, spell } from "./words.js";

const view = () => byId("view-phone");
let open = null;
let drawn = "";
let asked = 0;
let later = 0;

export function show(mac) {
  open = mac;
  drawn = "";
  view().replaceChildren(h("p.quiet", {}, "Asking the bench about it"));
  refresh();
}

export const hide = () => { open = null; };

/** It is asked for again where something about it changed, once a second at most. */
export function changed(macs) {
  if (!open || !(macs === null || macs.has(open))) return;
  clearTimeout(later);
  // The last change of a burst is not left out.
  later = setTimeout(refresh, Math.max(0, asked + 1000 - Date.now()));
}

async function refresh() {
  const mac = open;
  if (!mac) return;
  asked = Date.now();
  try {
    const [phone, told] = await Promise.all([ask(`/api/phones/${mac}`), ask(`/api/phones/${mac}/explain`)]);
    if (open === mac) draw(phone, told);
  } catch (error) {
    // What the bench has forgotten is not shown any longer.
    if (open === mac && (!drawn || error.status === 404)) {
      drawn = "";
      view().replaceChildren(h("h1", {}, spell(mac)), h("p.wrong", {}, error.message), h("p", {}, h("a", { href: "#/" }, "All phones")));
    }
  }
}

const OPERATE = [
  ["Hold", "hold", "is held"],
  ["Release", "release", "is released"],
  ["Retry", "retry", "is tried again"],
  ["Restart", "restart", "is told to restart"],
];

function buttons(phone) {
  const held = phone.hold?.code === "operator";
  return OPERATE.filter(([, what]) => (what === "hold" ? !held : what === "release" ? held : true)).map(([word, what, done]) =>
    h(what === "release" ? "button.primary" : "button", {
      type: "button",
      onclick: async (event) => {
        event.target.disabled = true;
        try {
          await act(phone.mac, what);
          toast(`${spell(phone.mac)} ${done}.`);
        } catch (error) {
          toast(error.message, true);
        }
        event.target.disabled = false;
        refresh();
      },
    }, word));
}

/** Takes the phone off the books, once the operator has said so twice. */
function forgetButton(phone) {
  return h("button", {
    type: "button",
    onclick: async (event) => {
      const name = spell(phone.mac);
      if (!confirm(`Forget ${name}? All that the bench knows of it is deleted: its way, its history, its license use. This cannot be undone.`)) return;
      event.target.disabled = true;
      try {
        const { note } = await forget(phone.mac);
        toast(`${name} is forgotten.${note ? ` ${sentence(note)}` : ""}`);
        if (open === phone.mac) location.hash = "#/";
      } catch (error) {
        toast(error.message, true);
        event.target.disabled = false;
        refresh();
      }
    },
  }, "Forget");
}

const line = (name, value) => (value ? [h("dt", {}, name), h("dd", {}, value)] : []);

function draw(phone, told) {
  const text = JSON.stringify([phone, told]);
  const percent = Math.round(phone.progress * 100);
  // What an operator is typing stays.
  if (text === drawn || view().contains(document.activeElement?.closest?.("form"))) return;
  const first = drawn === "";
  drawn = text;
  const focus = document.activeElement?.textContent;
  const sections = [
    h("p", {}, h("a.back", { href: "#/" }, "All phones")),
    h(`div.hero.s-${phone.stage}`, {},
      h("div", {},
        h("h1", { tabIndex: -1 }, `${phone.model ?? "Phone"} ${spell(phone.mac)}`),
        h("p.quiet", {}, [phone.location, phone.address].filter(Boolean).join(" · ") || "no place in the roster, no address yet"),
        h("p.badge.large", {}, badge(phone)),
        phone.writing ? h("p.flash", {}, icon("flash"), "Writing flash: do not unplug") : null),
      h("div.actions", {}, buttons(phone), phone.first_seen ? forgetButton(phone) : null)),
    phone.hold ? h(`div.card.alone.c-${phone.hold.code}`, {}, h("div.mark", {}, icon("stuck")),
      h("div.body", {}, h("h2", {}, CODES[phone.hold.code] ?? phone.hold.code), h("p.cause", {}, sentence(phone.hold.cause)),
        h("p.cure-line", {}, h("b", {}, "Do:"), h("p", {}, sentence(phone.hold.cure))),
        phone.hold.code === "unknown-vid" ? vidField(phone) : null)) : null,
    h("h2", {}, "Way"),
    phone.route.length ? h(`ol.hops.large.s-${phone.stage}`, {}, hops(phone)) : h("p.quiet", {}, "No way is planned."),
    isUnderWay(phone) ? h("p", {}, `Hop ${phone.hop} of ${phone.hops}, ${percent} % of its load, attempt ${phone.attempts}.`) : null,
    h("p", {}, h("b", {}, "Next: "), sentence(told.next.summary)),
    h("h2", {}, "What is known"),
    h("dl.facts", {},
      line("Runs", phone.load ?? "not known"), line("Because", phone.load_evidence), line("Behaves as", phone.persona),
      line("Target", phone.target), line("License", LICENSES[phone.license]),
      line("Hardware version", phone.vid), line("Serial number", phone.serial),
      line("Roster", told.listed ? "listed" : "not listed"),
      line("DHCP class", told.class.name ? `${told.class.name} (${told.class.why})` : told.class.why),
      line("Says it is", told.vendor_class),
      line("Lease", told.lease ? `${told.lease.address}, ${told.lease.state}` : null),
      line("Last DHCP", told.last_dhcp),
      line("First seen", moment(phone.first_seen)), line("Last seen", moment(phone.last_seen))),
    told.contradictions.length ? [h("h2", {}, "Signals that disagree"),
      h("ul", {}, told.contradictions.map((doubt) => h("li", {}, `${moment(doubt.at)} ${doubt.what}`)))] : null,
    phone.missing.length ? [h("h2", {}, "Asked for in vain"),
      h("ul", {}, phone.missing.map((name) => h("li", {}, h("code", {}, name.name),
        name.nearest ? ` (nearest here: ${name.nearest})` : "")))] : null,
    h("h2", {}, "Timeline"),
    h("ol.timeline", {}, [...told.timeline].reverse().map((moment_) => h("li", {}, h("time", { dateTime: moment_.at }, moment(moment_.at)), h("span", {}, moment_.what)))),
    told.options.length ? h("details", {}, h("summary", {}, `DHCP options (${told.options.length})`),
      h("div.scroll", {}, h("table", {}, h("thead", {}, h("tr", {}, ["Option", "Name", "Value", "From"].map((name) => h("th", { scope: "col" }, name)))),
        h("tbody", {}, told.options.map((option) => h("tr", {}, [option.code ?? "", option.name, option.value, option.origin].map((cell) => h("td", {}, String(cell))))))))) : null,
  ];
  const wasOpen = view().querySelector("details")?.open;
  view().replaceChildren(...sections.flat().filter(Boolean));
  const details = view().querySelector("details");
  if (details && wasOpen) details.open = true;
  if (first) view().querySelector("h1").focus();
  else [...view().querySelectorAll("button")].find((one) => one.textContent === focus)?.focus();
}
