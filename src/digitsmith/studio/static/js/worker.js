// Runs models, apart from the page, which never waits for them.

import * as ort from "../vendor/onnxruntime-web/ort.wasm.bundle.min.mjs";
import { FileError, readRecord, readStyles } from "./model-file.js";
import { BLOCK, noiseBlock } from "./noise.js";

// Threads need a page that is isolated from all others, which headers of the studio's server say, and no static host.
ort.env.wasm.numThreads = self.crossOriginIsolated ? Math.min(4, navigator.hardwareConcurrency) : 1;
ort.env.wasm.wasmPaths = {
  wasm: new URL("../vendor/onnxruntime-web/ort-wasm-simd-threaded.wasm", import.meta.url).href,
};
ort.env.logLevel = "fatal"; // errors are raised all the same

const AT_ONCE = 10; // images of one run: what is between its layers stays in the cache; with 50, it takes half as long again
const models = new Map();
const blocks = new Map(); // of noise, the latest few
const MOST_BLOCKS = 64;

const works = {
  // Load a model file under a name; its record comes back, and how many styles each class has.
  async load({ name, content, kind }) {
    const record = readRecord(content, kind);
    let session;
    try {
      session = await ort.InferenceSession.create(new Uint8Array(content), { executionProviders: ["wasm"] });
    } catch (error) {
      throw new FileError(`ONNX Runtime cannot load it (${reason(error)})`);
    }
    const wanted = kind === "reader" ? ["image"] : record.classes.length ? ["z", "label"] : ["z"];
    if (String([...session.inputNames].sort()) !== String([...wanted].sort())) {
      throw new FileError(`its inputs are not ${wanted.join(" and ")}`);
    }
    const styles = kind === "generator" ? readStyles(content, record) : null;
    await models.get(name)?.session.release();
    models.set(name, { session, record, styles });
    return { record, styles: styles && styles.map((values) => values.map((value) => value !== null)) };
  },

  // Images `first` to `first + count - 1` of a seed: Uint8Array[count * h * w * channels].
  async make({ name, seed, first, count, labels, style }) {
    const { record, styles } = models.get(name);
    const width = record.z_dim;
    const z = new Float32Array(count * width);
    for (let i = 0; i < count; i++) {
      z.set(noiseOf(record, seed, first + i), i * width);
      const chosen = style === null || !styles ? null : styles[labels[i]][style];
      if (chosen !== null) z[(i + 1) * width - 1] = chosen;
    }
    return draw(models.get(name), z, labels, count);
  },

  // Images on the way through the latent space, from one digit to another, at these places from 0 to 1.
  async between({ name, from, to, places }) {
    const { record } = models.get(name);
    const [start, end] = [from, to].map(({ seed, index }) => noiseOf(record, seed, index));
    const width = record.z_dim;
    const z = new Float32Array(places.length * width);
    places.forEach((place, i) => z.set(mix(start, end, place, record.z_distribution), i * width));
    const labels = record.classes.length ? places.map((place) => (place < 0.5 ? from : to).label) : null;
    return draw(models.get(name), z, labels, places.length);
  },

  // Probabilities of images, Float32Array[n * channels * h * w] in [-1, 1]: Float32Array[n * classes].
  async read({ name, images }) {
    const { session, record } = models.get(name);
    const shape = [record.channels, ...record.image_size];
    const n = images.length / shape.reduce((a, b) => a * b);
    const { probability } = await session.run({ image: new ort.Tensor("float32", images, [n, ...shape]) });
    return Float32Array.from(probability.data);
  },
};

function noiseOf(record, seed, index) {
  const block = Math.floor(index / BLOCK);
  const key = [seed, block, record.z_dim, record.z_distribution].join();
  if (!blocks.has(key)) {
    if (blocks.size === MOST_BLOCKS) blocks.delete(blocks.keys().next().value);
    blocks.set(key, noiseBlock(seed, block, record.z_dim, record.z_distribution));
  }
  const first = (index % BLOCK) * record.z_dim;
  return blocks.get(key).subarray(first, first + record.z_dim);
}

// On the arc between two points of normal noise (Shoemake 1985), whose length stays usual; on the line for uniform.
function mix(from, to, place, distribution) {
  let [a, b] = [1 - place, place];
  if (distribution === "normal") {
    const dot = (x, y) => x.reduce((sum, value, i) => sum + value * y[i], 0);
    const cosine = dot(from, to) / Math.sqrt(dot(from, from) * dot(to, to));
    const angle = Math.acos(Math.min(1, Math.max(-1, cosine)));
    if (angle > 1e-4) [a, b] = [a, b].map((share) => Math.sin(share * angle) / Math.sin(angle));
  }
  return from.map((value, i) => a * value + b * to[i]);
}

async function draw({ session, record }, z, labels, count) {
  const [height, width] = record.image_size;
  const size = height * width * record.channels;
  const images = new Uint8Array(count * size);
  for (let start = 0; start < count; start += AT_ONCE) {
    const n = Math.min(AT_ONCE, count - start);
    const noise = z.subarray(start * record.z_dim, (start + n) * record.z_dim);
    const feed = { z: new ort.Tensor("float32", noise, [n, record.z_dim]) };
    if (labels) {
      const part = Array.from({ length: n }, (_, i) => BigInt(labels[start + i]));
      feed.label = new ort.Tensor("int64", BigInt64Array.from(part), [n]);
    }
    const { image } = await session.run(feed);
    if (image?.type !== "float32" || image.data.length !== n * size) throw new FileError("it makes no such images");
    toLevels(image.data, record.channels, height * width, images.subarray(start * size));
  }
  return images;
}

// As to_uint8 in data/images/pixels.py: float32 in [-1, 1], planes apart, to levels, channels of a pixel together.
function toLevels(values, channels, pixels, levels) {
  const f = Math.fround;
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i])) throw new FileError("it makes values that are no finite numbers: do not use it");
    const level = Math.trunc(Math.min(255, Math.max(0, f(f(values[i] * 127.5) + 128))));
    const [image, plane, pixel] = [Math.floor(i / (channels * pixels)), Math.floor(i / pixels) % channels, i % pixels];
    levels[(image * pixels + pixel) * channels + plane] = level;
  }
}

function reason(error) {
  return String(error?.message ?? error).split("\n")[0].slice(0, 200);
}

onmessage = async ({ data: { id, work, given } }) => {
  try {
    const made = await works[work](given);
    postMessage({ id, made }, made?.buffer ? [made.buffer] : []);
  } catch (error) {
    postMessage({ id, error: error instanceof FileError ? error.message : reason(error) });
  }
};
