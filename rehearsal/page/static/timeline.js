/* The run on one time axis: lanes of acts, versions, executions, jobs, alarms and decisions. */
"use strict";

const ROW = 22, BAR = 17, HEAD = 24;

/* Put bars that overlap into rows below each other. */
function rowsOf(items) {
  const ends = [];
  for (const item of [...items].sort((one, other) => one.from - other.from)) {
    let row = ends.findIndex((end) => end <= item.from);
    if (row < 0) row = ends.push(0) - 1;
    ends[row] = item.to ?? page.to;
    item.row = row;
  }
  return ends.length;
}

function bar(each, label, tone, lines, more_) {
  return { from: at(each.started), to: at(each.ended), label, tone, lines, ...more_ };
}

function lanes() {
  const { acts, executions, jobs, alarms, decisions, load, timings } = page.document;
  const found = [];
  const add = (title, items, note) => { if (items.length) found.push({ title, items, rows: rowsOf(items), note }); };
  add("Deployment", timings.filter((each) => each.started).map((each) => ({
    from: at(each.started), to: at(each.started) + 1000 * each.seconds, label: shortName(each.step), tone: "plain",
    lines: [each.step, lasted(each.seconds), each.detail] })));
  add("Acts", acts.filter((each) => each.started).map((each) =>
    bar(each, each.title, each.status, [each.title, `${each.status}, ${lasted(between(at(each.started), at(each.ended)) / 1000)}`, each.expects],
      { go: () => byId(`act-${each.name}`).scrollIntoView({ block: "center" }) })));
  add("Serves", serving().map((each) => ({ ...each, label: each.version, colour: hue(each.version),
    lines: [each.version, `serves from ${clock(each.from)}${each.to ? ` to ${clock(each.to)}` : " on"}`] })));
  for (const machine of inOrder()) {
    add(shortName(machine.name), executions.filter((each) => each.machine === machine.name).map((each) =>
      bar(each, lastState(each), each.status, [each.name, `${lastState(each)}: ${shortName(each.machine)}, ${each.aws_status.toLowerCase().replaceAll("_", " ")}`,
        `${clock(at(each.started))}, ${lasted(between(at(each.started), at(each.ended)) / 1000)}, ${plural(each.visits.length, "state")}`,
        each.error && `${each.error}: ${each.cause}`.slice(0, 300)],
      { parts: each.visits.filter((visit) => visit.iteration === null), go: () => choose(each.arn, null, { scroll: true }) })));
  }
  for (const kind of [...new Set(jobs.map((each) => each.kind))]) {
    add(`${kind} jobs`, jobs.filter((each) => each.kind === kind).map((each) =>
      bar(each, shortName(each.name), each.status, [each.name, `${each.status}, ${lasted(each.seconds ?? between(at(each.started), at(each.ended)) / 1000)}`,
        each.role && `as ${each.role}`, each.command])));
  }
  const rung = alarms.filter((each) => raised(each).length);
  for (const alarm of rung) {
    add(shortName(alarm.name), raised(alarm).map((each) => ({ ...each, label: "in alarm", tone: "failed",
      lines: [alarm.name, `in alarm ${clock(each.from)} to ${each.to ? clock(each.to) : "now"}`, each.reason.slice(0, 300)] })));
  }
  if (found.length && alarms.length > rung.length) found.at(-1).note = `${plural(alarms.length - rung.length, "alarm")} stayed quiet`;
  add("Requests", load.map((each) => bar(each, `${count(each.requests)} requests, ${plural(each.failures, "failure")}`,
    each.failures ? "failed" : "passed", [each.name, `${count(each.requests)} requests, ${count(each.failures)} failed`,
      each.p95_ms !== null && `95 % within ${figure(each.p95_ms)} ms`], { marks: each.failed_at.map(at) })));
  add("Decisions", decisions.map((each) => ({ from: at(each.at), to: at(each.at), point: each.what, tone: TONES[each.outcome] || "",
    lines: [decided(each), clock(at(each.at)), `by ${each.by}`, each.reason] })));
  return found;
}

const decided = (each) => ({
  promoted: `${each.to_version} became the champion`,
  rolled_back: `${each.from_version} was taken back; ${each.to_version} serves`,
  refused: `${each.from_version} should be taken back, and there is none to go back to`,
}[each.outcome] || `${each.what}: ${each.outcome}`);

/* Marks of the axis at round times. */
function ticks(from, to, wanted) {
  const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600].map((each) => 1000 * each);
  const step = steps.find((each) => (to - from) / each <= wanted) || 86400000;
  const found = [];
  for (let time = Math.ceil(from / step) * step; time <= to; time += step) found.push(time);
  return [found, step < 1000];
}

function scaleOf(left, right) {
  const [from, to] = view();
  return (time) => left + ((time - from) / (to - from)) * (right - left);
}

function axis(x, top, bottom, wanted) {
  const [times, fine] = ticks(...view(), wanted);
  return times.map((time) => s("g", { class: "tick" },
    s("line", { x1: x(time), x2: x(time), y1: top, y2: bottom }),
    x(time) > x(view()[0]) + 24 && s("text", { x: x(time), y: top - 6, "text-anchor": "middle" }, fine ? clock(time, true).slice(3) : clock(time))));
}

