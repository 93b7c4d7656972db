/* Metrics over time with their alarms, and the models side by side. */
"use strict";

const CHART = { height: 150, left: 46, right: 10, top: 22, bottom: 10 };

/* From data to pixels, with marks at round values; zero is shown where it is near. */
function scaleY(values, from, to) {
  let low = Math.min(...values), high = Math.max(...values);
  if (low > 0 && low < 0.5 * high) low = 0;
  if (low === high) high = low + (Math.abs(low) || 1);
  const rough = (high - low) / 3, power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 2.5, 5, 10].find((each) => each * power >= rough);
  low = Math.floor(low / step + 1e-9) * step;
  high = Math.ceil(high / step - 1e-9) * step;
  const marks = Array.from({ length: Math.round((high - low) / step) + 1 }, (_, place) => Number((low + place * step).toPrecision(12)));
  return { marks, y: (value) => from - ((value - low) / (high - low)) * (from - to) };
}

/* Series in one chart; a threshold is dashed, times in alarm are shaded, releases and roll-backs are lines. */
function chart(title, lines, { alarm = null } = {}) {
  const width = Math.max(260, byId("metrics-box").clientWidth > 900 ? (byId("metrics-box").clientWidth - 48) / 3 - 2 : byId("metrics-box").clientWidth > 620 ? (byId("metrics-box").clientWidth - 24) / 2 - 2 : byId("metrics-box").clientWidth - 2);
  const { height, left, right, top, bottom } = CHART, x = scaleOf(left, width - right);
  const threshold = alarm?.threshold ?? null;
  const values = lines.flatMap((line) => line.points.map(([, value]) => value)).concat(threshold === null ? [] : [threshold]);
  const { marks, y } = scaleY(values, height - bottom, top);
  const clip = `clip-${chart.number++}`;
  const periods = alarm ? raised(alarm) : [];
  const svg = s("svg", { width, height, role: "img", "aria-label": `${title}: ${lines.map((line) => `${line.name} last ${figure(line.points.at(-1)[1])}`).join(", ")}${threshold === null ? "" : `, threshold ${figure(threshold)}`}${periods.length ? `, in alarm ${plural(periods.length, "time")}` : ""}` },
    s("clipPath", { id: clip }, s("rect", { x: left, y: 0, width: width - left - right, height })),
    s("g", { "clip-path": `url(#${clip})` },
      periods.map((each) => s("rect", { class: "alarmed", x: x(each.from), y: top, width: Math.max(2, x(each.to ?? page.to) - x(each.from)), height: height - top - bottom })),
      axis(x, top, height - bottom, Math.max(2, Math.floor((width - left) / 110))),
      page.document.decisions.map((each) => s("line", { class: `decision ${TONES[each.outcome] || ""}`, x1: x(at(each.at)), x2: x(at(each.at)), y1: top, y2: height - bottom }))),
    marks.map((value) => [s("line", { class: "rule", x1: left, x2: width - right, y1: y(value), y2: y(value) }),
      s("text", { class: "scale", x: left - 5, y: y(value) + 4, "text-anchor": "end" }, figure(value))]),
    threshold !== null && s("line", { class: "threshold", x1: left, x2: width - right, y1: y(threshold), y2: y(threshold) }),
    s("g", { "clip-path": `url(#${clip})` }, lines.map((line, place) => {
      const colour = `var(--c${place % 7})`, points = line.points.map(([time, value]) => [x(at(time)), y(value)]);
      return [s("path", { class: "line", d: `M${points.map((each) => each.map((one) => one.toFixed(1)).join(" ")).join("L")}`, style: `stroke:${colour}` }),
        points.length <= 60 && points.map(([px, py]) => s("circle", { cx: px, cy: py, r: 2.4, style: `fill:${colour}` }))];
    })));
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect(), [from, to] = view();
    const time = from + ((event.clientX - box.left - left) / (width - left - right)) * (to - from);
    const near = lines.map((line) => line.points.reduce((one, other) => (Math.abs(at(other[0]) - time) < Math.abs(at(one[0]) - time) ? other : one)));
    tip.show([clock(time), ...near.map(([when, value], place) => `${lines[place].name}: ${figure(value)} at ${clock(at(when))}`), threshold !== null && `threshold ${alarm.below ? "below" : "above"} ${figure(threshold)}`], event.clientX, event.clientY);
  });
  svg.addEventListener("pointerleave", () => tip.hide());
  const state = alarm && (periods.length ? badge("ALARM", `${plural(periods.length, "time")} in alarm`) : badge(alarm.state));
  return h("figure", { class: "chart" }, h("figcaption", null, h("b", null, title), " ", state), svg,
    lines.length > 1 && h("p", { class: "key" }, lines.map((line, place) => h("span", null, h("i", { style: `background:var(--c${place % 7})` }), line.name))));
}
chart.number = 0;

