"use strict";
// The numbers of a text's attention, as the server packed them.

// Little-endian bytes in base64 as numbers.
function unpack(text, Kind) {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  return new Kind(bytes.buffer);
}

// One kind of attention: (layers, heads, queries, keys) weights and what they were made of.
class Attention {
  constructor(packed) {
    Object.assign(this, packed);
    for (const name of ["weights", "query", "key", "value"]) {
      this[name] = unpack(packed[name], Float32Array);
    }
    this.allowed = unpack(packed.allowed, Uint8Array);
  }

  // One head's matrices as lists of rows.
  head(layer, head) {
    const [T, S, H] = [this.queries.length, this.keys.length, this.size];
    const shared = Math.floor((head * this.keyHeads) / this.heads);
    const own = layer * this.heads + head;
    const other = layer * this.keyHeads + shared;
    return {
      weights: rows(this.weights, own * T * S, T, S),
      query: rows(this.query, own * T * H, T, H),
      key: rows(this.key, other * S * H, S, H),
      value: rows(this.value, other * S * H, S, H),
      allowed: rows(this.allowed, layer * T * S, T, S),
    };
  }
}

function rows(numbers, start, count, width) {
  return Array.from({ length: count }, (_, row) =>
    numbers.subarray(start + row * width, start + (row + 1) * width));
}

function dot(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

// Indices of numbers, the largest number first.
function largestFirst(numbers) {
  return Array.from(numbers.keys()).sort((a, b) => numbers[b] - numbers[a]);
}

// A number for people, with a minus sign that is as wide as a digit.
function written(number, digits) {
  const text = number.toFixed(digits);
  return text.startsWith("-") ? (Number(text) === 0 ? text.slice(1) : `\u2212${text.slice(1)}`) : text;
}

function percent(share) {
  return share > 0 && share < 0.005 ? "<1%" : `${Math.round(100 * share)}%`;
}

// An element with properties and children; texts become text, never markup.
function element(tag, properties, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties || {})) {
    if (name in made) made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

// A token, whatever direction its letters run in; the mark of a space steps back.
function word(text) {
  if (!text.startsWith("\u2581")) return element("bdi", {}, text);
  return element("bdi", {}, element("span", { className: "mark" }, "\u2581"), text.slice(1));
}

// A radio button with a face: the arrow keys, the focus and the names are the browser's own.
function pick(group, value, isChosen, choose, ...face) {
  const input = element("input", { type: "radio", name: group, value: String(value), checked: isChosen });
  input.addEventListener("change", () => choose(value));
  return element("label", { className: "pick" }, input, element("span", { className: "face" }, ...face));
}
