// What a model file says of itself: the record in its ONNX metadata, and where the styles of its classes begin.
//
// Files may be anybody's. Nothing here runs them; ONNX Runtime does, in a worker that can be ended.

export const MOST_BYTES = 2 ** 28;

const KEY = "digitsmith";
const [GRAPH, METADATA] = [7, 14]; // numbers of fields in ONNX's protobuf: of the model
const INITIALIZER = 5; // of the graph
const [DIMS, TYPE, RAW] = [1, 2, 9]; // of a tensor
const [FLOAT, FLOAT16] = [1, 10]; // types of tensors
const SIDES = [8, 128]; // least and most pixels of an image's side

export class FileError extends Error {}

// The record of a model file (an ArrayBuffer) of that kind, "generator" or "reader".
export function readRecord(content, kind) {
  const bytes = new Uint8Array(content);
  let texts;
  try {
    texts = [...fields(bytes, METADATA)].map((entry) => [text(entry, 1), text(entry, 2)]);
  } catch {
    throw new FileError("it is no ONNX file, or it is damaged");
  }
  const found = texts.filter(([key]) => key === KEY);
  if (found.length !== 1) throw new FileError("it is no model that Digitsmith exported");
  let record;
  try {
    record = JSON.parse(found[0][1]);
  } catch {
    throw new FileError("what it says of itself is damaged");
  }
  check(record, kind);
  return record;
}

const NAME = /^[^/\\\p{C}\p{Zl}\p{Zp}]{1,64}$/u; // of a class, which names a folder: as check_class_names in records/base.py

// What the page relies on.
function check(record, kind) {
  if (record?.kind !== kind) {
    const other = { reader: "a reader, which makes no digits", generator: "a generator, which reads no digits" };
    throw new FileError(other[record?.kind] ? `it is ${other[record.kind]}` : "it is no model that Digitsmith exported");
  }
  if (record.format !== (kind === "generator" ? 2 : 1)) {
    throw new FileError("another version of Digitsmith exported it: export it again");
  }
  record.classes ??= [];
  record.channels ??= 1;
  const whole = (value, least, most) => Number.isInteger(value) && value >= least && value <= most;
  const good =
    Array.isArray(record.classes) &&
    record.classes.length <= 10_000 &&
    record.classes.every((name) => typeof name === "string" && NAME.test(name) && name !== "." && name !== "..") &&
    new Set(record.classes).size === record.classes.length &&
    Array.isArray(record.image_size) &&
    record.image_size.length === 2 &&
    record.image_size.every((side) => whole(side, ...SIDES)) &&
    [1, 3].includes(record.channels) &&
    (kind === "reader" ||
      (whole(record.z_dim, 1, 4096) && ["normal", "uniform"].includes(record.z_distribution)));
  if (!good) throw new FileError("what it says of itself is damaged");
}

// A value of the noise's last number for each style of each class, [classes][styles]; null for a style that a class
// lacks; null for all if the model has no styles. The graph holds the values between them.
export function readStyles(content, record) {
  const styles = record.training?.config?.networks?.styles ?? 1;
  if (!record.classes.length || !Number.isInteger(styles) || styles < 2) return null;
  const wanted = [record.classes.length, styles - 1];
  const found = [];
  for (const graph of fields(new Uint8Array(content), GRAPH)) {
    for (const tensor of fields(graph, INITIALIZER)) {
      if (String(dims(tensor)) === String(wanted)) found.push(tensor);
    }
  }
  const bounds = found.length === 1 ? floats(found[0]) : null;
  if (bounds?.length !== wanted[0] * wanted[1]) return null;
  const ends = record.z_distribution === "normal" ? [-3, 3] : [-1, 1];
  return record.classes.map((_, label) => {
    const own = [...bounds.subarray(label * wanted[1], (label + 1) * wanted[1])];
    const edges = [Math.min(ends[0], own[0] - 1), ...own, Math.max(ends[1], own.at(-1) + 1)];
    return Array.from({ length: styles }, (_, i) => {
      const [from, to] = [edges[i], edges[i + 1]];
      if (!(to > from) || from === Infinity || to === -Infinity) return null;
      return Number.isFinite(from) && Number.isFinite(to) ? (from + to) / 2 : Number.isFinite(from) ? from + 1 : to - 1;
    });
  });
}

// The contents of all fields of that number in a message that have a length.
function* fields(message, number) {
  for (const [found, value] of walk(message)) if (found === number && value instanceof Uint8Array) yield value;
}

function text(message, number) {
  const [found] = fields(message, number);
  return found ? new TextDecoder().decode(found) : "";
}

function dims(tensor) {
  const found = [];
  for (const [number, value] of walk(tensor)) {
    if (number !== DIMS) continue;
    if (typeof value === "number") found.push(value);
    else for (let at = 0, one; at < value.length; ) ([one, at] = varint(value, at)), found.push(one);
  }
  return found;
}

function floats(tensor) {
  let [type, raw] = [0, null];
  for (const [number, value] of walk(tensor)) {
    if (number === TYPE) type = value;
    if (number === RAW) raw = value;
  }
  if (!raw || ![FLOAT, FLOAT16].includes(type)) return null;
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  const size = type === FLOAT ? 4 : 2;
  return Float32Array.from({ length: Math.floor(raw.length / size) }, (_, i) =>
    type === FLOAT ? view.getFloat32(i * 4, true) : half(view.getUint16(i * 2, true)),
  );
}

// A float16 from its bits.
function half(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024));
}

// Number and content of each field of a protobuf message, one after the other.
function* walk(message) {
  let at = 0;
  while (at < message.length) {
    let key, value;
    [key, at] = varint(message, at);
    const kind = key & 7;
    if (kind === 0) [value, at] = varint(message, at);
    else {
      let length = { 1: 8, 5: 4 }[kind];
      if (kind === 2) [length, at] = varint(message, at);
      if (length === undefined || at + length > message.length) throw new RangeError("damaged");
      value = message.subarray(at, at + length);
      at += length;
    }
    yield [Math.floor(key / 8), value];
  }
}

function varint(message, at) {
  let value = 0;
  for (let scale = 1; at < message.length && scale < 2 ** 63; scale *= 128) {
    const byte = message[at++];
    value += (byte & 127) * scale;
    if (byte < 128) return [value, at];
  }
  throw new RangeError("cut short");
}
