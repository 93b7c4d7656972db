/* Elements made of data: text is always text, never markup. */
"use strict";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat(3)) {
    if (child !== null && child !== undefined && child !== false) element.append(child);
  }
  return element;
}

const h = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
const s = (tag, attributes, ...children) => fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
const byId = (id) => document.getElementById(id);

const TONES = { passed: "good", failed: "bad", caught: "warn", running: "now", waiting: "", stopped: "warn",
  OK: "good", ALARM: "bad", INSUFFICIENT_DATA: "", Approved: "good", Rejected: "bad", PendingManualApproval: "warn",
  promoted: "good", rolled_back: "warn", refused: "bad", nothing: "", emulated: "good", accepted: "warn" };
const badge = (word, text) => h("span", { class: `badge ${TONES[word] || ""}` }, text || String(word).replaceAll("_", " "));

const at = (text) => (text === null || text === undefined ? null : Date.parse(text));
const two = (number) => String(number).padStart(2, "0");

function clock(milliseconds, fine = false) {
  const time = new Date(milliseconds);
  const text = `${two(time.getUTCHours())}:${two(time.getUTCMinutes())}:${two(time.getUTCSeconds())}`;
  return fine ? `${text}.${String(time.getUTCMilliseconds()).padStart(3, "0")}` : text;
}

function lasted(seconds) {
  if (seconds === null || !Number.isFinite(seconds)) return "–";
  if (seconds < 0.0995) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min`;
}

const between = (start, end) => (end ?? page.now) - start;
const count = (number) => number.toLocaleString("en-US");
const plural = (number, word, many) => `${count(number)} ${number === 1 ? word : many || `${word}s`}`;

function figure(value) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  if (size >= 1000 || Number.isInteger(value)) return count(Math.round(value));
  return String(Number(value.toPrecision(size < 1 ? 3 : 4))).replace("-", "−");
}

/* One tooltip for the page, for pointer and keyboard alike: lines of text. */
const tip = {
  show(lines, x, y) {
    const box = byId("tip");
    box.replaceChildren(...lines.filter(Boolean).map((line, place) => h(place ? "div" : "b", null, line)));
    box.hidden = false;
    const { width, height } = box.getBoundingClientRect();
    const left = Math.min(Math.max(6, x + 14), innerWidth - width - 6);
    const below = y + 18 + height < innerHeight;
    box.style.left = `${Math.max(6, left)}px`;
    box.style.top = `${below ? y + 18 : Math.max(6, y - height - 12)}px`;
  },
  hide() { byId("tip").hidden = true; },
};

function tipped(element, lines) {
  element.addEventListener("pointermove", (event) => tip.show(lines(), event.clientX, event.clientY));
  element.addEventListener("pointerleave", () => tip.hide());
  element.addEventListener("focus", () => {
    const box = element.getBoundingClientRect();
    tip.show(lines(), Math.max(0, box.left), Math.min(box.bottom, innerHeight) - 10);
  });
  element.addEventListener("blur", () => tip.hide());
  return element;
}

/* A table in a frame that scrolls sideways: columns are [title, cell of a row, "n" for figures]. */
function table(label, columns, rows, mark) {
  if (!rows.length) return h("p", { class: "note" }, "None yet.");
  return h("div", { class: "wide", role: "region", "aria-label": label, tabindex: "0" },
    h("table", null,
      h("thead", null, h("tr", null, columns.map(([title, , kind]) => h("th", { scope: "col", class: kind }, title)))),
      h("tbody", null, rows.map((row) => h("tr", { class: mark ? mark(row) : null },
        columns.map(([, cell, kind]) => h("td", { class: kind }, cell(row))))))));
}

/* A <details> that stays as it was when the page is drawn anew. */
function more(key, title, ...content) {
  const element = h("details", { "data-key": key, open: page.open.has(key) }, h("summary", null, title), ...content);
  element.addEventListener("toggle", () => { if (element.open) page.open.add(key); else page.open.delete(key); });
  return element;
}
