"use strict";
// Weights as pictures. What a picture shows, the lists of words say too.

function colours() {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(name).trim();
  return { share: of("--share"), barred: of("--barred"), ink: of("--ink"), faint: of("--faint"),
           accent: of("--accent") };
}

// Size a canvas in CSS pixels, sharp on dense screens.
function prepared(canvas, width, height) {
  const dense = Math.min(window.devicePixelRatio || 1, 2);
  canvas.width = Math.ceil(width * dense);
  canvas.height = Math.ceil(height * dense);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  context.scale(dense, dense);
  return context;
}

function drawCells(context, head, left, top, width, height, colour) {
  const [T, S] = [head.weights.length, head.weights[0].length];
  let most = 1e-9;
  for (const row of head.weights) for (const weight of row) most = Math.max(most, weight);
  const [w, h] = [width / S, height / T];
  for (let t = 0; t < T; t++) {
    for (let s = 0; s < S; s++) {
      const depth = head.weights[t][s] / most;
      context.fillStyle = head.allowed[t][s] ? `rgba(${colour.share}, ${depth.toFixed(3)})` : colour.barred;
      context.fillRect(left + s * w, top + t * h, w + 0.3, h + 0.3);
    }
  }
}

function drawThumbnail(canvas, head) {
  drawCells(prepared(canvas, 72, 72), head, 0, 0, 72, 72, colours());
}

// A head's whole map with its words; the chosen word's row has a frame.
function drawMap(canvas, attention, head, query) {
  const [T, S] = [attention.queries.length, attention.keys.length];
  const cell = Math.max(T, S) > 40 ? 14 : 22;
  const measure = canvas.getContext("2d");
  const font = `${cell > 14 ? 13 : 10}px system-ui, sans-serif`;
  measure.font = font;
  const longest = (tokens) => Math.ceil(Math.max(...tokens.map((token) => measure.measureText(token).width)));
  const left = longest(attention.queries) + 12;
  const top = longest(attention.keys) + 12;
  const context = prepared(canvas, left + S * cell + 4, top + T * cell + 4);
  const colour = colours();
  drawCells(context, head, left, top, S * cell, T * cell, colour);
  context.strokeStyle = colour.accent;
  context.lineWidth = 2;
  context.strokeRect(left, top + query * cell, S * cell, cell);
  context.font = font;
  context.textBaseline = "middle";
  context.fillStyle = colour.ink;
  context.textAlign = "right";
  attention.queries.forEach((token, t) => context.fillText(token, left - 6, top + (t + 0.5) * cell));
  context.textAlign = "left";
  attention.keys.forEach((token, s) => {
    context.save();
    context.translate(left + (s + 0.5) * cell, top - 6);
    context.rotate(-Math.PI / 2);
    context.fillText(token, 0, 0);
    context.restore();
  });
}
