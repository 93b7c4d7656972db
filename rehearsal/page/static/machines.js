/* The state machines' graphs; a chosen execution colours its path. */
"use strict";

function visitsByState(execution) {
  const found = new Map();
  for (const visit of execution ? execution.visits : []) {
    if (!found.has(visit.state)) found.set(visit.state, []);
    found.get(visit.state).push(visit);
  }
  return found;
}

/* The transitions that an execution took: those of a Map's items each by themselves. */
function taken(execution) {
  const last = new Map(), found = new Set();
  for (const visit of execution ? execution.visits : []) {
    if (last.has(visit.iteration)) found.add(JSON.stringify([last.get(visit.iteration), visit.state]));
    last.set(visit.iteration, visit.state);
  }
  return found;
}

const WORST = ["failed", "stopped", "running", "caught", "passed"];
const outcomeOf = (visits) => (visits.length === 1 || visits[0].iteration === null ? visits.at(-1).outcome
  : WORST.find((each) => visits.some((visit) => visit.outcome === each)));
const secondsOf = (visits) => visits.reduce((sum, each) => sum + between(at(each.entered), at(each.exited)), 0) / 1000;

function timeOf(visits) {
  const times = visits[0].iteration === null && visits.length > 1 ? ` ×${visits.length}` : "";
  const items = visits[0].iteration !== null ? ` in ${plural(visits.length, "item")}` : "";
  const tries = visits.reduce((sum, each) => sum + Math.max(0, each.tries - 1), 0);
  return `${lasted(secondsOf(visits))}${times}${items}${tries ? `, ${plural(tries, "retry", "retries")}` : ""}`;
}

function graphOf(machine, execution) {
  const { graph } = machine, visited = visitsByState(execution), path = taken(execution);
  const known = new Set();
  const lines = graph.edges.map((edge) => {
    const on = path.has(JSON.stringify([edge.source, edge.target]));
    if (on) known.add(edge.target);
    return { on, element: tipped(s("path", { class: `way ${edge.kind}${on ? " taken" : ""}`, d: edge.path, "marker-end": `url(#tip-${on ? (edge.kind === "catch" ? "error" : "taken") : edge.kind})`,
      "data-from": edge.source, "data-to": edge.target }), () => [`${edge.source} → ${edge.target}`, edge.kind === "next" ? "" : edge.kind === "catch" ? `on error: ${edge.label}` : edge.label]) };
  });
  const nodes = graph.nodes.map((node) => nodeOf(node, visited.get(node.id), Boolean(execution)));
  const bold = (name) => ["taken", "error"].includes(name);
  const marker = (name) => s("marker", { id: `tip-${name}`, viewBox: "0 0 8 8", refX: 7, refY: 4, markerUnits: "userSpaceOnUse", markerWidth: bold(name) ? 11 : 8, markerHeight: bold(name) ? 11 : 8, orient: "auto", class: `${name} ${bold(name) ? "taken" : ""}` }, s("path", { d: "M0 0.5 8 4 0 7.5z" }));
  // Boxes of Maps first, then lines, then states: lines are seen inside of a Map and end at boxes.
  const isMap = (place) => ["Map", "Parallel"].includes(graph.nodes[place].kind);
  return s("svg", { viewBox: `0 0 ${graph.width} ${graph.height}`, style: `max-width:${graph.width}px;min-width:${SMALLEST * graph.width}px`, role: "group",
    "aria-label": `Graph of ${machine.name}${execution ? `, the path of ${execution.name}` : ""}`, class: execution ? "graph chosen" : "graph" },
    s("defs", null, ["next", "choice", "catch", "taken", "error"].map(marker)),
    nodes.filter((_, place) => isMap(place)), lines.filter((each) => !each.on).map((each) => each.element),
    lines.filter((each) => each.on).map((each) => each.element), nodes.filter((_, place) => !isMap(place)));
}

/* Below this share of its size a graph is not made smaller: it scrolls. */
const SMALLEST = 0.8;
const ROUNDED = { Choice: 19, Succeed: 19, Fail: 19 };

