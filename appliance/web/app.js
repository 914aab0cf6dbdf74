// The page: which view is shown, and what goes to whom as the bench tells it.

import { byId, say } from "./dom.js";
import * as library from "./library.js";
import { live, start, watch } from "./live.js";
import { needs } from "./needs.js";
import * as others from "./others.js";
import * as phone from "./phone.js";
import * as phones from "./phones.js";
import * as scan from "./scan.js";
import { readMac } from "./words.js";

const VIEWS = ["phones", "phone", "library", "scan"];
let flowed = null;
let needed = 0;

function route() {
  const [name, rest] = location.hash.replace(/^#\/?/, "").split("/");
  const mac = name === "phone" ? readMac(rest ?? "") : null;
  const view = mac ? "phone" : VIEWS.includes(name) && name !== "phone" ? name : "phones";
  for (const other of VIEWS) byId(`view-${other}`).hidden = other !== view;
  for (const link of document.querySelectorAll("nav a")) {
    const current = link.hash === (view === "phones" ? "#/" : `#/${view}`);
    if (current) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  phone.hide();
  library.hide();
  if (view === "phone") phone.show(mac);
  if (view === "library") library.show();
  if (view === "scan") scan.show();
  scrollTo(0, 0);
}

function connection() {
  const away = Math.round((Date.now() - live.heard) / 1000);
  say(byId("link"), live.connected ? "Live" : "Not connected");
  byId("link").classList.toggle("off", !live.connected);
  const banner = byId("stale");
  const lost = !live.connected && live.phones.size > 0 && away > 1;
  if (banner.hidden === lost) banner.hidden = !lost;
  if (lost) say(banner, "The bench does not answer. This is what was last heard of it; the page goes on by itself when it is back.");
  for (const name of ["reached", "notices"]) {
    const lines = live.bench[name] ?? [];
    byId(name).hidden = lost || lines.length === 0;
    say(byId(name), lines.map((line) => line[0].toUpperCase() + line.slice(1) + ".").join(" "));
  }
}

watch((macs) => {
  phones.changed(macs);
  if (macs === null || performance.now() - needed > 400) {
    needed = performance.now();
    needs();
  } else {
    // The last of a burst is not left out.
    clearTimeout(needs.later);
    needs.later = setTimeout(() => { needed = performance.now(); needs(); }, 400);
  }
  phone.changed(macs);
  library.changed();
  others.changed();
  if (live.bench.second !== flowed) {
    flowed = live.bench.second;
    phones.flow();
  }
  connection();
});

phones.build();
library.build();
scan.build();
addEventListener("hashchange", route);
setInterval(connection, 1000);
route();
start();
