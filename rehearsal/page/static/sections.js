/* The rest of the page: cards, acts, models, alarms, reports, how faithful it was, and what ran. */
"use strict";

const card = (label, value, note, tone) => h("div", { class: `card ${tone || ""}` }, h("span", null, label), h("b", null, value), note && h("small", null, note));

function drawHead() {
  const { run, acts, executions, jobs, decisions, load, alarms } = page.document;
  const ended = run.ended !== null, bad = acts.filter((each) => each.status === "failed");
  const passed = acts.filter((each) => each.status === "passed").length;
  const sum = (key) => load.reduce((all, each) => all + each[key], 0);
  byId("subtitle").textContent = [new Date(at(run.started)).toISOString().slice(0, 16).replace("T", " ") + " UTC", ended ? lasted((at(run.ended) - at(run.started)) / 1000) : "still running", run.data, run.commit && `commit ${run.commit.slice(0, 10)}`].filter(Boolean).join(" · ");
  const verdict = bad.length ? ["bad", `${plural(bad.length, "act")} failed`] : !ended ? ["warn", "running"] : passed === acts.length && acts.length ? ["good", "every act passed"] : ["warn", "not every act was played"];
  byId("answer").className = `verdict ${verdict[0]}`;
  const released = decisions.filter((each) => each.outcome === "promoted").length, back = decisions.filter((each) => each.outcome === "rolled_back").length;
  byId("cards").replaceChildren(
    card("Acts", `${passed} of ${acts.length}`, verdict[1]),
    card("Executions", count(executions.length), `${count(executions.reduce((all, each) => all + each.visits.length, 0))} states`),
    card("Jobs", count(jobs.length), jobs.length ? `${lasted(jobs.reduce((all, each) => all + (each.seconds || 0), 0))} in all` : ""),
    card("Releases", count(released), `${back} taken back`),
    card("Alarms", count(alarms.filter((each) => raised(each).length).length), `raised, of ${alarms.length}`),
    card("Requests", count(sum("requests")), load.length ? `${count(sum("failures"))} failed` : "no background load"));
  byId("verdict").replaceChildren(h("span", { class: `badge ${verdict[0]}` }, verdict[1]));
}

/* Notes that are longer are shown in part, and whole on demand. */
const LONG = 240;

function drawActs() {
  byId("acts-box").replaceChildren(page.document.acts.length ? h("ol", { class: "acts" }, page.document.acts.map((each) => h("li", { id: `act-${each.name}`, class: each.status },
    h("div", { class: "row" }, badge(each.status), h("h3", null, each.title), each.started && h("small", null, `${clock(at(each.started))}, ${lasted(between(at(each.started), at(each.ended)) / 1000)}`)),
    each.does && h("p", null, each.does), each.expects && h("p", { class: "note" }, h("b", null, "Expected: "), each.expects),
    each.notes.length > 0 && h("ul", null, each.notes.map((note, place) => h("li", null, note.length <= LONG ? note : more(`${each.name} note ${place}`, cut(note, LONG), h("pre", { tabindex: "0" }, note))))),
    begunIn(each).length > 0 && h("p", { class: "began" }, begunIn(each).map((one) => h("button", { type: "button", "data-goes": one.arn, onclick: () => choose(one.arn, null, { scroll: true }) },
      h("span", { class: `dot ${one.status}`, "aria-hidden": "true" }), `${shortName(one.machine)}: ${lastState(one)}`))),
    h("p", { class: "links" }, each.links.map((link) => h("a", { href: safe(link.href) }, link.text)),
      each.started && h("button", { type: "button", class: "quiet", onclick: () => { const from = at(each.started), to = at(each.ended) ?? page.to, room = 0.05 * (to - from) + 300; byId("timeline").scrollIntoView(); look(from - room, to + room); } }, "show in the timeline"))))) : h("p", { class: "note" }, "None yet."));
}

/* The executions that an act set going. */
const begunIn = (act) => (act.started ? page.document.executions.filter((each) => at(each.started) >= at(act.started) && at(each.started) < (at(act.ended) ?? Infinity)) : []);

