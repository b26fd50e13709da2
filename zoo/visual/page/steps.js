"use strict";
// One word's attention in one head, step by step: "Attention is all you need", 3.2.1.

const STEPS = [
  ["Query", stepQuery],
  ["Key", stepKey],
  ["Value", stepValue],
  ["Scores", stepScores],
  ["Scaling", stepScaling],
  ["Softmax", stepSoftmax],
  ["Weighted sum", stepSum],
];

// What the steps of one word need. here: attention, head (its matrices), query (the word's number),
// form (what is known of the model).
function showStep(box, number, here) {
  const [name, show] = STEPS[number];
  box.replaceChildren(element("h3", { id: "step-title" }, `${number + 1}. ${name}`), ...show(here));
}

function token(here) {
  return here.attention.queries[here.query];
}

function explain(...parts) {
  return element("p", {}, ...parts);
}

function formula(text) {
  return element("p", { className: "formula" }, text);
}

// What makes the vectors of a head, with the bias of a model that has biases.
function projected({ form }, letter) {
  return form.bias ? `x W^${letter} + b^${letter}` : `x W^${letter}`;
}

// Queries and keys of a model with rotary positions: "RoFormer", 3.2.2.
function turned({ form }, projection) {
  return form.rotary ? `R (${projection})` : projection;
}

function aboutTurns({ form }) {
  return form.rotary
    ? " R turns pairs of its numbers by angles that grow with the word's position." : "";
}

function stepQuery(here) {
  const { attention, head, query } = here;
  return [
    explain("What ", word(token(here)), " looks for: its vector times this head's W^Q gives its query, ",
      `${attention.size} numbers.`, aboutTurns(here)),
    formula(`q = ${turned(here, projected(here, "Q"))}`),
    vectors("The query", [[token(here), head.query[query]]], attention.size),
  ];
}

function stepKey(here) {
  const { attention, head } = here;
  return [
    explain("What each word has to offer: its vector times W^K gives its key, ",
      "as long as the query so that the two can be multiplied.", aboutTurns(here)),
    formula(`k = ${turned(here, projected(here, "K"))}`),
    vectors("The keys", attention.keys.map((key, s) => [key, head.key[s]]), attention.size),
  ];
}

function stepValue(here) {
  const { attention, head } = here;
  return [
    explain("What each word hands over if it is attended to: its vector times W^V gives its value."),
    formula(`v = ${projected(here, "V")}`),
    vectors("The values", attention.keys.map((key, s) => [key, head.value[s]]), attention.size),
  ];
}

function stepScores(here) {
  const { attention, head, query } = here;
  const scores = scoresOf(here);
  const [best] = bestFirst(here);
  const terms = Array.from(head.query[query].slice(0, 3), (number, i) =>
    `${written(number, 2)} \u00d7 ${written(head.key[best][i], 2)}`);
  const rest = attention.size > 3 ? " + \u2026" : "";
  return [
    explain("How well the query of ", word(token(here)), " fits each key: their dot product, ",
      "the sum of the products of their numbers. With ", word(attention.keys[best]), ":"),
    formula(`q \u00b7 k = ${terms.join(" + ")}${rest} = ${written(scores[best], 3)}`),
    table("The scores", ["Word", "q \u00b7 k"], attention.keys.map((key, s) => ({
      name: key, barred: !head.allowed[query][s], cells: [number(scores[s], 3, largest(scores))],
    }))),
  ];
}

function stepScaling(here) {
  const { attention, head, query } = here;
  const scores = scoresOf(here);
  const scaled = scores.map((score) => score * attention.scale);
  const root = Math.sqrt(attention.size);
  const usual = Math.abs(attention.scale * root - 1) < 1e-6;
  const divisor = written(root, Number.isInteger(root) ? 0 : 3);
  return [
    explain(usual
      ? `Long vectors have large products, and a softmax of large numbers takes one and forgets the rest. ` +
        `So each score is divided by the square root of the key's length, \u221a${attention.size} = ${divisor}.`
      : `Each score is multiplied by this model's own scale, ${written(attention.scale, 4)}.`),
    formula(usual ? `q \u00b7 k / \u221a${attention.size}` : `q \u00b7 k \u00d7 ${written(attention.scale, 4)}`),
    table("Scaled", ["Word", "q \u00b7 k", "scaled"], attention.keys.map((key, s) => ({
      name: key, barred: !head.allowed[query][s],
      cells: [plain(scores[s], 3), number(scaled[s], 3, largest(scaled))],
    }))),
  ];
}

