// Firmware and licenses at hand and what is missing; files that are dropped anywhere come in here.

import { ask, send } from "./api.js";
import { byId, h, icon, say, toast } from "./dom.js";
import { live } from "./live.js";
import { bytes, plural, spell } from "./words.js";

const view = () => byId("view-library");
const STATES = { complete: ["done", "Complete"], missing: ["stuck", "Files missing"], damaged: ["stuck", "Damaged"] };
const VERDICTS = { new: "new", same: "here already", mended: "mended", replaced: "replaced", changed: "changed", conflict: "in conflict", refused: "refused", skipped: "skipped" };
let known = null;
let shown = false;
let parts = null;
const queue = [];
let sending = false;

export function build() {
  const input = h("input", { type: "file", multiple: true, hidden: true, id: "file" });
  input.addEventListener("change", () => {
    add([...input.files].map((file) => [file, file.name]));
    input.value = "";
  });
  parts = { uploads: h("ul.uploads"), loads: h("div"), licenses: h("div"), rest: h("div"), direction: h("select", { id: "direction" },
    h("option", { value: "" }, "told by their folder"), h("option", { value: "e2m" }, "for Enterprise to Multiplatform"), h("option", { value: "m2e" }, "for Multiplatform to Enterprise")),
    replace: h("input", { type: "checkbox", id: "replace" }) };
  view().append(
    h("h1", { tabIndex: -1 }, "Library"),
    h("div.dropzone", {}, h("p", {}, h("b", {}, "Drop Cisco's zip and COP files, license zips or a list of phones (.csv, .xlsx, .ods) anywhere on this page")),
      h("p", {}, h("button.primary", { type: "button", onclick: () => pick() }, "Choose files"), input),
      h("p.options", {}, h("label", { htmlFor: "direction" }, "Licenses are "), parts.direction,
        h("span.nowrap", {}, parts.replace, h("label", { htmlFor: "replace" }, " replace different files of the same name")))),
    parts.uploads, h("h2", {}, "Firmware"), parts.loads, h("h2", {}, "Licenses"), parts.licenses, parts.rest);
  catchDrops();
}

/** Opens the browser's own choice of files. */
export const pick = () => byId("file").click();

export function show() {
  shown = true;
  refresh();
}

export const hide = () => { shown = false; };

/** The library has changed where its count has; who needs a license changes with the phones. */
export function changed() {
  if (shown && (known?.count !== live.bench.library || Date.now() - known.at > 3000)) refresh();
}

async function refresh() {
  known = { ...known, count: live.bench.library, at: Date.now() };
  try {
    draw(await ask("/api/library"));
  } catch (error) {
    parts.loads.replaceChildren(h("p.wrong", {}, error.message));
  }
}

function table(heads, rows) {
  return h("div.scroll", {}, h("table", {}, h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head)))),
    h("tbody", {}, rows.map((cells) => h("tr", {}, cells.map((cell) => h("td", {}, cell)))))));
}

function wants(load) {
  const packages = [...new Set(Object.values(load.packages))];
  const damaged = load.damaged.map((file) => `${file.file}: ${file.cause}`);
  return [
    load.missing.length ? h("p", {}, `Import ${packages.join(" and ") || "the package that holds them"}; missing: ${load.missing.join(", ")}`) : null,
    damaged.length ? h("p", {}, `Import it again; ${damaged.join("; ")}`) : null,
  ].filter(Boolean);
}

function draw(library) {
  const text = JSON.stringify(library) + [...live.phones.values()].map((phone) => phone.license).join();
  if (text === known.text) return;
  known.text = text;
  const kinds = { enterprise: "Enterprise", transition: "Transition", multiplatform: "Multiplatform" };
  parts.loads.replaceChildren(library.loads.length
    ? table(["Load", "Kind", "Family", "Size", "State"], library.loads.map((load) => {
      const [drawing, word] = STATES[load.state] ?? ["absent", load.state];
      return [h("b.load", {}, load.name), kinds[load.kind] ?? load.kind, load.family, bytes(load.bytes), h(`div.s-${drawing}`, {}, h("span.badge", {}, icon(drawing), word), wants(load))];
    }))
    : h("p.empty", {}, "No firmware yet. Drop Cisco's zip files here, as downloaded."));
  const without = [...live.phones.values()].filter((phone) => phone.license === "absent" && phone.stage !== "done");
  parts.licenses.replaceChildren(
    h("p", {}, `${plural(library.licenses.e2m.length, "license")} for Enterprise to Multiplatform, ${library.licenses.m2e.length} for the way back; ${library.license_uses.length} given to phones.`),
    without.length ? h("details", {}, h("summary", {}, `${plural(without.length, "phone")} without a license`),
      h("p.quiet", {}, "transload export licenses writes their addresses for the License Registration Portal."),
      h("textarea.macs", { readOnly: true, rows: Math.min(10, without.length), "aria-label": "MAC addresses without a license", value: without.map((phone) => phone.mac).join("\n") })) :
      h("p.quiet", {}, "No phone that needs one is without."));
  const files = [...library.unusable.map((file) => [file.file, file.cause]),
    ...library.conflicts.map((conflict) => [conflict.ignored, `not used: ${conflict.served} has the same name`]),
    ...library.unverified.map((file) => [file, "written to since it was imported; transload check --verify reads it again"])];
  parts.rest.replaceChildren(...(files.length ? [h("h2", {}, "Files to look at"), table(["File", "Why"], files)] : []));
}

