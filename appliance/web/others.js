// Clients that are no phones: a table below the phones, asked for when their number changes and now and then.

import { ask } from "./api.js";
import { byId, h } from "./dom.js";
import { live } from "./live.js";
import { plural, spell } from "./words.js";

const OFTEN = 10000;
let known = { count: 0, at: 0 };

export function changed() {
  const count = live.bench.others ?? 0;
  byId("others").hidden = count === 0;
  if (count === 0 || (count === known.count && Date.now() - known.at < OFTEN)) return;
  known = { count, at: Date.now() };
  refresh();
}

async function refresh() {
  try {
    draw(await ask("/api/clients"));
  } catch {
    known.at = 0;
  }
}

function draw(clients) {
  byId("others-title").textContent = `${plural(clients.length, "other client")}, no phones`;
  const heads = ["MAC", "Address", "Vendor class", "Last seen"];
  const time = (text) => (text ? new Date(text).toLocaleTimeString() : "–");
  const cells = (client) => [spell(client.mac), client.address ?? "–", client.vendor_class ?? "–", time(client.last_seen)];
  byId("others-list").replaceChildren(h("table", {},
    h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head)))),
    h("tbody", {}, clients.map((client) => h("tr", {}, cells(client).map((cell) => h("td", {}, cell)))))));
}
