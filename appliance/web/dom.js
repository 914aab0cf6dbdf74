// Building documents without ever reading markup: text stays text, whatever a phone calls itself.

const SVG = "http://www.w3.org/2000/svg";

/** h("button.primary", {onclick, disabled}, "Text", child, ...): an element with classes, properties and children. */
export function h(tag, properties, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name);
  if (classes.length) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(properties ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key in element && key !== "list") element[key] = value;
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const SHAPES = {
  done: "M4 13l5 5L20 6",
  moving: "M4 12h15M13 6l6 6-6 6",
  crossing: "M3 8h14l-4-4M21 16H7l4 4",
  held: "M8 5v14M16 5v14",
  stuck: "M12 4v10M12 19v.5",
  seen: "M12 12v.5M4 12a8 8 0 1 0 16 0a8 8 0 1 0-16 0",
  absent: "M4 12a8 8 0 1 0 16 0a8 8 0 1 0-16 0",
  wrong: "M6 6l12 12M18 6L6 18",
  flash: "M13 3L5 14h6l-1 7 8-11h-6z",
  left: "M12 7v5l3 3M4 12a8 8 0 1 0 16 0a8 8 0 1 0-16 0",
};

/** A small drawing that says what a word beside it says. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", SHAPES[name] ?? SHAPES.absent);
  svg.append(path);
  return svg;
}

/** Points of a line, as a path. */
export function plot(points, width, height, highest) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  const step = width / Math.max(1, points.length - 1);
  const at = (value) => (height - 1 - (value / (highest || 1)) * (height - 2)).toFixed(1);
  const line = points.map((value, index) => `${(index * step).toFixed(1)},${at(value)}`).join("L");
  for (const [name, d] of [["area", `M0,${height}L${line}L${width},${height}Z`], ["line", `M${line}`]]) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("class", name);
    path.setAttribute("d", d);
    svg.append(path);
  }
  return svg;
}

/** Sets text only where it is other than it was: what does not change is not drawn again. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export const byId = (id) => document.getElementById(id);

/** A line that goes away by itself, and is read aloud. */
export function toast(text, wrong = false) {
  const line = h(wrong ? "p.wrong" : "p", {}, text);
  byId("toasts").append(line);
  setTimeout(() => line.remove(), wrong ? 12000 : 5000);
}
