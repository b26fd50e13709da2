"use strict";
// The page itself: what is chosen, and what is shown for it.

const data = JSON.parse(document.getElementById("data").textContent);
const at = (id) => document.getElementById(id);

// What is looked at. `query` is chosen; `hovered` is the word under the pointer, or null.
const chosen = { look: null, attention: [], kind: 0, layer: 0, head: 0, query: 0, hovered: null, step: 0 };

// Whether the server works on a question: one at a time.
let busy = false;

function current() {
  const attention = chosen.attention[chosen.kind];
  const query = chosen.hovered === null ? chosen.query : chosen.hovered;
  return { attention, query, head: attention.head(chosen.layer, chosen.head), form: data.form };
}

function start() {
  const { form, look, view } = data;
  at("about").textContent = `${form.task} of ${form.parameters.toLocaleString("en")} parameters.`;
  at("fields").replaceChildren(...form.fields.map((field, i) => {
    const value = look ? look.texts[i] : field.example;
    const rows = Math.max(2, Math.min(8, value.split("\n").length));
    const box = element("textarea", { rows, value, maxLength: 2000, required: !field.optional,
      readOnly: Boolean(look), spellcheck: false, dir: "auto" });
    const hidden = Boolean(look) && !look.texts[i];
    return element("label", { className: "field", hidden }, field.label, box);
  }));
  at("layer").addEventListener("change", (event) => { chosen.layer = Number(event.target.value); showHeads(); });
  at("back").addEventListener("click", () => goToStep(chosen.step - 1));
  at("forth").addEventListener("click", () => goToStep(chosen.step + 1));
  at("map-box").addEventListener("toggle", showMap);
  at("queries").addEventListener("pointerleave", () => hover(null));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => chosen.look && showHeads());
  if (look) {
    document.querySelector("#ask .buttons").remove();
    Object.assign(chosen, view);
    show(look);
  } else {
    at("ask").addEventListener("submit", ask);
    at("save").addEventListener("click", save);
    enterAsks();
  }
}

// Enter asks, Shift and Enter begin a line.
function enterAsks() {
  at("fields").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      at("ask").requestSubmit();
    }
  });
}

async function post(path, question) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(question),
  });
  if (!answer.ok) {
    const { error } = await answer.json();
    throw new Error(error);
  }
  return answer;
}

// Say that something is going on, do it, and say what went wrong.
async function working(message, work) {
  if (busy) return;
  setBusy(true);
  at("error").textContent = "";
  at("status").textContent = message;
  try {
    await work();
    at("status").textContent = "";
  } catch (error) {
    at("status").textContent = "";
    at("error").textContent = error instanceof TypeError ? "The server does not answer." : error.message;
  }
  setBusy(false);
}

function setBusy(is) {
  busy = is;
  // Not `disabled`, which would take the focus from a button just pressed.
  for (const id of ["look", "save"]) at(id).setAttribute("aria-disabled", String(is));
}

function texts() {
  return Array.from(document.querySelectorAll("#fields textarea"), (box) => box.value);
}

function ask(event) {
  event.preventDefault();
  working("The model reads \u2026", async () => {
    show(await (await post("/look", { texts: texts() })).json());
    at("save").disabled = false;
  });
}

