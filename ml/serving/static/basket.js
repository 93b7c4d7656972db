// A basket, between the form, pasted text and what the service takes. The service alone says what is wrong with one.

const BASKET = ["basket_id", "shop_weekday", "shop_hour", "store_format", "store_region", "store_code", "seg_1", "seg_2"];
const LINE = ["prod_code", "quantity", "spend", "prod_code_10", "prod_code_20", "prod_code_30", "prod_code_40"];
const ON_LINE = { prod_code: "product code", quantity: "quantity", spend: "spend", prod_code_10: "category" };
const IN_FORM = ["shop_weekday", "shop_hour", "store_format", "store_region", "seg_1", "seg_2"];
const NUMBERS = ["quantity", "spend", "shop_weekday", "shop_hour"];
const REQUIRED = ["shop_weekday", "shop_hour", "store_format", "store_region", "prod_code", "quantity", "spend"];
const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
// What older weekly files call two columns.
const OLDER = { cust_price_sensitivity: "seg_1", cust_lifestage: "seg_2" };

const element = (id) => document.getElementById(id);
const lines = () => [...element("lines").children];
// What the form has no field for, of the basket and of each line; it is sent along as it came.
const kept = new WeakMap();

/** A field's text as the service takes it: what is no number is sent as it is, for the service to name it. */
function valueOf(name, text) {
  const bare = text.trim();
  if (bare === "") return REQUIRED.includes(name) ? null : undefined;
  const number = NUMBERS.includes(name) ? Number(bare) : NaN;
  return Number.isFinite(number) ? number : bare;
}

export function readForm() {
  const basket = { ...kept.get(element("lines")) };
  for (const name of IN_FORM) basket[name] = valueOf(name, element(name).value);
  basket.lines = lines().map((row) => {
    const line = {};
    for (const name of Object.keys(ON_LINE)) line[name] = valueOf(name, field(row, name).value);
    return { ...line, ...kept.get(row) };
  });
  return basket;
}

export function fillForm(basket) {
  element("lines").replaceChildren();
  for (const line of basket.lines) addLine(line);
  for (const name of IN_FORM) choose(element(name), basket[name]);
  kept.set(element("lines"), rest(basket, [...IN_FORM, "lines"]));
  noteKept();
}

export function addLine(line = {}) {
  const row = element("line").content.firstElementChild.cloneNode(true);
  for (const name of Object.keys(ON_LINE)) field(row, name).value = line[name] ?? "";
  kept.set(row, rest(line, Object.keys(ON_LINE)));
  row.querySelector(".remove").addEventListener("click", () => removeLine(row));
  element("lines").append(row);
  nameLines();
  return row;
}

function removeLine(row) {
  const next = row.nextElementSibling ?? row.previousElementSibling;
  row.remove();
  nameLines();
  noteKept();
  (next ? next.querySelector(".remove") : element("add")).focus();
  element("lines").dispatchEvent(new Event("input", { bubbles: true }));
}

function nameLines() {
  for (const [place, row] of lines().entries()) {
    row.setAttribute("aria-label", `Line ${place + 1}`);
    row.querySelector(".remove").setAttribute("aria-label", `Remove line ${place + 1}`);
    for (const [name, words] of Object.entries(ON_LINE)) field(row, name).setAttribute("aria-label", `Line ${place + 1}, ${words}`);
  }
}

function noteKept() {
  const names = [element("lines"), ...lines()].flatMap((each) => Object.keys(kept.get(each) ?? {}));
  element("kept").hidden = names.length === 0;
  element("kept").textContent = `Sent along as it came, without a field here: ${[...new Set(names)].join(", ")}.`;
}