function nodeOf(node, visits, chosen) {
  const tone = visits ? outcomeOf(visits) : "unvisited", time = visits ? timeOf(visits) : "";
  const group = s("g", { class: `node ${node.kind} ${tone}${page.state === node.id ? " picked" : ""}`, transform: `translate(${node.x} ${node.y})`,
    tabindex: "0", role: "button", "aria-label": `${node.id}, ${node.kind}${chosen ? `, ${visits ? `${tone}, ${time}` : "not visited"}` : ""}`, "data-state": node.id },
    s("rect", { width: node.width, height: node.height, rx: ROUNDED[node.kind] || 7 }),
    node.lines.map((line, place) => s("text", { x: 11, y: 21 + 16 * place, class: "title" }, line)),
    s("text", { x: 11, y: 21 + 16 * node.lines.length, class: "detail" }, time || cut(node.detail || node.kind, 31)));
  const pick = () => { page.state = page.state === node.id ? null : node.id; drawMachines({ keep: true }); };
  group.addEventListener("click", pick);
  group.addEventListener("keydown", (event) => { if (["Enter", " "].includes(event.key)) { event.preventDefault(); pick(); } });
  return tipped(group, () => [node.id, node.comment, node.detail, time && `${tone}, ${time}`, visits?.at(-1).failures.at(-1)?.error]);
}

function executionList(machine) {
  const own = page.document.executions.filter((each) => each.machine === machine.name);
  if (!own.length) return h("p", { class: "note" }, "No execution yet.");
  return h("ul", { class: "executions" }, own.map((each) => h("li", null,
    h("button", { type: "button", "aria-pressed": String(each.arn === page.execution), "data-arn": each.arn, onclick: () => choose(each.arn) },
      h("span", { class: `dot ${each.status}`, "aria-hidden": "true" }),
      h("span", { class: "what" }, lastState(each)),
      h("small", null, `${clock(at(each.started))}, ${lasted(between(at(each.started), at(each.ended)) / 1000)}`),
      h("small", { class: "name" }, each.name)))));
}

const lastState = (each) => each.visits.filter((visit) => visit.iteration === null).at(-1)?.state || each.aws_status.toLowerCase();

function pretty(text) {
  try { return JSON.stringify(JSON.parse(text), null, 2); } catch { return text; }
}

const json = (key, title, text) => (text ? more(key, title, h("pre", { tabindex: "0" }, pretty(text))) : null);

/* What a cause says in words: a job's and a function's are JSON with a sentence inside of them. */
function reasonOf(cause) {
  try { const found = JSON.parse(cause); return found.FailureReason || found.errorMessage || null; } catch { return null; }
}

function failureOf(key, error, cause) {
  if (!error) return null;
  const reason = cause && reasonOf(cause);
  return h("div", { class: "failure" }, h("b", null, error), reason && h("p", null, reason),
    reason ? json(`${key} cause`, "All that it says", cause) : cause && h("pre", { tabindex: "0" }, pretty(cause)));
}

function executionDetail(execution) {
  return [h("h3", null, lastState(execution), " ", badge(execution.status)),
    h("dl", null,
      h("dt", null, "Execution"), h("dd", null, h("code", null, execution.name)),
      h("dt", null, "Status"), h("dd", null, execution.aws_status),
      h("dt", null, "Began"), h("dd", null, clock(at(execution.started), true)),
      h("dt", null, "Took"), h("dd", null, lasted(between(at(execution.started), at(execution.ended)) / 1000)),
      h("dt", null, "ARN"), h("dd", null, h("code", null, execution.arn))),
    failureOf(execution.arn, execution.error, execution.cause),
    json(`${execution.arn} in`, "Input", execution.input), json(`${execution.arn} out`, "Output", execution.output),
    more(`${execution.arn} states`, `Its ${plural(execution.visits.length, "state")} one after the other`, h("ol", { class: "visits" },
      execution.visits.map((each) => h("li", null, h("span", { class: `dot ${each.outcome}` }),
        `${each.state}${each.iteration === null ? "" : ` (item ${each.iteration + 1})`} `,
        h("small", null, `${clock(at(each.entered))}, ${lasted(between(at(each.entered), at(each.exited)) / 1000)}`)))))];
}

