// The page: asks for samples, sends baskets, shows answers and errors where they belong.

import { addLine, fillForm, formFromText, offer, placeOf, readForm, readText } from "./basket.js";
import { answerOf, make } from "./answer.js";

const SECONDS = 20;
const element = (id) => document.getElementById(id);
const entry = () => document.querySelector("[name=entry]:checked").value;
// What the service calls types, in words.
const TYPES = { int: "a whole number", float: "a number", str: "text", null: "nothing", array: "a list", object: "fields" };
let key = ""; // in memory only
let known = ""; // the model version whose samples are shown
let asked = 0; // an answer that is not the last one's is dropped

/** Send a request; the answer's status, value and milliseconds. Raises an Error in the user's words. */
async function ask(path, options = {}) {
  const started = performance.now();
  let response, text;
  try {
    response = await fetch(path, { ...options, cache: "no-store", signal: AbortSignal.timeout(SECONDS * 1000), headers: { ...options.headers, ...(key && { "x-api-key": key }) } });
    text = await response.text();
  } catch (error) {
    throw new Error(error.name === "TimeoutError" ? `The service did not answer within ${SECONDS} seconds.` : "The service cannot be reached.");
  }
  const took = performance.now() - started;
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error(`The answer is not the service's: HTTP ${response.status}.`);
  }
  return { status: response.status, value, took };
}

/** Fetch what the model knows, for the first time also into the form; say whether that worked. */
async function loadSamples() {
  const first = element("all").disabled;
  try {
    const { status, value } = await ask("samples");
    if (status !== 200) return refuse(status, value.error ?? {}, { retry: first });
    known = value.model_version;
    showVersion(known);
    offer(value.categories);
    element("samples").replaceChildren(...value.samples.map(sampleButton));
    if (first) fillForm(value.samples[0].basket);
    element("all").disabled = element("all").hidden = false;
    clearFaults();
    return true;
  } catch (error) {
    complain(error.message, { retry: first });
  }
  return false;
}

function sampleButton({ title, basket }) {
  const button = make("button", { type: "button" }, title);
  button.addEventListener("click", () => {
    fillForm(basket);
    if (entry() === "text") writeText();
    predict();
  });
  return button;
}

async function predict() {
  clearFaults();
  const turn = ++asked;
  try {
    const { baskets, body } = entry() === "text" ? readText(element("text").value) : fromForm();
    const { status, value, took } = await ask("predict?explain=true", { method: "POST", body, headers: { "content-type": "application/json" } });
    if (turn !== asked) return;
    if (status !== 200) refuse(status, value.error ?? {});
    else show(value, { took, baskets });
  } catch (error) {
    if (turn !== asked) return;
    if (entry() === "text") mark(element("text"), error.message);
    complain(error.message);
  }
}

function fromForm() {
  const baskets = readForm();
  return { baskets, body: JSON.stringify(baskets) };
}

function show(value, { took, baskets }) {
  const predictions = Array.isArray(value) ? value : [value];
  const sizes = (Array.isArray(baskets) ? baskets : [baskets]).map((each) => each.lines.length);
  if (predictions.length === 0) return complain("The list has no basket.");
  const { said, elements } = answerOf(predictions, { took, sizes });
  element("answer").replaceChildren(...elements);
  age(false);
  element("said").textContent = said;
  showVersion(predictions[0].model_version);
  if (element("result").getBoundingClientRect().top > window.innerHeight * 0.6) element("result").scrollIntoView({ behavior: "smooth" });
  // Another model took over: its samples are others.
  if (predictions[0].model_version !== known) loadSamples();
}

/** Show what the service refused, at the field it names. */
function refuse(status, { message: told = `HTTP ${status}`, field }, { retry = false } = {}) {
  const message = told.replace(/`(\w+)`/g, (_, name) => TYPES[name] ?? name);
  if (status === 401) {
    element("access").hidden = false;
    mark(element("key"), message);
    return complain(key ? "The key is not valid." : "This service asks for a key.");
  }
  if (entry() === "text") {
    mark(element("text"), field ? `${field}: ${message}` : message);
    return complain(field ? `${field}: ${message}` : message);
  }
  const { input, words } = field === undefined ? {} : placeOf({ field, message: told });
  if (input) mark(input, message);
  complain(words ? `${words}: ${message}` : message, { retry });
}

function mark(input, message) {
  const id = `fault-${input.id || "line"}`;
  input.setAttribute("aria-invalid", "true");
  input.dataset.described = input.getAttribute("aria-describedby") ?? "";
  input.setAttribute("aria-describedby", `${id} ${input.dataset.described}`.trim());
  const fault = make("p", { className: "fault", id }, message);
  if (input.closest(".line, .field")) input.closest(".line, .field").append(fault);
  else input.after(fault);
  input.focus();
}

function clearFaults() {
  element("alert").hidden = true;
  for (const each of document.querySelectorAll(".fault")) each.remove();
  for (const each of document.querySelectorAll("[aria-invalid]")) {
    each.removeAttribute("aria-invalid");
    if (each.dataset.described) each.setAttribute("aria-describedby", each.dataset.described);
    else each.removeAttribute("aria-describedby");
  }
}

function complain(message, { retry = false } = {}) {
  // Nothing is known yet to fill the form with.
  element("all").hidden = element("all").disabled;
  const again = make("button", { type: "button" }, "Try again");
  again.addEventListener("click", () => loadSamples());
  element("alert").replaceChildren(message, " ", ...(retry ? [again] : []));
  element("alert").hidden = false;
  element("said").textContent = "";
  age(true);
  return false;
}

/** Say whether the answer is of another basket than the one that is shown. */
function age(old) {
  const answered = element("answer").querySelector(".class") !== null;
  element("result").classList.toggle("old", old && answered);
  element("stale").hidden = !(old && answered);
}

function showVersion(version) {
  element("version").textContent = version;
  element("model").hidden = false;
}

function writeText() {
  element("text").value = JSON.stringify(readForm(), null, 2);
  element("text").setSelectionRange(0, 0);
}

function switchEntry() {
  clearFaults();
  const text = entry() === "text";
  if (text) writeText();
  else {
    try {
      formFromText(element("text").value);
    } catch (error) {
      document.querySelector("[name=entry][value=text]").checked = true;
      mark(element("text"), error.message);
      return complain(error.message);
    }
  }
  element("form-entry").hidden = text;
  element("text-entry").hidden = !text;
  return true;
}

element("basket").addEventListener("submit", (event) => {
  event.preventDefault();
  predict();
});
element("basket").addEventListener("input", (event) => event.target.name !== "entry" && age(true));
for (const each of document.querySelectorAll("[name=entry]")) each.addEventListener("change", switchEntry);
element("add").addEventListener("click", () => addLine({ quantity: 1 }).querySelector("input").focus());
element("text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) predict();
});
element("access-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  clearFaults();
  // A header takes no other characters.
  key = element("key").value.replace(/[^\x21-\x7e]/g, "");
  if (await loadSamples()) element("samples").querySelector("button").focus();
});

if (document.documentElement.dataset.key === "asked") {
  element("access").hidden = false;
  element("all").hidden = true;
  element("key").focus();
} else loadSamples();
