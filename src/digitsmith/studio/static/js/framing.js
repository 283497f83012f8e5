// Frames a drawing as MNIST was made, as frame() in data/images/framing.py does with bright ink on dark, even paper.
//
// The margin of the drawing must be without ink. Images are Uint8Array[height * width].

const INK = 20 / 28; // the ink's longer side, as a share of the image's
const FAINT = 0.2; // share of the brightest ink's level under which a pixel is taken for paper
const LEAST_CONTRAST = 32;
const LEAST_LENGTH = 1 / 12; // of the image's longer side that ink has; less is dust
const SPECK = 0.015; // of all ink: as little beyond a gap is dust, too
const BRIGHT = 240; // level that need not be made brighter
const BITS = 22; // of the fractions that pixels are weighted with

export const MOST_SIDE = 224; // pixels of a drawing

// A drawing of bright ink, cut to the ink, scaled and placed in an image of this size; empty if there is none.
export function frame(drawing, width, height, [high, wide] = [28, 28]) {
  const framed = new Uint8Array(high * wide);
  const box = find(drawing, width, height);
  if (!box) return framed;
  const [inkWide, inkHigh] = [box.right - box.left, box.bottom - box.top];
  const scale = Math.min((high * INK) / inkHigh, (wide * INK) / inkWide);
  const [newWide, newHigh] = [inkWide, inkHigh].map((side) => Math.max(1, round(side * scale)));
  const cut = new Uint8Array(inkWide * inkHigh);
  for (let y = 0; y < inkHigh; y++) {
    const start = (box.top + y) * width + box.left;
    cut.set(drawing.subarray(start, start + inkWide), y * inkWide);
  }
  const drawn = brighten(resize(cut, inkWide, inkHigh, newWide, newHigh));
  const [centreY, centreX] = centre(drawn, newWide, newHigh);
  const top = round(Math.min(Math.max(high / 2 + 0.5 - centreY, 0), high - newHigh));
  const left = round(Math.min(Math.max(wide / 2 + 0.5 - centreX, 0), wide - newWide));
  for (let y = 0; y < newHigh; y++) {
    framed.set(drawn.subarray(y * newWide, (y + 1) * newWide), (top + y) * wide + left);
  }
  return framed;
}

// Halves to the even neighbour, as Python does.
function round(value) {
  const below = Math.floor(value);
  return value - below === 0.5 ? below + (below % 2) : Math.round(value);
}

function find(ink, width, height) {
  const most = ink.reduce((a, b) => Math.max(a, b), 0);
  if (most < LEAST_CONTRAST) return null;
  const marked = ink.map((level) => (level > FAINT * most ? 1 : 0));
  const near = nearOthers(marked, width, height);
  const count = (mask) => mask.reduce((a, b) => a + b, 0);
  if (2 * count(near) <= count(marked)) return null; // single pixels everywhere: noise
  const mass = (y, x) => (near[y * width + x] ? ink[y * width + x] : 0);
  const rows = new Float64Array(height);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) rows[y] += mass(y, x);
  const total = rows.reduce((a, b) => a + b);
  let [top, bottom] = withoutSpecks(rows, total);
  const columns = new Float64Array(width);
  for (let y = top; y < bottom; y++) for (let x = 0; x < width; x++) columns[x] += mass(y, x);
  const ends = withoutSpecks(columns, total);
  if (!ends) return null;
  const [left, right] = ends;
  const empty = (y) => !near.subarray(y * width + left, y * width + right).some(Boolean);
  while (top < bottom && empty(top)) top++; // rows in which there is only what lay beyond the columns
  while (top < bottom && empty(bottom - 1)) bottom--;
  const long = Math.max(right - left, bottom - top) >= LEAST_LENGTH * Math.max(width, height);
  return top < bottom && long ? { left, right, top, bottom } : null;
}

// Those that are marked and have one among their eight neighbours that is, too.
function nearOthers(marked, width, height) {
  const near = new Uint8Array(marked.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!marked[y * width + x]) continue;
      let neighbours = -1; // itself
      for (let v = Math.max(0, y - 1); v <= Math.min(height - 1, y + 1); v++) {
        for (let u = Math.max(0, x - 1); u <= Math.min(width - 1, x + 1); u++) neighbours += marked[v * width + u];
      }
      near[y * width + x] = neighbours > 0 ? 1 : 0;
    }
  }
  return near;
}

// From where to where there is ink, by its mass in each row: without small masses beyond gaps at either end.
function withoutSpecks(profile, total) {
  const runs = []; // of rows with ink: from, to, mass
  profile.forEach((mass, place) => {
    if (!mass) return;
    if (runs.at(-1)?.[1] !== place) runs.push([place, place, 0]);
    runs.at(-1)[1] = place + 1;
    runs.at(-1)[2] += mass;
  });
  while (runs.length > 1 && runs[0][2] < SPECK * total) runs.shift();
  while (runs.length > 1 && runs.at(-1)[2] < SPECK * total) runs.pop();
  return runs.length ? [runs[0][0], runs.at(-1)[1]] : null;
}

// Make the brightest pixel white, as it is in MNIST: thin strokes that are scaled down become faint.
function brighten(drawn) {
  const most = drawn.reduce((a, b) => Math.max(a, b), 0);
  return most === 0 || most >= BRIGHT ? drawn : drawn.map((level) => Math.floor(level * (255 / most) + 0.5));
}

// Row and column of the centre of mass, in pixels from the corner.
function centre(ink, width, height) {
  let [mass, down, across] = [0, 0, 0];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const level = ink[y * width + x];
      mass += level;
      down += level * (y + 0.5);
      across += level * (x + 0.5);
    }
  }
  return [down / (mass || 1), across / (mass || 1)];
}

// As Pillow resizes grey images with its bicubic filter: along rows, then along columns, in fixed-point arithmetic.
function resize(image, width, height, newWidth, newHeight) {
  let [made, wide] = [image, width];
  if (newWidth !== width) {
    made = along(made, width, newWidth, height, 1, width, newWidth);
    wide = newWidth;
  }
  return newHeight === height ? made : along(made, height, newHeight, wide, wide, 1, 1);
}

function along(image, side, newSide, lines, step, line, newLine) {
  const made = new Uint8Array(newSide * lines);
  const newStep = step === 1 ? 1 : lines;
  weights(side, newSide).forEach(({ from, shares }, place) => {
    for (let i = 0; i < lines; i++) {
      let sum = 2 ** (BITS - 1);
      for (let j = 0; j < shares.length; j++) sum += image[i * line + (from + j) * step] * shares[j];
      made[i * newLine + place * newStep] = Math.min(255, Math.max(0, Math.floor(sum / 2 ** BITS)));
    }
  });
  return made;
}

function weights(side, newSide) {
  const scale = side / newSide;
  const wider = Math.max(scale, 1);
  const reach = 2 * wider;
  return Array.from({ length: newSide }, (_, place) => {
    const middle = (place + 0.5) * scale;
    const from = Math.max(0, Math.trunc(middle - reach + 0.5));
    const to = Math.min(side, Math.trunc(middle + reach + 0.5));
    const values = Array.from({ length: to - from }, (_, j) => bicubic((j + from - middle + 0.5) / wider));
    const sum = values.reduce((a, b) => a + b, 0);
    return { from, shares: values.map((value) => fixed(sum ? value / sum : value)) };
  });
}

function fixed(share) {
  return Math.trunc(share * 2 ** BITS + (share < 0 ? -0.5 : 0.5));
}

function bicubic(x) {
  const a = -0.5;
  x = Math.abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}
