// Saves what is wished for: a sheet as PNG, or a data set in a ZIP, as `digitsmith generate` would write it.

import { idx, png, save, zip } from "./files.js";

const AT_ONCE = 100; // digits that are made between two looks at whether to go on
const GAP = 2; // pixels between the digits of a sheet
const BACKGROUND = 48; // level of a sheet's gaps
const DIGITS = /^[0-9]$/;
const $ = (id) => document.getElementById(id);

export function start({ wishes, part, report }) {
  let cancelled = false;
  const makers = { "save-sheet": sheet, "save-idx": idxFiles, "save-png": pngFolders };
  $("cancel").addEventListener("click", () => (cancelled = true));
  for (const [id, make] of Object.entries(makers)) {
    $(id).addEventListener("click", async () => {
      const wished = wishes();
      if (!wished) return;
      cancelled = false;
      busy(true);
      try {
        const made = await collect(wished);
        if (made) await make(wished, made);
      } catch (error) {
        report(error);
      } finally {
        busy(false);
      }
    });
  }

  function busy(is) {
    for (const id of Object.keys(makers)) $(id).disabled = is;
    $("cancel").hidden = $("progress").hidden = !is;
    $("progress").value = 0;
  }

  // All images and labels; null if the user changed their mind.
  async function collect(wished) {
    const { model, count } = wished;
    const images = new Uint8Array(count * pixelsOf(model.record));
    const labels = [];
    for (let first = 0; first < count; first += AT_ONCE) {
      const made = await part(wished, first, Math.min(AT_ONCE, count - first));
      if (cancelled) return null;
      images.set(made.images, first * pixelsOf(model.record));
      labels.push(...(made.labels ?? []));
      $("progress").value = first / count;
    }
    return { images, labels };
  }
}

function pixelsOf({ image_size: [height, width], channels }) {
  return height * width * channels;
}

async function sheet({ model, count, chosen }, { images }) {
  const { image_size: [height, width], channels } = model.record;
  const columns = chosen && chosen.length <= 12 ? chosen.length * Math.max(1, Math.floor(10 / chosen.length)) : 10;
  const rows = Math.ceil(count / columns);
  const [wide, high] = [columns * (width + GAP) + GAP, rows * (height + GAP) + GAP];
  const tiled = new Uint8Array(wide * high * channels).fill(BACKGROUND);
  for (let i = 0; i < count; i++) {
    const [top, left] = [GAP + Math.floor(i / columns) * (height + GAP), GAP + (i % columns) * (width + GAP)];
    for (let y = 0; y < height; y++) {
      const row = (i * height + y) * width * channels;
      tiled.set(images.subarray(row, row + width * channels), ((top + y) * wide + left) * channels);
    }
  }
  const scale = wide * high > 2 ** 21 ? 1 : 2;
  const large = enlarged(tiled, wide, high, channels, scale);
  save("digits.png", new Blob([await png(large, wide * scale, high * scale, channels)], { type: "image/png" }));
}

function enlarged(pixels, width, height, channels, scale) {
  const large = new Uint8Array(pixels.length * scale * scale);
  for (let y = 0; y < height * scale; y++) {
    for (let x = 0; x < width * scale; x++) {
      const from = (Math.floor(y / scale) * width + Math.floor(x / scale)) * channels;
      for (let c = 0; c < channels; c++) large[(y * width * scale + x) * channels + c] = pixels[from + c];
    }
  }
  return large;
}

async function idxFiles(wished, { images, labels }) {
  const { classes, image_size, channels } = wished.model.record;
  const shape = [wished.count, ...image_size, ...(channels === 3 ? [3] : [])];
  const files = [
    ["dataset.json", about(wished)],
    [`train-images-idx${shape.length}-ubyte`, idx(images, ...shape)],
  ];
  if (classes.length > 256) throw new Error("IDX labels have one byte, for 256 classes: save PNG folders.");
  if (classes.length) {
    const values = classes.every((name) => DIGITS.test(name)) ? classes.map(Number) : classes.map((_, i) => i);
    const bytes = Uint8Array.from(labels, (label) => values[label]);
    files.push(["train-labels-idx1-ubyte", idx(bytes, wished.count)]);
  }
  save("digits-idx.zip", await zip(files));
}

async function pngFolders(wished, { images, labels }) {
  const { classes, image_size: [height, width], channels } = wished.model.record;
  const size = pixelsOf(wished.model.record);
  const files = [["dataset.json", about(wished)]];
  for (let i = 0; i < wished.count; i++) {
    const folder = classes.length ? `train/${classes[labels[i]]}` : "train";
    const image = images.subarray(i * size, (i + 1) * size);
    files.push([`${folder}/${String(i).padStart(8, "0")}.png`, await png(image, width, height, channels)]);
  }
  save("digits-png.zip", await zip(files));
}

// dataset.json, as records/dataset.py has it. Where style or stroke were chosen, no seed alone gives the same images.
function about({ model, seed, count, chosen, style, stroke }) {
  const { classes, channels, training } = model.record;
  const generated =
    style === null && !stroke
      ? {
          model: model.name,
          model_sha256: model.sha256,
          trained_on: training?.data?.source ?? "",
          seed: "SEED",
          first: 0,
          count,
          labels: (chosen ?? []).map((i) => classes[i]),
        }
      : null;
  const text = JSON.stringify({ format: 1, classes, channels, generated }, null, 1);
  return new TextEncoder().encode(`${text.replace('"SEED"', String(seed))}\n`); // which JSON's numbers may not hold
}
