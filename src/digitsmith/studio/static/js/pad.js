// A pad to draw on, with mouse, finger, pen or arrow keys. Strokes are kept as lines, so that they are sharp at any size.

import { MOST_SIDE } from "./framing.js";

const THICK = 0.085; // of the pad: in 20 of 28 pixels, as thick as MNIST's strokes are
const MARGIN = 0.07; // without ink, as framing wants it
const STEP = 0.02; // that an arrow key goes

export class Pad extends EventTarget {
  #canvas;
  #strokes = [];
  #pen = null; // where the keyboard's pen is, and whether it is down

  constructor(canvas) {
    super();
    this.#canvas = canvas;
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    canvas.addEventListener("keydown", (event) => this.#key(event));
    canvas.addEventListener("blur", () => this.#lift());
    new ResizeObserver(() => this.#show()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#show());
  }

  get empty() {
    return !this.#strokes.length;
  }

  undo() {
    this.#strokes.pop();
    this.#changed();
  }

  clear() {
    this.#strokes = [];
    this.#changed();
  }

  // Put strokes in the place of what is drawn: lists of points from 0 to 1.
  draw(strokes) {
    this.#strokes = strokes.map((points) => points.map(bounded));
    this.#changed();
  }

  // Bright ink on dark paper, Uint8Array[224 * 224].
  pixels() {
    const canvas = new OffscreenCanvas(MOST_SIDE, MOST_SIDE);
    const context = canvas.getContext("2d", { willReadFrequently: true });
    this.#paint(context, MOST_SIDE, "#fff");
    const { data } = context.getImageData(0, 0, MOST_SIDE, MOST_SIDE);
    return Uint8Array.from({ length: MOST_SIDE ** 2 }, (_, i) => data[4 * i + 3]);
  }

  #down(event) {
    if (event.button) return;
    event.preventDefault();
    this.#canvas.focus({ preventScroll: true });
    this.#canvas.setPointerCapture(event.pointerId);
    this.#lift();
    this.#strokes.push([this.#place(event)]);
    this.#changed();
  }

  #move(event) {
    if (!this.#canvas.hasPointerCapture(event.pointerId) || !this.#strokes.length) return;
    const events = event.getCoalescedEvents?.() ?? [];
    for (const each of events.length ? events : [event]) this.#strokes.at(-1).push(this.#place(each));
    this.#changed();
  }

  #key(event) {
    const ways = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
    const way = ways[event.key];
    if (!way && event.key !== " ") return;
    event.preventDefault();
    this.#pen ??= { place: [0.5, 0.3], down: false };
    if (way) this.#pen.place = bounded(this.#pen.place.map((value, i) => value + way[i]));
    else this.#pen.down = !this.#pen.down;
    if (event.key === " " && this.#pen.down) this.#strokes.push([]);
    if (this.#pen.down) this.#strokes.at(-1).push(this.#pen.place);
    this.#changed();
  }

  #lift() {
    if (this.#pen) {
      this.#pen = null;
      this.#show();
    }
  }

  #place({ clientX, clientY }) {
    const { left, top, width, height } = this.#canvas.getBoundingClientRect();
    return bounded([(clientX - left) / width, (clientY - top) / height]);
  }

  #changed() {
    this.#show();
    this.dispatchEvent(new Event("change"));
  }

  #show() {
    const side = Math.round(this.#canvas.clientWidth * devicePixelRatio);
    [this.#canvas.width, this.#canvas.height] = [side, side];
    const context = this.#canvas.getContext("2d");
    const { color } = getComputedStyle(this.#canvas);
    this.#paint(context, side, color);
    if (this.#pen) {
      const [x, y] = this.#pen.place.map((value) => value * side);
      context.lineWidth = 2 * devicePixelRatio;
      context.beginPath();
      context.arc(x, y, (THICK / 2) * side + 4, 0, 2 * Math.PI);
      context.stroke();
    }
  }

  #paint(context, side, colour) {
    Object.assign(context, { strokeStyle: colour, lineWidth: THICK * side, lineCap: "round", lineJoin: "round" });
    for (const points of this.#strokes) {
      if (!points.length) continue;
      context.beginPath();
      context.moveTo(points[0][0] * side, points[0][1] * side);
      for (const [x, y] of points.length > 1 ? points.slice(1) : points) context.lineTo(x * side, y * side);
      context.stroke();
    }
  }
}

function bounded(point) {
  return point.map((value) => Math.min(1 - MARGIN - THICK / 2, Math.max(MARGIN + THICK / 2, value)));
}
