// Asking the bench, with the token where one is needed. It stays with this tab.

import { byId } from "./dom.js";

let token = sessionStorage.getItem("token");

export function headers() {
  return token ? { Authorization: `Bearer ${token}` } : {};
}

/** Asks; gives what came as JSON. Fails with the bench's own words. */
export async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { ...options, headers: { ...headers(), ...options.headers }, cache: "no-store" });
  } catch {
    throw new Error("The bench does not answer.");
  }
  if (answer.status === 401) {
    login();
    throw new Error("The token is needed.");
  }
  const body = await answer.json().catch(() => null);
  if (!answer.ok) throw Object.assign(new Error(body?.detail ?? `The bench answered ${answer.status}.`), { status: answer.status });
  return body;
}

export const forget = (mac) => ask(`/api/phones/${mac}`, { method: "DELETE" });
export const act = (mac, what) => ask(`/api/phones/${mac}/${what}`, { method: "POST" });

/** Adds rows to the roster, each an object by column. */
export function addToRoster(rows) {
  const columns = Object.keys(rows[0]);
  const cell = (text) => `"${String(text).replaceAll('"', '""')}"`;
  const lines = [columns, ...rows.map((row) => columns.map((column) => row[column] ?? ""))];
  const body = lines.map((line) => line.map(cell).join(",")).join("\n") + "\n";
  return ask("/api/roster", { method: "POST", body, headers: { "Content-Type": "text/csv" } });
}

/** Sends one file, and says how much of it is there. */
export function send(file, path, options, progress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const query = new URLSearchParams({ name: path, ...options });
    request.open("POST", `/api/import?${query}`);
    for (const [name, value] of Object.entries(headers())) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => progress(event.loaded / Math.max(1, event.total));
    request.onerror = () => reject(new Error("The bench does not answer, or broke off."));
    request.onload = () => {
      let body = null;
      try { body = JSON.parse(request.responseText); } catch { /* said below */ }
      if (request.status === 401) login();
      if (request.status === 200 && body) resolve(body);
      else reject(new Error(body?.detail ?? `The bench answered ${request.status}.`));
    };
    request.responseType = "text";
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.send(file);
  });
}

const waiting = [];

/** Resolves once a token was entered. */
export function login() {
  const dialog = byId("login");
  if (!dialog.open) {
    byId("login-wrong").hidden = !token;
    dialog.showModal();
  }
  return new Promise((resolve) => waiting.push(resolve));
}

byId("login-form").addEventListener("submit", (event) => {
  event.preventDefault();
  token = byId("token").value.trim();
  sessionStorage.setItem("token", token);
  byId("token").value = "";
  byId("login").close();
  waiting.splice(0).forEach((resolve) => resolve());
});
// Without it there is nothing to see.
byId("login").addEventListener("cancel", (event) => event.preventDefault());
