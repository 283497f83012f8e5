// Grids of images that trainings left, cut into their images.

import { paint } from "./digits.js";
import { get } from "./runtime.js";

const GAP = 2; // pixels between two images, and around them, as data/images/grid.py has it
const KEPT = 400; // grids

const grids = new Map(); // promises, by path

// Levels of the images of a run's grid, of an epoch or "real": {images: Uint8Array, count, columns}.
export function sheet(story, which) {
  const path = `runs/${story.key}/${which === "real" ? "real" : `epoch-${which}`}.png`;
  if (!grids.has(path)) {
    if (grids.size >= KEPT) grids.delete(grids.keys().next().value);
    const grid = load(path, story);
    grids.set(path, grid);
    grid.catch(() => grids.delete(path)); // it may come later
  }
  return grids.get(path);
}

// Load the grids of a run again when they are asked for.
export function forget(key) {
  for (const path of grids.keys()) if (path.startsWith(`runs/${key}/`)) grids.delete(path);
}

// The latest epoch that has a grid, at an epoch or before it; none if there is none.
export function sampled(story, epoch) {
  return story.samples.findLast((one) => one <= epoch) ?? story.samples[0];
}

async function load(path, { image_size: [height, width], channels }) {
  const bitmap = await createImageBitmap(await (await get(path)).blob(), { colorSpaceConversion: "none" });
  const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  const levels = context.getImageData(0, 0, bitmap.width, bitmap.height).data;
  const rows = Math.floor((bitmap.height - GAP) / (height + GAP));
  const columns = Math.floor((bitmap.width - GAP) / (width + GAP));
  const images = new Uint8Array(rows * columns * height * width * channels);
  let at = 0;
  for (let i = 0; i < rows * columns; i++) {
    const [top, left] = [Math.floor(i / columns), i % columns].map((place, axis) => GAP + place * ([height, width][axis] + GAP));
    for (let y = top; y < top + height; y++) {
      for (let x = left; x < left + width; x++) {
        const pixel = 4 * (y * bitmap.width + x);
        for (let channel = 0; channel < channels; channel++) images[at++] = levels[pixel + channel];
      }
    }
  }
  return { images, count: rows * columns, columns };
}

// Show a grid, with a frame around the chosen image.
export function show(canvas, { images, columns }, story, chosen = -1) {
  paint(canvas, images, story, columns);
  if (chosen < 0) return;
  const context = canvas.getContext("2d");
  const [width, height] = [canvas.width / columns, (canvas.width / columns) * (story.image_size[0] / story.image_size[1])];
  context.strokeStyle = getComputedStyle(canvas).getPropertyValue("--accent");
  context.lineWidth = 2 * devicePixelRatio;
  context.strokeRect((chosen % columns) * width + 1, Math.floor(chosen / columns) * height + 1, width - 2, height - 2);
}