function drawTimeline() {
  const box = byId("timeline-box"), width = Math.max(box.clientWidth, 280);
  const narrow = width < 640, left = narrow ? 4 : 158, right = width - 8;
  const x = scaleOf(left, right), focus = document.activeElement?.dataset?.item;
  const found = lanes(), shapes = [], labels = [];
  let y = HEAD, number = 0;
  for (const lane of found) {
    if (narrow) { labels.push(s("text", { x: 4, y: y + 13, class: "lane" }, lane.title)); y += 17; }
    else labels.push(s("text", { x: 4, y: y + 15, class: "lane" }, cut(lane.title, 22), s("title", null, lane.title)));
    shapes.push(s("line", { class: "rule", x1: 0, x2: width, y1: narrow ? y - 17 : y - 1, y2: narrow ? y - 17 : y - 1 }));
    for (const item of lane.items) shapes.push(shape(item, x, y + item.row * ROW, left, right, `${number++}`));
    if (lane.note) shapes.push(s("text", { class: "lane-note", x: right, y: y + lane.rows * ROW + 11, "text-anchor": "end" }, lane.note));
    y += lane.rows * ROW + (lane.note ? 19 : 6);
  }
  const bottom = y;
  const lines = page.document.decisions.map((each) => s("line", { class: `decision ${TONES[each.outcome] || ""}`, x1: x(at(each.at)), x2: x(at(each.at)), y1: HEAD, y2: bottom }));
  const svg = s("svg", { width, height: bottom + 4, role: "group", "aria-label": "Timeline of the run. Arrow keys go from bar to bar; every bar is also in a table below." },
    s("clipPath", { id: "plot" }, s("rect", { x: left, y: 0, width: right - left, height: bottom + 4 })),
    s("g", { "clip-path": "url(#plot)" }, axis(x, HEAD - 4, bottom, narrow ? 4 : Math.floor((right - left) / 95))),
    s("g", { "clip-path": "url(#plot)" }, lines, shapes), labels);
  svg.addEventListener("keydown", move);
  box.replaceChildren(svg);
  const items = [...svg.querySelectorAll("[data-item]")];
  if (items.length) (items.find((each) => each.dataset.item === focus) || items[0]).setAttribute("tabindex", "0");
  if (focus !== undefined) svg.querySelector(`[data-item="${focus}"]`)?.focus({ preventScroll: true });
  byId("view").textContent = page.view ? `${clock(page.view[0])} to ${clock(page.view[1])}` : `the whole run, ${lasted((page.to - page.from) / 1000)}`;
}

const cut = (text, most) => (text.length <= most ? text : `${text.slice(0, Math.max(1, most - 1))}…`);

function shape(item, x, top, left, right, key) {
  const from = x(item.from), to = x(item.to ?? page.to), wide = Math.max(to - from, 3);
  const group = s("g", { class: `item ${item.tone || ""}`, "data-item": key, tabindex: "-1", role: item.go ? "button" : "img", "aria-label": item.lines.filter(Boolean).join(", ") });
  if (item.point) group.append(s("path", { class: "point", d: `M${from} ${top + 1}l8 8-8 8-8-8z` }));
  else {
    group.append(s("rect", { class: "bar", x: from, y: top + 1, width: wide, height: BAR, rx: Math.min(4, wide / 2), style: item.colour ? `fill:${item.colour}` : null }));
    for (const part of item.parts || []) {
      const start = x(at(part.entered)), end = x(at(part.exited) ?? page.to);
      if (end - start > 1.5) group.append(s("rect", { class: `part ${part.outcome}`, x: start, y: top + BAR - 3, width: end - start - 0.5, height: 3 }));
    }
    for (const mark of item.marks || []) group.append(s("rect", { class: "mark", x: x(mark) - 1, y: top + 1, width: 2, height: BAR }));
    const start = Math.max(from, left), room = Math.floor((Math.min(to, right) - start - 10) / 6.4);
    if (room >= 4) group.append(s("text", { class: "name", x: start + 5, y: top + 12 }, cut(item.label, room)));
  }
  if (item.go) {
    group.addEventListener("click", item.go);
    group.addEventListener("keydown", (event) => { if (["Enter", " "].includes(event.key)) { event.preventDefault(); item.go(); } });
  }
  return tipped(group, () => item.lines);
}

/* Arrow keys: from bar to bar in the order of the lanes. */
function move(event) {
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  const items = [...event.currentTarget.querySelectorAll("[data-item]")], place = items.indexOf(document.activeElement);
  if (!step || place < 0 || !items[place + step]) return;
  event.preventDefault();
  items[place].setAttribute("tabindex", "-1");
  items[place + step].setAttribute("tabindex", "0");
  items[place + step].focus();
}

function zoom(factor, around) {
  const [from, to] = view(), middle = around ?? (from + to) / 2;
  look(middle - (middle - from) * factor, middle + (to - middle) * factor);
}

/* Buttons, the wheel with Ctrl, and dragging. */
function watchTimeline() {
  byId("closer").addEventListener("click", () => zoom(0.5));
  byId("farther").addEventListener("click", () => zoom(2));
  byId("whole").addEventListener("click", () => { page.view = null; drawTimes(); });
  const box = byId("timeline-box");
  const timeAt = (event) => {
    const left = box.clientWidth < 640 ? 4 : 158, [from, to] = view();
    return from + ((event.clientX - box.getBoundingClientRect().left - left) / (box.clientWidth - 8 - left)) * (to - from);
  };
  box.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    zoom(event.deltaY > 0 ? 1.25 : 0.8, timeAt(event));
  }, { passive: false });
  let grip = null;
  box.addEventListener("pointerdown", (event) => { if (page.view && event.button === 0) grip = { time: timeAt(event), x: event.clientX }; });
  addEventListener("pointermove", (event) => {
    if (!grip || Math.abs(event.clientX - grip.x) < 4) return;
    const by = grip.time - timeAt(event), [from, to] = view();
    look(from + by, to + by);
  });
  addEventListener("pointerup", () => { grip = null; });
}