function stepSoftmax(here) {
  const { attention, head, query } = here;
  const scaled = scoresOf(here).map((score) => score * attention.scale);
  const allowed = head.allowed[query];
  const most = Math.max(...scaled.filter((_, s) => allowed[s]));
  const weights = head.weights[query];
  const rows = attention.keys.map((key, s) => ({
    name: key, barred: !allowed[s],
    cells: allowed[s]
      ? [plain(scaled[s], 3), plain(Math.exp(scaled[s] - most), 3), share(weights[s])]
      : [plain(scaled[s], 3), element("td", {}, "not allowed"), share(0)],
  }));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  const blank = () => element("td", {}, "");
  rows.push({ name: "sum", total: true, cells: [blank(), blank(), plain(sum, 4)] });
  const barred = allowed.some((may) => !may)
    ? " Words that come later are not allowed: they get nothing." : "";
  return [
    explain("The scores become shares of one: e to the power of each (less the largest, which ",
      "changes nothing), divided by the sum.", barred),
    formula("a = softmax(q K\u1d40 / \u221aH)"),
    table("The weights", ["Word", "scaled", "e^(scaled \u2212 largest)", "weight"], rows),
  ];
}

function stepSum(here) {
  const { attention, head, query } = here;
  const weights = head.weights[query];
  const order = bestFirst(here);
  const lines = order.map((s) => [`${written(weights[s], 3)} \u00d7 ${attention.keys[s]}`,
    head.value[s].map((number) => number * weights[s])]);
  const sum = new Float32Array(attention.size);
  for (const [, line] of lines) line.forEach((number, i) => { sum[i] += number; });
  return [
    explain("Each value times its weight, all of them added up, the heaviest first. What has little weight ",
      "adds next to nothing. The sum is what this head makes of ", word(token(here)),
      "; the sums of all heads, side by side, times W^O go on to the next layer."),
    formula("z = \u03a3 a v"),
    vectors("The weighted values", lines, attention.size, ["z", sum]),
  ];
}

function scoresOf({ head, query }) {
  return head.key.map((key) => dot(head.query[query], key));
}

// Keys that may be attended, the heaviest first.
function bestFirst({ head, query }) {
  return largestFirst(head.weights[query]).filter((s) => head.allowed[query][s]);
}

function largest(numbers) {
  return numbers.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-9);
}

function plain(value, digits) {
  return element("td", {}, written(value, digits));
}

// A cell whose colour says how far from zero its number is, and to which side.
function number(value, digits, most) {
  const cell = element("td", { className: "number" }, written(value, digits));
  cell.style.setProperty("--hue", `var(${value < 0 ? "--minus" : "--plus"})`);
  cell.style.setProperty("--depth", (0.45 * Math.abs(value) / most).toFixed(3));
  return cell;
}

function share(value) {
  const cell = element("td", { className: "number" }, written(value, 4));
  cell.style.setProperty("--hue", "var(--share)");
  cell.style.setProperty("--depth", (0.5 * value).toFixed(3));
  return cell;
}

// Vectors below each other, one a word; total: [name, vector] or nothing.
function vectors(caption, lines, size, total) {
  const most = lines.reduce((found, [, line]) => Math.max(found, largest(line)), 1e-9);
  const rows = lines.map(([name, line]) => ({ name, cells: Array.from(line, (x) => number(x, 2, most)) }));
  if (total) rows.push({ name: total[0], total: true, cells: Array.from(total[1], (x) => plain(x, 2)) });
  const heads = ["Word", ...Array.from({ length: size }, (_, i) => String(i + 1))];
  return table(caption, heads, rows);
}

function table(caption, heads, rows) {
  const head = element("tr", {}, ...heads.map((name) => element("th", { scope: "col" }, name)));
  const body = rows.map((row) => element("tr",
    { className: row.total ? "total" : row.barred ? "barred" : "" },
    element("th", { scope: "row" }, word(row.name)), ...row.cells));
  return element("div", { className: "scroll", tabIndex: 0, role: "region", "aria-label": caption },
    element("table", {}, element("caption", {}, caption), element("thead", {}, head), element("tbody", {}, ...body)));
}
