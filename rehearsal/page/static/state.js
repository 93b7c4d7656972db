/* What the page shows at this moment, and what follows from the document. */
"use strict";

const page = { document: null, now: 0, view: null, machine: null, execution: null, state: null, open: new Set() };

function take(document_) {
  page.document = document_;
  const { run, acts, executions, jobs, decisions, load, timings } = document_;
  const moments = [at(run.started)];
  for (const each of [...acts, ...executions, ...jobs, ...load]) moments.push(at(each.ended), at(each.started));
  for (const each of decisions) moments.push(at(each.at));
  for (const each of timings) if (each.started) moments.push(at(each.started), at(each.started) + 1000 * each.seconds);
  const known = moments.filter((each) => each !== null);
  page.from = Math.min(...known);
  page.now = at(run.ended) ?? Math.max(...known, page.live ? Date.now() : 0);
  page.to = Math.max(page.now, ...known, page.from + 1000);
}

const view = () => page.view || [page.from, page.to];

/* Look at a part of the run, not beyond its ends and not closer than a tenth of a second. */
function look(start, end) {
  const width = Math.min(Math.max(end - start, 100), page.to - page.from);
  const from = Math.min(Math.max(start, page.from), page.to - width);
  page.view = width >= page.to - page.from ? null : [from, from + width];
  drawTimes();
}

const executionOf = (arn) => page.document.executions.find((each) => each.arn === arn);
const machineOf = (name) => page.document.machines.find((each) => each.name === name);
const shortName = (name) => page.prefix && name.startsWith(page.prefix) ? name.slice(page.prefix.length) : name;

/* What all names of machines begin with, up to a dash: said once, not in every row. */
function prefixOf(names) {
  if (names.length < 2) return "";
  let start = names[0];
  for (const name of names) while (!name.startsWith(start)) start = start.slice(0, -1);
  return start.slice(0, start.lastIndexOf("-") + 1);
}

/* The times in which an alarm was raised. */
function raised(alarm) {
  const periods = [];
  let since = null;
  for (const change of alarm.changes) {
    if (change.state === "ALARM") since = since || change;
    else if (since) { periods.push({ from: at(since.at), to: at(change.at), reason: since.reason }); since = null; }
  }
  if (since) periods.push({ from: at(since.at), to: null, reason: since.reason });
  return periods;
}

/* Which version served when, by the decisions that were carried out. */
function serving() {
  const bands = [];
  for (const each of [...page.document.decisions].sort((one, other) => at(one.at) - at(other.at))) {
    if (!["promoted", "rolled_back"].includes(each.outcome) || !each.to_version) continue;
    const last = bands.at(-1);
    if (last && last.version === each.to_version) continue;
    if (last) last.to = at(each.at);
    bands.push({ version: each.to_version, from: at(each.at), to: null });
  }
  return bands;
}

const hue = (version) => `var(--c${Math.max(0, page.document.models.findIndex((each) => each.version === version)) % 7})`;

function choose(arn, state = null, { scroll = false } = {}) {
  const execution = executionOf(arn);
  if (!execution) return;
  Object.assign(page, { execution: arn, machine: execution.machine, state });
  drawMachines();
  if (scroll) byId("machines").scrollIntoView({ block: "start" });
}
