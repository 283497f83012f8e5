// The game as a picture: noise, generator, fakes and real images, discriminator, probabilities; of one run and epoch.

import { at, written } from "./charts.js";
import { inkOf, paint } from "./digits.js";
import { BLOCK, noiseBlock } from "./noise.js";
import { sampled, sheet } from "./sheets.js";

const SHOWN = 5; // fakes, and real images
const STRONG = 2.5; // a number of the noise that has the full colour
const $ = (id) => document.getElementById(id);

// The numbers of a chosen image's noise: the run's own.
function noiseOf(story, place) {
  const block = noiseBlock(BigInt(story.seed), Math.floor(place / BLOCK), story.z_dim, story.z_distribution);
  return block.subarray((place % BLOCK) * story.z_dim, ((place % BLOCK) + 1) * story.z_dim);
}

// What does not change from epoch to epoch: the networks, and the noise of the chosen image.
export function showGame(story, place) {
  for (const network of ["generator", "discriminator"]) $(network).textContent = story[network];
  const noise = noiseOf(story, place);
  paintNoise($("noise"), noise);
  const first = [...noise.subarray(0, 3)].map((value) => value.toFixed(2).replace("-", "−")).join(", ");
  const kind = story.z_distribution === "normal" ? "normal" : "uniform from −1 to 1";
  $("noise-said").textContent = `${first}, …: ${story.z_dim} numbers, ${kind}`;
}

function paintNoise(canvas, noise) {
  const columns = Math.ceil(Math.sqrt(noise.length));
  const rows = Math.ceil(noise.length / columns);
  const cell = Math.max(1, Math.round((canvas.clientWidth * devicePixelRatio) / columns));
  [canvas.width, canvas.height] = [columns * cell, rows * cell];
  const context = canvas.getContext("2d");
  const styles = getComputedStyle(canvas);
  const [above, below] = ["--curve-a", "--curve-b"].map((name) => styles.getPropertyValue(name));
  noise.forEach((value, i) => {
    context.globalAlpha = Math.min(Math.abs(value) / STRONG, 1);
    context.fillStyle = value > 0 ? above : below;
    context.fillRect((i % columns) * cell, Math.floor(i / columns) * cell, cell - 1, cell - 1);
  });
}

// What an epoch has: fakes, losses, probabilities, and what they mean.
export async function showEpoch(story, epoch, place) {
  const row = Object.fromEntries(["d_loss", "g_loss", "d_real", "d_fake"].map((key) => [key, at(story.epochs, key, epoch)]));
  $("d-loss").textContent = written(row.d_loss);
  $("g-loss").textContent = written(row.g_loss);
  for (const key of ["d_fake", "d_real"]) {
    const output = $(key.replace("_", "-"));
    output.textContent = written(row[key]);
    output.previousElementSibling.style.width = `${(row[key] ?? 0) * 100}%`;
  }
  $("verdict").textContent = meaning(row);
  const fakes = sampled(story, epoch);
  await Promise.all([
    fakes === undefined ? null : strip($("fakes"), story, fakes, place),
    story.real ? strip($("reals"), story, "real", place) : null,
  ]);
}

async function strip(canvas, story, which, place) {
  const { images, count } = await sheet(story, which);
  const size = images.length / count;
  const shown = new Uint8Array(SHOWN * size);
  for (let i = 0; i < SHOWN; i++) {
    const one = (place + i) % count;
    shown.set(images.subarray(one * size, (one + 1) * size), i * size);
  }
  if (inkOf(canvas)) paint(canvas, shown, story, SHOWN);
}

function meaning({ d_real: real, d_fake: fake }) {
  if (real === null) return "Before the first step: the weights of both networks are chance, and fakes are noise.";
  const gap = real - fake;
  if (gap < 0.1) return "The discriminator can hardly do better than guess: both means are close to each other. This is the equilibrium, or both have stopped learning: the images tell.";
  if (gap < 0.35) return "The discriminator tells some fakes from real images, and the generator learns from each that is found out.";
  if (gap < 0.7) return "The discriminator is ahead: it finds out most fakes. The generator has much to learn from it.";
  return "The discriminator wins: it finds out nearly all fakes. If this lasts, the generator learns little more.";
}