// Uploads, one after another.

export function add(files) {
  for (const [file, path] of files) {
    const fill = h("i");
    const entry = { file, path, fill, bar: h("div.bar", { role: "progressbar", "aria-label": path, "aria-valuemin": "0", "aria-valuemax": "100" }, fill), said: h("p.quiet", {}, "waiting"), lines: h("ul.lines") };
    entry.element = h("li.upload", {}, h("p", {}, h("b", {}, path), ` ${bytes(file.size)}`), entry.bar, entry.said, entry.lines);
    parts.uploads.prepend(entry.element);
    queue.push(entry);
  }
  if (files.length && location.hash !== "#/library") location.hash = "#/library";
  next();
}

async function next() {
  if (sending || !queue.length) return;
  sending = true;
  const entry = queue.shift();
  const options = parts.direction.value ? { direction: parts.direction.value } : {};
  if (parts.replace.checked) options.replace = "true";
  try {
    const report = await send(entry.file, entry.path, options, (part) => {
      const percent = Math.round(part * 100);
      entry.fill.style.setProperty("--part", part);
      entry.bar.setAttribute("aria-valuenow", percent);
      say(entry.said, percent < 100 ? `sending, ${percent} %` : "being read and checked");
    });
    tell(entry, report);
  } catch (error) {
    entry.element.classList.add("bad");
    say(entry.said, error.message);
    if (!shown) toast(`${entry.path}: ${error.message}`, true);
  }
  sending = false;
  refresh();
  next();
}

function tell(entry, report) {
  const counts = {};
  for (const line of report.lines) counts[line.verdict] = (counts[line.verdict] ?? 0) + 1;
  const said = Object.entries(counts).map(([verdict, count]) => `${count} ${VERDICTS[verdict] ?? verdict}`).join(", ") || "nothing to import";
  say(entry.said, said);
  entry.fill.style.setProperty("--part", 1);
  const bad = report.lines.filter((line) => line.verdict === "refused" || line.verdict === "conflict");
  entry.element.classList.add(bad.length ? "bad" : "good");
  const told = [...bad, ...report.lines.filter((line) => !bad.includes(line) && line.note)].slice(0, 20);
  entry.lines.replaceChildren(...told.map((line) => h("li", {}, `${VERDICTS[line.verdict] ?? line.verdict}: ${[line.file || line.source, line.note].filter(Boolean).join(": ")}`)));
  if (!shown) toast(`${entry.path}: ${said}.`, bad.length > 0);
}

/** The files of what was dropped, those in folders with their folders: a license's tells its direction. */
async function filesOf(entry, before = "") {
  const path = before + entry.name;
  if (entry.isFile) return [[await new Promise((good, bad) => entry.file(good, bad)), path]];
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((good, bad) => reader.readEntries(good, bad));
    if (!some.length) break;
    for (const inner of some) {
      if (!inner.name.startsWith(".") && inner.name !== "__MACOSX") found.push(...(await filesOf(inner, `${path}/`)));
    }
  }
  return found;
}

function catchDrops() {
  const cover = byId("drop");
  let depth = 0;
  const holds = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  const leave = () => {
    depth = 0;
    cover.hidden = true;
  };
  addEventListener("dragenter", (event) => {
    if (!holds(event)) return;
    depth += 1;
    cover.hidden = false;
  });
  addEventListener("dragleave", (event) => {
    if (holds(event) && --depth <= 0) leave();
  });
  addEventListener("dragover", (event) => holds(event) && event.preventDefault());
  addEventListener("drop", async (event) => {
    if (!holds(event)) return;
    event.preventDefault();
    leave();
    const items = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.());
    const loose = [...event.dataTransfer.files].map((file) => [file, file.name]);
    try {
      add(items.every(Boolean) && items.length ? (await Promise.all(items.map((item) => filesOf(item)))).flat() : loose);
    } catch {
      toast("What was dropped cannot be read.", true);
    }
  });
}
