// Files that the browser makes: PNG, IDX (MNIST's own format), ZIP.

const CRC = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = CRC[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

async function packed(bytes, format) {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream(format));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// A PNG of Uint8Array[height * width * channels], grey or red, green and blue.
export async function png(pixels, width, height, channels) {
  const row = width * channels;
  const lines = new Uint8Array(height * (row + 1)); // each begins with 0: no filter
  for (let y = 0; y < height; y++) lines.set(pixels.subarray(y * row, (y + 1) * row), y * (row + 1) + 1);
  const header = new DataView(new ArrayBuffer(13));
  header.setUint32(0, width);
  header.setUint32(4, height);
  header.setUint8(8, 8); // bits
  header.setUint8(9, channels === 1 ? 0 : 2); // grey or colour
  const parts = [
    chunk("IHDR", new Uint8Array(header.buffer)),
    chunk("IDAT", await packed(lines, "deflate")),
    chunk("IEND", new Uint8Array(0)),
  ];
  return joined([Uint8Array.of(137, 80, 78, 71, 13, 10, 26, 10), ...parts]);
}

function chunk(name, content) {
  const bytes = new Uint8Array(content.length + 12);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, content.length);
  bytes.set(new TextEncoder().encode(name), 4);
  bytes.set(content, 8);
  view.setUint32(content.length + 8, crc32(bytes.subarray(4, content.length + 8)));
  return bytes;
}

// An IDX file of bytes with these dimensions.
export function idx(bytes, ...shape) {
  const file = new Uint8Array(4 + 4 * shape.length + bytes.length);
  const view = new DataView(file.buffer);
  file.set([0, 0, 8, shape.length]);
  shape.forEach((side, i) => view.setUint32(4 + 4 * i, side));
  file.set(bytes, 4 + 4 * shape.length);
  return file;
}

// The bytes and dimensions of an IDX file, an ArrayBuffer.
export function readIdx(content) {
  const view = new DataView(content);
  const shape = Array.from({ length: view.getUint8(3) }, (_, i) => view.getUint32(4 + 4 * i));
  return { shape, bytes: new Uint8Array(content, 4 + 4 * shape.length) };
}

// A ZIP of files, as [path, bytes], each packed unless that makes it larger.
export async function zip(files) {
  const [parts, entries] = [[], []];
  let place = 0;
  for (const [path, bytes] of files) {
    const name = new TextEncoder().encode(path);
    const small = await packed(bytes, "deflate-raw");
    const stored = small.length >= bytes.length;
    const content = stored ? bytes : small;
    const about = new DataView(new ArrayBuffer(26)); // what the entry and the directory both say
    about.setUint16(0, 20, true); // version 2.0 unpacks it
    about.setUint16(2, 0x800, true); // names are UTF-8
    about.setUint16(4, stored ? 0 : 8, true);
    about.setUint16(8, 0x21, true); // 1 January 1980: equal digits, equal files
    about.setUint32(10, crc32(bytes), true);
    about.setUint32(14, content.length, true);
    about.setUint32(18, bytes.length, true);
    about.setUint16(22, name.length, true);
    const told = new Uint8Array(about.buffer);
    parts.push(Uint8Array.of(80, 75, 3, 4), told, name, content);
    const rest = new DataView(new ArrayBuffer(14));
    rest.setUint32(10, place, true);
    entries.push(Uint8Array.of(80, 75, 1, 2, 20, 0), told, new Uint8Array(rest.buffer), name);
    place += 30 + name.length + content.length;
  }
  const size = entries.reduce((sum, part) => sum + part.length, 0);
  const end = new DataView(new ArrayBuffer(22));
  end.setUint32(0, 0x06054b50, true);
  end.setUint16(8, files.length, true);
  end.setUint16(10, files.length, true);
  end.setUint32(12, size, true);
  end.setUint32(16, place, true);
  return new Blob([...parts, ...entries, new Uint8Array(end.buffer)], { type: "application/zip" });
}

function joined(parts) {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let place = 0;
  for (const part of parts) {
    bytes.set(part, place);
    place += part.length;
  }
  return bytes;
}

// Let the user save it.
export function save(name, blob) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
