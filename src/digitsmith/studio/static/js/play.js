// The page Play: what a reader and a detector say of a drawing, and which digits are like it.

import { paint, repaint } from "./digits.js";
import { readIdx } from "./files.js";
import { MOST_SIDE, frame } from "./framing.js";
import { start as startGame } from "./game.js";
import { Pad } from "./pad.js";
import { Runtime, get, latest } from "./runtime.js";
import { judge, thresholds, toUnit } from "./verdict.js";

const NEAREST = 6;
const MADE = 500; // digits of the generator that a drawing is compared with
const AT_ONCE = 50;
const PATIENCE = 300; // milliseconds
const SHAPE = { image_size: [28, 28], channels: 1 };
const EXAMPLES = [ // strokes of digits, for those who do not draw
  [[[0.32, 0.25], [0.5, 0.18], [0.66, 0.28], [0.62, 0.42], [0.46, 0.48], [0.64, 0.54], [0.7, 0.7], [0.55, 0.82], [0.33, 0.77]]],
  [[[0.3, 0.26], [0.7, 0.24], [0.56, 0.5], [0.44, 0.82]]],
  [[[0.4, 0.18], [0.32, 0.5], [0.7, 0.52]], [[0.62, 0.3], [0.6, 0.84]]],
  [[[0.34, 0.32], [0.5, 0.2], [0.66, 0.34], [0.52, 0.58], [0.32, 0.78], [0.7, 0.78]]],
];
const $ = (id) => document.getElementById(id);

let [runtime, reader, real] = [];
const made = { images: new Uint8Array(MADE * 28 * 28), labels: [], count: 0 };
const pad = new Pad($("pad"));
const look = latest(lookAt);

async function main() {
  let examples = 0;
  listenTo("undo", () => pad.undo());
  listenTo("clear", () => pad.clear());
  listenTo("example", () => pad.draw(EXAMPLES[examples++ % EXAMPLES.length]));
  pad.addEventListener("change", () => {
    $("undo").disabled = $("clear").disabled = pad.empty;
    look();
  });
  runtime = new Runtime();
  const catalogue = await (await get("studio.json")).json();
  for (const name of ["reader", "detector"]) {
    const told = await runtime.load(name, await fileOf(catalogue[name]), "reader");
    if (name === "reader") reader = { record: told.record, least: thresholds(told.record) };
  }
  $("bars").replaceChildren(...reader.record.classes.map(bar));
  $("verdict").textContent = "Draw a digit.";
  real = await people();
  look();
  await runtime.load("box", await fileOf(catalogue.box), "generator");
  startGame({ runtime, real, report });
  await fill();
}

const listenTo = (id, work) => $(id).addEventListener("click", work);
const fileOf = async ({ key }) => (await get(`models/${key}.onnx`)).arrayBuffer();

// The digits of people that come with the studio.
async function people() {
  const [images, labels] = await Promise.all(
    ["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"].map(async (name) =>
      readIdx(await (await get(`digits/${name}`)).arrayBuffer()),
    ),
  );
  return { images: images.bytes, labels: [...labels.bytes], count: images.shape[0] };
}

// Make digits to compare with, a few at a time, so that drawings are read between them.
async function fill() {
  while (made.count < MADE) {
    const labels = Array.from({ length: AT_ONCE }, (_, i) => (made.count + i) % 10);
    const images = await runtime.make("box", { seed: 1n, first: made.count, count: AT_ONCE, labels });
    made.images.set(images, made.count * 28 * 28);
    made.labels.push(...labels);
    made.count += AT_ONCE;
  }
  $("made-of").textContent = `of ${MADE} that it has made`;
  look();
}

async function lookAt() {
  if (!reader) return;
  const image = frame(pad.pixels(), MOST_SIDE, MOST_SIDE, reader.record.image_size);
  paint($("seen"), image, SHAPE, 1, 0);
  const unit = toUnit(image);
  const waiting = setTimeout(() => {
    $("verdict").textContent = "Looking …"; // what stands there is of the drawing before
    $("label").textContent = $("made-value").textContent = "…";
  }, PATIENCE);
  try {
    const probabilities = await runtime.read("reader", unit.slice());
    const judged = judge(probabilities, reader.least, image);
    tell(judged, probabilities);
    const empty = judged.verdict === "empty";
    strip($("real"), empty || !real ? [] : nearest(image, real), real);
    strip($("generated"), empty ? [] : nearest(image, made), made);
    const score = empty ? 0 : (await runtime.read("detector", unit.slice()))[1];
    $("made").value = score;
    $("made-value").textContent = empty ? "–" : `${Math.round(score * 100)} %`;
  } catch (error) {
    report(error);
  } finally {
    clearTimeout(waiting);
  }
}

function tell({ verdict, labels }, probabilities) {
  const { classes } = reader.record;
  const percent = (label) =>
    probabilities[label] > 0.999 ? "over 99.9 %" : `${(probabilities[label] * 100).toFixed(probabilities[label] > 0.99 ? 1 : 0)} %`;
  const texts = {
    read: () => `This is a ${classes[labels[0]]}: ${percent(labels[0])} sure.`,
    unsure: () =>
      `Refused: not sure enough. A ${classes[labels[0]]} is most likely, with ${percent(labels[0])}; it takes ` +
      `${(reader.least[labels[0]] * 100).toFixed(0)} %.`,
    "two candidates": () =>
      `Refused: it may be ${labels.map((label) => `a ${classes[label]} (${percent(label)})`).join(" or ")}.`,
    "no digit": () => "Refused: this is no digit.",
    empty: () => "Draw a digit.",
  };
  $("verdict").textContent = texts[verdict]();
  $("label").textContent = verdict === "read" ? classes[labels[0]] : verdict === "empty" ? "?" : "✕";
  $("label").classList.toggle("refused", !["read", "empty"].includes(verdict));
  [...$("bars").children].forEach((row, label) => {
    const share = verdict === "empty" ? 0 : probabilities[label];
    row.firstChild.style.height = `${share * 100}%`;
    row.setAttribute("aria-label", `${classes[label]}: ${Math.round(share * 100)} %`);
  });
}

function bar(name) {
  const [row, column, label] = ["div", "span", "span"].map((tag) => document.createElement(tag));
  row.setAttribute("role", "listitem");
  column.className = "bar";
  label.textContent = name;
  row.append(column, label);
  return row;
}

// The places of the digits whose pixels are nearest to an image's.
function nearest(image, { images, count }) {
  const size = image.length;
  const found = [];
  for (let i = 0; i < count; i++) {
    let distance = 0;
    for (let pixel = 0; pixel < size; pixel++) distance += (image[pixel] - images[i * size + pixel]) ** 2;
    found.push([distance, i]);
  }
  return found.sort(([a], [b]) => a - b).slice(0, NEAREST).map(([, i]) => i);
}

function strip(row, places, of) {
  row.replaceChildren(
    ...places.map((place) => {
      const [cell, canvas] = [document.createElement("div"), document.createElement("canvas")];
      cell.setAttribute("role", "listitem");
      canvas.className = "digits";
      canvas.setAttribute("aria-hidden", "true");
      cell.append(canvas, String(of.labels[place]));
      return cell;
    }),
  );
  [...row.querySelectorAll("canvas")].forEach((canvas, i) => {
    const start = places[i] * 28 * 28;
    paint(canvas, of.images.subarray(start, start + 28 * 28), SHAPE, 1, 0);
  });
}

repaint($("seen"), () => look());

function report(error) {
  $("problem").textContent = error.message;
  $("problem").hidden = false;
  if (!reader) $("verdict").textContent = "";
}

main().catch(report);
