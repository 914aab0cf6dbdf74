// Words for what the bench says in terms, and how to write things.

export const STAGES = {
  done: "Done",
  moving: "Moving",
  crossing: "Crossing",
  held: "Held",
  stuck: "Stuck",
  seen: "Seen",
  absent: "Not seen yet",
};

export const CODES = {
  "not-eligible": "Not eligible",
  "unknown-vid": "Hardware version (VID) needed",
  "no-license": "License missing",
  "firmware-missing": "Firmware missing",
  "firmware-damaged": "Firmware damaged",
  "no-route": "No way to the target",
  "trust-list": "Trust list to erase",
  "not-listed": "Not in the roster",
  "needs-restart": "Restart needed",
  "not-asking": "Asks for nothing",
  "waiting-outside": "Waiting for another system",
  operator: "Held by you",
  "foreign-dhcp": "Another DHCP server",
  failed: "Failed",
};

export const LICENSES = {
  absent: "no license",
  present: "license at hand",
  fetched: "license given to it",
  accepted: "license accepted",
  unwitnessed: "license not seen (it had crossed before)",
};

export const spell = (mac) => mac.match(/../g).join(":");

/** A MAC address in any common spelling, or what a phone's label says before and after it. */
export function readMac(text) {
  const bare = text.trim().replace(/^(mac|sep)[:\s]*/i, "").replace(/[\s:.-]/g, "");
  return /^[0-9a-f]{12}$/i.test(bare) ? bare.toUpperCase() : null;
}

/** `sip88xx.11-2-3MPP-398` without its family. */
export const short = (load) => (load ? load.slice(load.indexOf(".") + 1) : "not known");

export function bytes(count) {
  const units = ["B", "kB", "MB", "GB"];
  let at = 0;
  while (count >= 1000 && at < units.length - 1) {
    count /= 1000;
    at += 1;
  }
  return `${count >= 100 || at === 0 ? Math.round(count) : count.toFixed(1)} ${units[at]}`;
}

export function span(seconds) {
  if (seconds < 60) return "under a minute";
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `about ${minutes} min`;
  return `about ${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export function moment(text) {
  if (!text) return "";
  const at = new Date(text);
  const day = at.toDateString() === new Date().toDateString() ? "" : `${at.toLocaleDateString()} `;
  return day + at.toLocaleTimeString();
}

export const isUnderWay = (phone) => phone.stage === "moving" || phone.stage === "crossing";

export const plural = (count, one, many = `${one}s`) => `${count} ${count === 1 ? one : many}`;

/** The bench says causes and cures in clauses; alone they are sentences. */
export const sentence = (text) => (text ? `${text[0].toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}` : "");