/** Fill the form's lists with the values that the model knows; what is chosen stays so. */
export function offer(categories) {
  const named = (values) => (values ?? []).map((value) => [value, value]);
  list("store_format", named(categories.store_format));
  list("store_region", named(categories.store_region));
  list("shop_weekday", DAYS.map((day, place) => [place + 1, day]));
  list("shop_hour", [...Array(24).keys()].map((hour) => [hour, `${String(hour).padStart(2, "0")}:00`]));
  for (const name of ["seg_1", "seg_2"]) list(name, [["", "none"], ...named(categories[name])]);
}

function list(name, options) {
  const chosen = element(name).value;
  element(name).replaceChildren(...options.map(([value, words]) => new Option(words, value)));
  if (chosen) choose(element(name), chosen);
}

/** Choose a value, also one that the model does not know. */
function choose(select, value) {
  const text = String(value ?? "");
  if (![...select.options].some((each) => each.value === text)) select.add(new Option(text === "" ? "none" : text, text));
  select.value = text;
}

/** Pasted text, JSON or lines of a weekly file, as baskets and as what is sent. Raises an Error that says what is wrong. */
export function readText(text) {
  if (!/^\s*[[{]/.test(text)) {
    const baskets = fromWeekly(text);
    return { baskets, body: JSON.stringify(baskets) };
  }
  try {
    return { baskets: JSON.parse(text), body: text };
  } catch (error) {
    throw new Error(`Not JSON: ${error.message}`);
  }
}

function fromWeekly(text) {
  const rows = text.split(/\r?\n/).filter((row) => row.trim()).map((row) => row.split(",").map((cell) => cell.trim().replace(/^"(.*)"$/, "$1")));
  const columns = (rows.shift() ?? []).map((name) => OLDER[name.toLowerCase()] ?? name.toLowerCase());
  if (!columns.includes("prod_code")) throw new Error("Neither JSON nor lines of a weekly file: the first line has no column PROD_CODE.");
  if (rows.length === 0) throw new Error("There are no lines below the header.");
  const baskets = new Map();
  for (const cells of rows) {
    const given = Object.fromEntries(columns.map((name, place) => [name, cells[place] ?? ""]));
    const id = given.basket_id ?? "";
    if (!baskets.has(id)) baskets.set(id, { ...pick(given, BASKET), lines: [] });
    baskets.get(id).lines.push(pick(given, LINE));
  }
  return baskets.size === 1 ? [...baskets.values()][0] : [...baskets.values()];
}

function pick(given, names) {
  return Object.fromEntries(names.filter((name) => name in given).map((name) => [name, valueOf(name, given[name])]));
}

/** Fill the form from pasted text; raises an Error where it is not one basket. */
export function formFromText(text) {
  const { baskets: basket } = readText(text);
  const one = Array.isArray(basket) && basket.length === 1 ? basket[0] : basket;
  if (!Array.isArray(one?.lines) || !one.lines.every((line) => line instanceof Object)) {
    throw new Error(Array.isArray(one) ? `The form holds one basket, the text has ${one.length}.` : "The text is no basket: it has no lines.");
  }
  fillForm(one);
}

/** The form's field that an error's place (`$.lines[0].spend`) speaks of, and what to call it. */
export function placeOf({ field: place = "", message }) {
  const [, row, named] = /^\$(?:\[0\])?(?:\.lines\[(\d+)\])?(?:\.(\w+))?$/.exec(place) ?? [];
  const name = named ?? /missing required field `(\w+)`/.exec(message)?.[1];
  if (row === undefined) return name === "lines" ? { input: element("add"), words: "Lines" } : { input: IN_FORM.includes(name) ? element(name) : null, words: name };
  const line = lines()[Number(row)];
  return { input: (line && name in ON_LINE && field(line, name)) || null, words: `Line ${Number(row) + 1}, ${ON_LINE[name] ?? name}` };
}

function field(row, name) {
  return row.querySelector(`[name="${name}"]`);
}

function rest(given, without) {
  return Object.fromEntries(Object.entries(given).filter(([name, value]) => !without.includes(name) && ![undefined, null, ""].includes(value)));
}
