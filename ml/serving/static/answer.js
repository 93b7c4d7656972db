// What the service answered, as elements; data only ever becomes text.

const MOST_REASONS = 8;
const MOST_BASKETS = 50;

export function make(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

// One decimal; what is not quite nothing or all is not rounded to it.
function percent(share) {
  if (share > 0 && share < 0.001) return "< 0.1 %";
  if (share < 1 && share > 0.999) return "> 99.9 %";
  return `${(share * 100).toFixed(1)} %`;
}

const milliseconds = (time) => `${time < 10 ? time.toFixed(1) : Math.round(time)} ms`;

/** The elements that show `predictions`, and the sentence that is read out. */
export function answerOf(predictions, { took, sizes }) {
  if (predictions.length === 1) {
    const [only] = predictions;
    const said = `${only.prediction}, ${percent(only.probabilities[only.prediction])}. ${unknownWords(only)}`;
    return { said, elements: [...oneOf(only), cards(only, took, sizes[0]), ...reasonsOf(only), json(only)] };
  }
  const shown = predictions.slice(0, MOST_BASKETS);
  const said = `${predictions.length} baskets answered.`;
  const each = shown.map((one, place) =>
    make("details", {}, make("summary", {}, `${one.basket_id ?? `basket ${place + 1}`}: ${one.prediction}, ${percent(one.probabilities[one.prediction])}`), ...oneOf(one), ...reasonsOf(one)),
  );
  const more = predictions.length - shown.length;
  return {
    said,
    elements: [make("p", { className: "class" }, `${predictions.length} baskets`), cards(total(predictions), took, sizes.reduce((a, b) => a + b, 0)), ...each, ...(more ? [make("p", { className: "note" }, `and ${more} more`)] : [])],
  };
}

function total(predictions) {
  const sum = (name) => predictions.reduce((found, each) => found + (each[name] ?? 0), 0);
  return { model_version: predictions[0].model_version, unknown_products: sum("unknown_products"), unknown_categories: sum("unknown_categories") };
}

function oneOf(prediction) {
  const bars = make("div", { className: "bars" });
  for (const [word, share] of Object.entries(prediction.probabilities)) {
    const best = word === prediction.prediction ? "best" : "";
    bars.append(make("span", { className: best }, word), make("div", { className: "track", ariaHidden: "true" }, wide(make("i", { className: best }), share)), make("span", { className: `n ${best}` }, percent(share)));
  }
  return [make("p", { className: "class" }, `${prediction.prediction} `, make("small", {}, `code ${prediction.code}`)), bars];
}

function cards(prediction, took, lines) {
  const products = prediction.unknown_products ?? 0;
  const categories = prediction.unknown_categories ?? 0;
  return make("div", { className: "cards" },
    card("model version", make("code", {}, prediction.model_version)),
    card("latency", milliseconds(took), "measured in this browser, network included"),
    card("unknown products", `${products} of ${lines}`, products ? "answered by category or average" : "lines", products > 0),
    ...(categories ? [card("unknown categories", String(categories), "store, segment or weekday", true)] : []));
}

function card(label, value, note = "", warn = false) {
  return make("div", { className: warn ? "card warn" : "card" }, make("span", {}, label), make("b", {}, value), ...(note ? [make("small", {}, note)] : []));
}

function unknownWords({ unknown_products: count = 0 }) {
  return count ? `${count} ${count === 1 ? "line has a product" : "lines have products"} unknown to the model.` : "";
}

function reasonsOf({ reasons }) {
  if (!reasons?.length) return [];
  const words = Object.keys(reasons[0].says);
  const neutral = reasons.some((each) => rest(each) >= 0.0005);
  const legend = make("p", { className: "note", ariaHidden: "true" });
  words.forEach((word, place) => legend.append(make("span", { className: `key ${colour(place)}` }), word));
  if (neutral) legend.append(make("span", { className: "key" }), "rest: neutral");
  const rows = reasons.map(reason);
  const found = [make("h3", {}, "Why: what each product says by itself"), legend, make("ol", { className: "reasons" }, ...rows.slice(0, MOST_REASONS))];
  if (rows.length > MOST_REASONS) {
    found.push(make("details", {}, make("summary", {}, `${rows.length - MOST_REASONS} more products`), make("ol", { className: "reasons" }, ...rows.slice(MOST_REASONS))));
  }
  return found;
}

function reason(each) {
  const shares = Object.entries(each.says);
  const [leaning, strength] = shares.reduce((best, other) => (other[1] > best[1] ? other : best));
  const neutral = rest(each);
  const numbers = shares.map(([word, share]) => `${word} ${percent(share)}`);
  if (neutral >= 0.0005) numbers.push(`neutral ${percent(neutral)}`);
  return make("li", {},
    make("div", { className: "row" }, make("code", {}, each.prod_code), ...(each.known ? [] : [make("span", { className: "badge" }, "unknown")]), make("b", {}, neutral > strength ? "says little" : `speaks for ${leaning}`)),
    make("div", { className: "stack", ariaHidden: "true" }, ...shares.map(([, share], place) => wide(make("i", { className: colour(place) }), share))),
    make("small", {}, numbers.join(" · ")));
}

// Vectors may have a state beside the classes: a product that speaks for none.
const rest = ({ says }) => Math.max(0, 1 - Object.values(says).reduce((sum, share) => sum + share, 0));
const colour = (place) => `c${place % 7}`;

function wide(bar, share) {
  bar.style.width = `${Math.max(0, Math.min(1, share)) * 100}%`;
  return bar;
}

function json(prediction) {
  return make("details", {}, make("summary", {}, "The answer as JSON"), make("pre", { tabIndex: 0 }, JSON.stringify(prediction, null, 2)));
}