const dimensionsOf = (series) => Object.entries(series.dimensions).filter(([name]) => name !== "Environment").map(([, value]) => value).join(", ");

function drawCharts() {
  const { series, alarms } = page.document, byKey = new Map(series.map((each) => [each.key, each])), used = new Set();
  chart.number = 0;
  const watched = alarms.filter((each) => each.kind === "metric").map((alarm) => {
    const lines = alarm.watches.map((each) => byKey.get(each.series)).filter((each) => each?.points.length);
    // An expression's own values are what is held against the threshold.
    const shown = lines.filter((each) => each.namespace === "").length ? lines.filter((each) => each.namespace === "") : lines;
    shown.forEach((each) => used.add(each.key));
    return { alarm, lines: shown.map((each) => ({ ...each, name: each.name })) };
  }).filter((each) => each.lines.length);
  watched.sort((one, other) => raised(other.alarm).length - raised(one.alarm).length);
  const groups = new Map();
  for (const each of series) {
    if (used.has(each.key) || !each.points.length) continue;
    const title = `${each.namespace} ${each.name}`;
    groups.set(title, [...(groups.get(title) || []), { ...each, name: dimensionsOf(each) || "without a dimension" }]);
  }
  const others = [...groups].sort(([one], [other]) => one.localeCompare(other));
  byId("metrics-box").replaceChildren(
    watched.length || others.length ? h("div", { class: "charts" }, watched.map(({ alarm, lines }) => chart(shortName(alarm.name), lines, { alarm }))) : h("p", { class: "note" }, "None yet."),
    others.length ? more("metrics", `${plural(others.length, "more metric")}`, h("div", { class: "charts" }, others.map(([title, lines]) => chart(title, lines.slice(0, 7))))) : "");
}

/* Each figure of the models as a row of dots, one for each version. */
function modelDots(models) {
  const names = [...new Set(models.flatMap((each) => Object.keys(each.metrics)))];
  if (!names.length || models.length < 2) return null;
  const width = Math.max(260, Math.min(520, byId("models-box").clientWidth - 4)), left = 150, row = 30;
  const values = models.flatMap((each) => Object.values(each.metrics)), low = Math.min(...values, 1), high = Math.max(...values, low + 0.01);
  const x = (value) => left + 12 + ((value - low) / (high - low)) * (width - left - 30);
  return h("figure", null, s("svg", { width, height: names.length * row + 22, role: "img", "aria-label": "The models' figures; the table has them in numbers" },
    names.map((name, place) => s("g", { transform: `translate(0 ${place * row + 16})` },
      s("text", { class: "scale big", x: 0, y: 4 }, cut(name.replaceAll("_", " "), 22)), s("line", { class: "rule", x1: left, x2: width, y1: 0, y2: 0 }),
      models.filter((each) => name in each.metrics).map((each) => tipped(s("circle", { cx: x(each.metrics[name]), cy: 0, r: each.champion ? 8 : 6, class: `model ${each.champion ? "champion" : ""}`, style: `fill:${hue(each.version)}` }),
        () => [each.version, `${name}: ${figure(each.metrics[name])}`, each.champion && "champion"])))),
    s("text", { class: "scale", x: left, y: names.length * row + 16 }, figure(low)), s("text", { class: "scale", x: width - 4, y: names.length * row + 16, "text-anchor": "end" }, figure(high))));
}