/* Links come from files: to a place in this page or beside it, never to a script. */
const safe = (href) => (/^(#|[\w./-]+(#[\w-]*)?$)/.test(href) && !href.startsWith("//") ? href : "#acts");

function drawModels() {
  const { models } = page.document, names = [...new Set(models.flatMap((each) => Object.keys(each.metrics)))];
  const bands = serving();
  const served = (version) => bands.filter((each) => each.version === version).map((each) => `${clock(each.from)} to ${each.to ? clock(each.to) : "the end"}`).join(", ");
  byId("models-box").replaceChildren(table("Model versions", [
    ["Version", (each) => [h("i", { class: "swatch", style: `background:${hue(each.version)}` }), h("code", null, each.version), h("small", null, each.candidate)]],
    ["Status", (each) => [badge(each.status, { PendingManualApproval: "pending" }[each.status]), each.champion ? [" ", h("span", { class: "badge good" }, "champion")] : ""]],
    ...names.map((name) => [name.replaceAll("_", " "), (each) => each.metrics[name]?.toFixed(3) ?? "–", "n"]),
    ["Served", (each) => served(each.version) || "–"], ["Why", (each) => each.reason || "–", "text"],
  ], models, (each) => (each.champion ? "best" : "")), modelDots(models) || "");
  byId("decisions-box").replaceChildren(table("Releases and roll-backs", [
    ["When", (each) => clock(at(each.at))], ["What", (each) => [badge(each.outcome), " ", decided(each)]], ["By", (each) => each.by], ["Why", (each) => each.reason, "text"],
  ], page.document.decisions));
}

function drawAlarms() {
  const watchedBy = (each) => (each.rule ? each.rule.replaceAll(page.prefix || "\0", "") : each.watches.find((one) => one.expression)?.expression || each.watches.map((one) => one.name).join(", "));
  byId("alarms-box").replaceChildren(table("Alarms", [
    ["Alarm", (each) => [h("b", { class: "whole" }, shortName(each.name)), h("small", null, each.kind)]],
    ["State", (each) => badge(each.state)], ["Raised", (each) => raised(each).map((one) => `${clock(one.from)} for ${lasted(between(one.from, one.to) / 1000)}`).join("; ") || "never"],
    ["Looks at", (each) => [watchedBy(each), each.threshold !== null && ` ${each.below ? "<" : ">"} ${figure(each.threshold)}`], "text"],
    ["Means", (each) => more(`alarm ${each.name}`, each.description.split(". ")[0], h("p", null, each.description), h("ul", null, each.changes.map((one) => h("li", null, `${clock(at(one.at))} ${one.state}: ${one.reason}`)))), "text"],
  ], [...page.document.alarms].sort((one, other) => raised(other).length - raised(one).length)));
}

function drawReports() {
  const { reports } = page.document;
  byId("reports-box").replaceChildren(table("Reports", [
    ["Report", (each) => h("a", { href: safe(each.href) }, each.title)], ["Kind", (each) => each.kind], ["Of", (each) => each.about], ["Written", (each) => clock(at(each.at))]], reports));
}

function drawFidelity() {
  const { types } = page.document, states = ["emulated", "accepted", "refused"];
  const of = (state) => types.filter((each) => each.status === state);
  const told = (state) => `${of(state).length} ${state}`, resources = (found) => found.reduce((all, each) => all + (each.count || 0), 0);
  const shares = h("div", { class: "shares", role: "img", "aria-label": states.map(told).join(", ") },
    states.map((state) => of(state).length > 0 && h("span", { class: state, style: `flex:${of(state).length}` }, told(state))));
  const whole = types.filter((each) => each.status === "emulated" && !each.why && !each.unread.length), rest = types.filter((each) => !whole.includes(each));
  const order = { refused: 0, accepted: 1, emulated: 2 };
  byId("fidelity-box").replaceChildren(types.length ? h("p", null, `${plural(types.length, "type")} of ${plural(resources(types), "resource")}; ${count(resources(of("emulated")))} resources are of an emulated type.`) : "", types.length ? shares : "",
    table("Resource types", [
      ["Type", (each) => h("code", null, each.type)], ["Here", (each) => badge(each.status)], ["Resources", (each) => (each.count === null ? "–" : count(each.count)), "n"],
      ["What is missing", (each) => each.why || "–", "text"], ["Properties that were not read", (each) => each.unread.join(", ") || "–", "text"],
    ], [...rest].sort((one, other) => order[one.status] - order[other.status] || one.type.localeCompare(other.type))),
    whole.length ? more("whole", `${plural(whole.length, "type")} that do all that the templates ask for`, h("ul", { class: "columns" }, whole.map((each) => h("li", null, h("code", null, each.type), each.count === null ? "" : ` ×${count(each.count)}`)))) : "");
}

function drawRun() {
  const { run, timings, jobs, load, faults } = page.document;
  byId("run-box").replaceChildren(
    h("div", { class: "two" },
      h("div", null, h("h3", null, "Deployment"), table("Deployment", [["Step", (each) => [shortName(each.step), each.detail && h("small", null, each.detail)]], ["Took", (each) => lasted(each.seconds), "n"]], timings)),
      h("div", null, h("h3", null, "Machine and versions"), table("Versions", [["What", ([name]) => name], ["", ([, value]) => value]],
        [["speed", `waits and periods took 1/${figure(run.speed)} of their time`], ...(run.machine ? [["machine", run.machine]] : []), ...Object.entries(run.versions)]))),
    h("h3", null, "Requests in the background"), table("Load", [["Phase", (each) => each.name], ["Began", (each) => clock(at(each.started))], ["Requests", (each) => count(each.requests), "n"], ["Failed", (each) => count(each.failures), "n"], ["95 % within", (each) => (each.p95_ms === null ? "–" : `${figure(each.p95_ms)} ms`), "n"]], load),
    more("jobs", `All ${plural(jobs.length, "job")}`, table("Jobs", [["Job", (each) => h("code", null, each.name)], ["Kind", (each) => each.kind], ["", (each) => badge(each.status)], ["Began", (each) => clock(at(each.started))], ["Took", (each) => lasted(each.seconds ?? between(at(each.started), at(each.ended)) / 1000), "n"], ["Role", (each) => each.role, "text"]], jobs)),
    faults.length ? h("div", null, h("h3", null, "What could not be read"), h("ul", null, faults.map((each) => h("li", null, each)))) : "");
}
