// Writes a number in one hand: of the digits of a class, the one that is most like the hand, as numbers/hand.py does.

import { inkOf, repaint } from "./digits.js";
import { png, save } from "./files.js";
import { latest } from "./runtime.js";

const SEED = 11n; // of the digits that hands choose from
const EACH = 12; // digits of a class to choose from, at least
const WEIGHTS = [1.5, 0.8, 0.8]; // of stroke, slant and width
const GAP = 0.16; // between neighbours, in heights of a digit
const LONGEST = 24; // characters that are written
const MARGIN = 0.35; // around the number
const $ = (id) => document.getElementById(id);

export function start({ runtime, onModel, report }) {
  let [model, hand, line] = [null, 1, null];
  const pools = new Map(); // of the model: for each class, its digits and their style

  onModel((chosen) => {
    if (model === chosen) return;
    model = chosen;
    pools.clear();
    $("write").hidden = !model.record.classes.some((name) => name.length === 1) || model.record.channels !== 1;
    write();
  });
  $("number").addEventListener("input", () => write());
  $("hand").addEventListener("click", () => {
    hand++;
    write();
  });
  $("save-number").addEventListener("click", async () => {
    if (!line) return;
    const paper = line.pixels.map((level) => 255 - level); // dark ink on white paper
    save("number.png", new Blob([await png(paper, line.width, line.height, 1)], { type: "image/png" }));
  });
  repaint($("written"), () => line && show(line));

  const write = latest(async () => {
    const of = model;
    const { classes } = of.record;
    const given = $("number").value.trim();
    const text = given.slice(0, LONGEST);
    const lacking = [...new Set(text)].filter((character) => character !== " " && !classes.includes(character));
    $("number").setAttribute("aria-invalid", String(lacking.length > 0));
    const written = [...text].filter((character) => character === " " || classes.includes(character)).join("").trim();
    const short = given.length > LONGEST ? `Only the first ${LONGEST} characters are written; digitsmith write takes more.` : "";
    $("written-said").textContent = lacking.length ? `The model has no ${lacking.join(" ")}.` : written ? short : "Type a number.";
    $("save-number").disabled = !written;
    try {
      line = written ? await compose(of, written) : null;
      if (of === model && line) show(line);
      $("written").setAttribute("aria-label", written ? `${written}, written by hand` : "Nothing is written.");
    } catch (error) {
      report(error);
    }
  });

  async function poolOf(of, label) {
    if (!pools.has(label)) {
      const [height, width] = of.record.image_size;
      const labels = Array(2 * EACH).fill(label);
      const images = await runtime.make(of.key, { seed: SEED, first: 0, count: labels.length, labels });
      const digits = labels.map((_, i) => images.subarray(i * height * width, (i + 1) * height * width));
      const styles = digits.map((digit) => measure(digit, width, height));
      pools.set(label, { digits, styles: deviations(styles) });
    }
    return pools.get(label);
  }

  async function compose(of, text) {
    const [height, width] = of.record.image_size;
    const wanted = handOf(hand);
    const [used, glyphs] = [new Map(), []];
    let spaces = 0;
    for (const character of text) {
      if (character === " ") {
        spaces++;
        continue;
      }
      const label = of.record.classes.indexOf(character);
      const { digits, styles } = await poolOf(of, label);
      const order = digits.map((_, i) => i).sort((a, b) => distance(styles[a], wanted) - distance(styles[b], wanted));
      const time = used.get(label) ?? 0; // another one each time: nobody writes the same twice
      used.set(label, time + 1);
      glyphs.push({ ...inked(digits[order[time % EACH]], width, height), spaces });
      spaces = 0;
    }
    return lay(glyphs);
  }
}

// The hand of that number: deviations of stroke, slant and width from what is usual, from -1.6 to 1.6.
function handOf(number) {
  return [0.7548776662466927, 0.5698402909980532, 0.3294321] // which spread evenly
    .map((step) => (((0.5 + number * step) % 1) - 0.5) * 3.2);
}

function distance(style, wanted) {
  return style.reduce((sum, value, i) => sum + (WEIGHTS[i] * (value - wanted[i])) ** 2, 0);
}