function save() {
  const { look, kind, layer, head, query, step } = chosen;
  working("Saving \u2026", async () => {
    const question = { texts: look.texts, view: { kind, layer, head, query, step } };
    const file = await (await post("/page", question)).blob();
    const link = element("a", { href: URL.createObjectURL(file), download: "attention.html" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  });
}

function show(look) {
  const attention = look.attention.map((packed) => new Attention(packed));
  const kind = Math.min(chosen.kind, attention.length - 1);
  Object.assign(chosen, { look, attention, kind, hovered: null });
  at("answer-title").textContent = look.answer.title;
  showLines(at("lines"), look.answer.lines);
  at("kinds").replaceChildren(...attention.map((one, i) => pick("kind", i, i === kind, chooseKind, one.title)));
  at("answer").hidden = at("view").hidden = false;
  chooseKind(kind);
  goToStep(chosen.step);
}

function showLines(list, lines) {
  list.replaceChildren(...lines.map((line) => {
    const item = element("li", {}, word(line.text), element("span", { className: "note" }, line.note));
    if (line.share !== null) {
      const filled = element("span", {});
      filled.style.width = `${Math.min(100, 100 * line.share)}%`;
      item.append(element("div", { className: "bar", "aria-hidden": "true" }, filled));
    }
    return item;
  }));
}

function chooseKind(kind) {
  chosen.kind = kind;
  const attention = chosen.attention[kind];
  chosen.layer = Math.min(chosen.layer, attention.layers - 1);
  chosen.head = Math.min(chosen.head, attention.heads - 1);
  chosen.query = Math.min(chosen.query, attention.queries.length - 1);
  at("layer").replaceChildren(...Array.from({ length: attention.layers }, (_, i) =>
    element("option", { value: String(i), selected: i === chosen.layer }, `${i} of 0 to ${attention.layers - 1}`)));
  at("queries-title").textContent = attention.kind === "cross"
    ? "Choose a word of the translation, or point at it" : "Choose a word, or point at it";
  at("queries").replaceChildren(...attention.queries.map((query, i) => {
    const next = attention.following[i]
      ? [element("span", { className: "next" }, "\u2192 ", word(attention.following[i]))] : [];
    const made = pick("query", i, i === chosen.query, chooseQuery, word(query), ...next);
    made.addEventListener("pointerenter", (event) => event.pointerType === "mouse" && hover(i));
    return made;
  }));
  showHeads();
}

function showHeads() {
  const { attention } = current();
  at("heads").replaceChildren(...Array.from({ length: attention.heads }, (_, i) => {
    const canvas = element("canvas", { "aria-hidden": "true" });
    drawThumbnail(canvas, attention.head(chosen.layer, i));
    return pick("head", i, i === chosen.head, (head) => { chosen.head = head; showQuery(); },
      canvas, element("span", { className: "name" }, String(i)));
  }));
  for (const [i, input] of at("heads").querySelectorAll("input").entries()) {
    input.setAttribute("aria-label", `Head ${i}`);
  }
  showQuery();
}

function chooseQuery(query) {
  chosen.query = query;
  chosen.hovered = null;
  showQuery();
}

function hover(query) {
  if (chosen.look === null || chosen.hovered === query) return;
  chosen.hovered = query;
  showQuery();
}

// What the word in view attends to, by itself, in the map and in the steps.
function showQuery() {
  const here = current();
  const { attention, head, query } = here;
  const name = attention.queries[query];
  const next = attention.following[query];
  const before = next ? [", before it says ", word(next), ","] : [];
  at("keys-title").replaceChildren(word(name), ...before, " attends to");
  at("keys").replaceChildren(...attention.keys.map((key, s) => {
    const weight = head.weights[query][s];
    const may = head.allowed[query][s];
    const item = element("li", { className: may ? "" : "barred" }, word(key),
      element("span", { className: "percent" }, may ? percent(weight) : "\u2013"));
    item.style.setProperty("--weight", (0.58 * Math.sqrt(weight)).toFixed(3));
    return item;
  }));
  const best = bestFirst(here).slice(0, 3);
  const parts = best.flatMap((s, i) => [i ? ", " : "", word(attention.keys[s]), ` ${percent(head.weights[query][s])}`]);
  at("summary").replaceChildren(word(name), " attends most to ", ...parts, ".");
  showFollowing(attention, query);
  showMap();
  showStep(at("step"), chosen.step, here);
}

function showFollowing(attention, query) {
  const lines = chosen.look.answer.following[query];
  // What comes after the last word is the answer above.
  at("following").hidden = !lines || query === attention.queries.length - 1;
  if (!at("following").hidden) {
    at("following-title").replaceChildren("Up to ", word(attention.queries[query]), ", the model expects next");
    showLines(at("following-lines"), lines);
  }
}

function showMap() {
  if (chosen.look === null || !at("map-box").open) return;
  const { attention, head, query } = current();
  drawMap(at("map"), attention, head, query);
  at("map").setAttribute("aria-label", `Weights of layer ${chosen.layer}, head ${chosen.head}: ` +
    "a row for each word that looks, a column for each word that it looks at");
}

function goToStep(step) {
  chosen.step = Math.max(0, Math.min(STEPS.length - 1, step));
  at("steps").replaceChildren(...STEPS.map(([name], i) =>
    pick("step", i, i === chosen.step, goToChosenStep, `${i + 1}. ${name}`)));
  updateStep();
}

// The radio buttons stay, so that the focus does.
function goToChosenStep(step) {
  chosen.step = step;
  updateStep();
}

function updateStep() {
  // As in setBusy.
  at("back").setAttribute("aria-disabled", String(chosen.step === 0));
  at("forth").setAttribute("aria-disabled", String(chosen.step === STEPS.length - 1));
  showStep(at("step"), chosen.step, current());
}

start();