function stateDetail(machine, execution) {
  const node = machine.graph.nodes.find((each) => each.id === page.state);
  if (!node) return [];
  const visits = execution ? execution.visits.filter((each) => each.state === page.state) : [];
  return [h("h3", null, node.id), h("p", null, node.comment), h("p", { class: "note" }, [node.kind, node.detail].filter(Boolean).join(": ")),
    execution && !visits.length && h("p", { class: "note" }, "This execution did not come here."),
    visits.map((each, place) => {
      const key = `${execution.arn} ${page.state} ${place}`, which = each.iteration === null ? `${place + 1}` : `item ${each.iteration + 1}`;
      return h("div", { class: "visit" },
        h("p", null, visits.length > 1 && h("b", null, `${which}. `), badge(each.outcome), ` ${clock(at(each.entered), true)}, ${lasted(between(at(each.entered), at(each.exited)) / 1000)}`,
          each.tries > 1 && `, ${plural(each.tries, "try", "tries")}`),
        each.failures.map((failure, number) => failureOf(`${key} ${number}`, failure.error, failure.cause)),
        json(`${key} in`, "Input", each.input), json(`${key} out`, "Output", each.output));
    })];
}

/* How far to scroll to the right, so that the first state is in the middle. */
function startOf(machine, canvas) {
  const first = machine.graph.nodes.reduce((one, other) => (other.y < one.y ? other : one));
  return (first.x + first.width / 2) * (canvas.scrollWidth / machine.graph.width) - canvas.clientWidth / 2;
}

/* Those that ran first come first. */
function inOrder() {
  const first = (machine) => page.document.executions.find((each) => each.machine === machine.name)?.started ?? "z";
  return [...page.document.machines].sort((one, other) => first(one).localeCompare(first(other)));
}

function drawMachines({ keep = false } = {}) {
  const machines = inOrder(), box = byId("machines-box");
  if (!machines.length) { box.replaceChildren(h("p", { class: "note" }, "None yet.")); return; }
  const machine = machineOf(page.machine) || machines[0];
  page.machine = machine.name;
  if (!executionOf(page.execution) || executionOf(page.execution).machine !== machine.name) {
    const own = page.document.executions.filter((each) => each.machine === machine.name);
    page.execution = (own.find((each) => each.status === "running") || own.at(-1))?.arn ?? null;
  }
  const execution = executionOf(page.execution), before = box.querySelector(".canvas"), focus = document.activeElement;
  const again = focus && box.contains(focus) ? focus.dataset : null, listed = box.querySelector(".list")?.scrollTop || 0;
  const tabs = h("div", { class: "tabs", role: "group", "aria-label": "State machine" }, machines.map((each) => h("button", {
    type: "button", "aria-pressed": String(each === machine), "data-machine": each.name,
    onclick: () => { Object.assign(page, { machine: each.name, execution: null, state: null }); drawMachines(); } },
    `${shortName(each.name)} `, h("small", null, String(page.document.executions.filter((one) => one.machine === each.name).length)))));
  const canvas = h("div", { class: "canvas", tabindex: "0", role: "region", "aria-label": "Graph" }, graphOf(machine, execution));
  const detail = h("div", { class: "detail-box", "aria-live": "polite" }, stateDetail(machine, execution), execution && executionDetail(execution));
  box.replaceChildren(tabs, h("p", { class: "note" }, machine.comment),
    h("div", { class: "machines" }, h("div", { class: "list" }, executionList(machine)), canvas, detail));
  box.querySelector(".list").scrollTop = listed;
  if (before && (keep || before.dataset.shown === machine.name)) { canvas.scrollTop = before.scrollTop; canvas.scrollLeft = before.scrollLeft; }
  else canvas.scrollLeft = startOf(machine, canvas);
  canvas.dataset.shown = machine.name;
  if (again) {
    const [name, value] = Object.entries(again).find(([key]) => ["arn", "machine", "state"].includes(key)) || [];
    if (name) box.querySelector(`[data-${name}="${CSS.escape(value)}"]`)?.focus({ preventScroll: true });
  }
}
