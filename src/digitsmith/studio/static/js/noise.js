// Noise, as models/noise.py draws it with NumPy: the same numbers for the same seed, in blocks of 256 images.
//
// Philox 4x64 with ten rounds (Salmon et al. 2011), and the ziggurat for normal floats (Marsaglia & Tsang 2000), in the
// layout of NumPy's Generator. Tables are computed here from their definition.

export const BLOCK = 256; // images that share one block of noise

const STREAM = 0; // of noise; 1 is that of drawn labels
const ROUNDS = 10;
const MULTIPLIERS = [0xd2e7470ee14c6c93n, 0xca5a826395121157n].map(pieces);
const WEYL = [0x9e3779b97f4a7c15n, 0xbb67ae8584caa73bn].map(words);

// The noise of images block * 256 to block * 256 + 255: Float32Array of 256 * width, normal or uniform in [-1, 1).
export function noiseBlock(seed, block, width, distribution) {
  const random = new Philox(BigInt(seed), BigInt(STREAM), BigInt(block));
  const noise = new Float32Array(BLOCK * width);
  for (let i = 0; i < noise.length; i++) {
    noise[i] = distribution === "normal" ? normal(random) : random.float() * 2 - 1;
  }
  return noise;
}

// NumPy's Philox(key=[seed, stream], counter=[0, 0, 0, block]), read 32 bits at a time.
class Philox {
  constructor(seed, stream, block) {
    this.key = Uint32Array.from([...words(seed), ...words(stream)]);
    this.counter = Uint32Array.from([0, 0, 0, 0, 0, 0, ...words(block)]);
    this.buffer = new Uint32Array(8); // four numbers of 64 bits, the low half of each first
    this.used = 8;
    this.roundKey = new Uint32Array(4);
    this.products = [new Uint32Array(4), new Uint32Array(4)];
  }

  uint32() {
    if (this.used === 8) {
      this.#fill();
      this.used = 0;
    }
    return this.buffer[this.used++];
  }

  float() {
    return (this.uint32() >>> 8) / 16777216; // exact in float32
  }

  #fill() {
    const c = this.counter;
    for (let i = 0; i < 8; i++) {
      c[i] += 1;
      if (c[i] !== 0) break; // carried only from a word that is full
    }
    const [x, a, b] = [this.buffer, this.products[0], this.products[1]];
    x.set(c);
    const key = this.roundKey;
    key.set(this.key);
    for (let round = 0; round < ROUNDS; round++) {
      if (round > 0) {
        add(key, 0, WEYL[0]);
        add(key, 2, WEYL[1]);
      }
      multiply(MULTIPLIERS[0], x[0], x[1], a);
      multiply(MULTIPLIERS[1], x[4], x[5], b);
      x[0] = b[2] ^ x[2] ^ key[0];
      x[1] = b[3] ^ x[3] ^ key[1];
      x[2] = b[0];
      x[3] = b[1];
      x[4] = a[2] ^ x[6] ^ key[2];
      x[5] = a[3] ^ x[7] ^ key[3];
      x[6] = a[0];
      x[7] = a[1];
    }
  }
}

function words(value) {
  return [Number(value & 0xffffffffn), Number(value >> 32n)];
}

function pieces(value) {
  return [0n, 16n, 32n, 48n].map((place) => Number((value >> place) & 0xffffn));
}

// Add a number of 64 bits to that at a place.
function add(key, place, [low, high]) {
  const sum = key[place] + low;
  key[place] = sum;
  key[place + 1] += high + (sum > 0xffffffff ? 1 : 0);
}

// The product of two numbers of 64 bits, by pieces of 16 bits, whose products are exact: from the lowest word on.
function multiply([a0, a1, a2, a3], low, high, product) {
  const [b0, b1, b2, b3] = [low & 0xffff, low >>> 16, high & 0xffff, high >>> 16];
  const s0 = a0 * b0;
  const s1 = a0 * b1 + a1 * b0 + Math.floor(s0 / 65536);
  const s2 = a0 * b2 + a1 * b1 + a2 * b0 + Math.floor(s1 / 65536);
  const s3 = a0 * b3 + a1 * b2 + a2 * b1 + a3 * b0 + Math.floor(s2 / 65536);
  const s4 = a1 * b3 + a2 * b2 + a3 * b1 + Math.floor(s3 / 65536);
  const s5 = a2 * b3 + a3 * b2 + Math.floor(s4 / 65536);
  const s6 = a3 * b3 + Math.floor(s5 / 65536);
  product[0] = (s1 << 16) | (s0 & 0xffff);
  product[1] = (s3 << 16) | (s2 & 0xffff);
  product[2] = (s5 << 16) | (s4 & 0xffff);
  product[3] = s6;
}

// The ziggurat: 255 layers of one area under the bell, and the tail beyond the last.
const TAIL = 3.6541528853610087963519472518; // where the tail begins
const INVERSE_TAIL = Math.fround(1 / TAIL);
const LAYERS = 256;
const { within, widths, heights } = tables();

function tables() {
  const bell = (x) => Math.exp(-0.5 * x * x);
  const area = 0.004928673233974658; // of each layer: TAIL * bell(TAIL), and what is under the tail
  const edges = new Float64Array(LAYERS); // the right end of each layer
  edges[0] = area / bell(TAIL);
  edges[LAYERS - 1] = TAIL;
  for (let i = LAYERS - 2; i > 0; i--) edges[i] = Math.sqrt(-2 * Math.log(area / edges[i + 1] + bell(edges[i + 1])));
  const scale = 2 ** 23;
  return {
    within: Uint32Array.from(edges, (edge, i) => (i === 1 ? 0 : Math.round(((i ? edges[i - 1] : TAIL) / edge) * scale))),
    widths: Float32Array.from(edges, (edge) => edge / scale),
    heights: Float32Array.from(edges, (edge, i) => (i ? bell(edge) : 1)),
  };
}

function normal(random) {
  const f = Math.fround;
  for (;;) {
    const bits = random.uint32();
    const layer = bits & 0xff;
    const magnitude = bits >>> 9;
    const x = f((bits & 0x100 ? -1 : 1) * f(magnitude * widths[layer]));
    if (magnitude < within[layer]) return x; // nearly always
    if (layer === 0) {
      for (;;) {
        const beyond = f(-INVERSE_TAIL * f(Math.log1p(-random.float())));
        const y = f(-f(Math.log1p(-random.float())));
        if (f(y + y) > f(beyond * beyond)) {
          const tail = f(f(TAIL) + beyond);
          return (magnitude >>> 8) & 1 ? -tail : tail;
        }
      }
    }
    const step = f(heights[layer - 1] - heights[layer]);
    if (f(f(step * random.float()) + heights[layer]) < Math.exp(-0.5 * x * x)) return x;
  }
}