// The style of a digit, as measure() in numbers/hand.py: width of its strokes, slant, width of the upright shape.
export function measure(digit, width, height) {
  let [area, outline, sumX, sumY, xx, yy, xy] = [0, 0, 0, 0, 0, 0, 0];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const ink = digit[y * width + x] / 255;
      area += ink;
      sumX += ink * x;
      sumY += ink * y;
      xx += ink * x * x;
      yy += ink * y * y;
      xy += ink * x * y;
      if (x + 1 < width && y + 1 < height) {
        outline += Math.hypot(digit[y * width + x + 1] / 255 - ink, digit[(y + 1) * width + x] / 255 - ink);
      }
    }
  }
  area = Math.max(area, 1e-6);
  const [meanX, meanY] = [sumX / area, sumY / area];
  [xx, yy, xy] = [xx / area - meanX ** 2, Math.max(yy / area - meanY ** 2, 1e-6), xy / area - meanX * meanY];
  return [(2 * area) / Math.max(outline, 1e-6), -xy / yy, Math.sqrt(Math.max(xx - xy ** 2 / yy, 0) / yy)];
}

function deviations(styles) {
  const about = [0, 1, 2].map((i) => {
    const values = styles.map((style) => style[i]);
    const mean = values.reduce((a, b) => a + b) / values.length;
    return [mean, Math.max(Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length), 1e-3)];
  });
  return styles.map((style) => style.map((value, i) => (value - about[i][0]) / about[i][1]));
}

// A digit cut to its ink.
function inked(digit, width, height) {
  let [left, right, top, bottom] = [width, 0, height, 0];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (digit[y * width + x] < 40) continue;
      [left, right] = [Math.min(left, x), Math.max(right, x + 1)];
      [top, bottom] = [Math.min(top, y), Math.max(bottom, y + 1)];
    }
  }
  if (left >= right) [left, right, top, bottom] = [0, width, 0, height];
  return { digit, width, left, right, top, bottom };
}

// The digits one after the other on a line, as grey pixels: enlarged by the canvas, whose smoothing is that of a pen.
function lay(glyphs) {
  const scale = 4;
  const tall = Math.max(...glyphs.map(({ top, bottom }) => bottom - top));
  const ends = [];
  let at = MARGIN * tall;
  for (const { left, right, spaces } of glyphs) {
    at += spaces * 0.5 * tall;
    ends.push(at - left);
    at += right - left + GAP * tall;
  }
  const [width, height] = [Math.ceil((at + (MARGIN - GAP) * tall) * scale), Math.ceil((1 + 2 * MARGIN) * tall * scale)];
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  glyphs.forEach(({ digit, width: side, bottom }, i) => {
    const small = new OffscreenCanvas(side, digit.length / side);
    const image = new ImageData(side, digit.length / side);
    digit.forEach((level, pixel) => image.data.set([0, 0, 0, level], 4 * pixel));
    small.getContext("2d").putImageData(image, 0, 0);
    const down = (i % 2 ? 0.02 : -0.015) * tall; // a hand keeps to the line, nearly
    const y = ((1 + MARGIN) * tall - bottom + down) * scale;
    context.drawImage(small, ends[i] * scale, y, side * scale, small.height * scale);
  });
  const drawn = context.getImageData(0, 0, width, height).data;
  return { width, height, pixels: Uint8Array.from({ length: width * height }, (_, i) => drawn[4 * i + 3]) };
}

function show({ width, height, pixels }) {
  const canvas = $("written");
  const [red, green, blue] = inkOf(canvas);
  const image = new ImageData(width, height);
  pixels.forEach((level, i) => image.data.set([red, green, blue, level], 4 * i));
  [canvas.width, canvas.height] = [Math.max(width, 6 * height), height];
  const context = canvas.getContext("2d");
  const small = new OffscreenCanvas(width, height);
  small.getContext("2d").putImageData(image, 0, 0);
  context.drawImage(small, 0, 0);
  canvas.style.aspectRatio = `${canvas.width} / ${canvas.height}`;
}
