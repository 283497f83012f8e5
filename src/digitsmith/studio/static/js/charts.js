// Curves over the epochs, of one run or two, with a cursor at the chosen epoch.

const SVG = "http://www.w3.org/2000/svg";
const [LEFT, RIGHT, TOP, BOTTOM] = [40, 10, 8, 22]; // around the curves, in pixels
const HEIGHT = 168;

export const CHARTS = [
  {
    title: "Losses",
    about: "Each network's own error. They do not fall to 0 together: what helps one, costs the other.",
    curves: [["d_loss", "discriminator"], ["g_loss", "generator"]],
    least: 0,
  },
  {
    title: "Equilibrium",
    about: "How real the discriminator takes images for. At 0.5 for both, it can only guess.",
    curves: [["d_real", "D(x), real images"], ["d_fake", "D(G(z)), fakes"]],
    limits: [0, 1],
    level: 0.5,
  },
  {
    title: "Distance",
    about: "Fréchet distance of fakes to real images, over that of other real images: 1 is as close as those.",
    curves: [["ratio", "distance ratio"]],
    logarithmic: true,
    level: 1,
  },
];

export class Chart {
  #spec;
  #figure = document.createElement("figure");
  #legend = document.createElement("p");
  #svg = drawn("svg", { role: "img" });
  #cursor = null;
  #given = null;
  #x = null;
  #epoch = 0;

  // `choose` is told the epoch at which the user points.
  constructor(spec, choose) {
    this.#spec = spec;
    const [caption, about] = [document.createElement("figcaption"), document.createElement("p")];
    caption.textContent = spec.title;
    about.className = "hint";
    about.textContent = spec.about;
    this.#legend.className = "legend";
    this.#figure.className = "chart";
    this.#figure.append(caption, this.#legend, this.#svg, about);
    let width = 0;
    new ResizeObserver(() => {
      if (this.#svg.clientWidth === width) return;
      width = this.#svg.clientWidth;
      this.#draw();
      this.move(this.#epoch);
    }).observe(this.#svg);
    const point = (event) => {
      if (!this.#x || (event.type === "pointermove" && !event.buttons)) return;
      choose(Math.round(this.#x.epoch(event.clientX - this.#svg.getBoundingClientRect().left)));
    };
    for (const kind of ["pointerdown", "pointermove"]) this.#svg.addEventListener(kind, point);
  }

  get element() {
    return this.#figure;
  }

  // Show one run or two, each with its rows of epochs.
  show(runs, last, epoch) {
    this.#figure.hidden = !runs.some((rows) => rows.some((row) => this.#spec.curves.some(([key]) => row[key] !== null)));
    this.#given = { runs, last };
    this.#draw();
    this.move(epoch);
  }

  // Move the cursor, and say what is there.
  move(epoch) {
    this.#epoch = epoch;
    if (!this.#given) return;
    const { runs } = this.#given;
    this.#legend.replaceChildren(
      ...this.#spec.curves.map(([key, name], i) => {
        const [item, value] = [document.createElement("span"), document.createElement("b")];
        item.className = `of-curve ${"ab"[i]}`;
        value.textContent = runs.map((rows) => written(at(rows, key, epoch))).join(" and ");
        item.append(`${name} `, value);
        return item;
      }),
    );
    if (this.#cursor && this.#x) {
      const x = this.#x.place(epoch);
      this.#cursor.setAttribute("x1", x);
      this.#cursor.setAttribute("x2", x);
    }
    const values = this.#legend.textContent;
    this.#svg.setAttribute("aria-label", `${this.#spec.title} over the epochs. At epoch ${epoch}: ${values}.`);
  }

  #draw() {
    const width = this.#svg.clientWidth;
    if (!this.#given || this.#figure.hidden || !width) return;
    const { runs, last } = this.#given;
    const { curves, limits, least, logarithmic, level } = this.#spec;
    const scale = logarithmic ? Math.log10 : (value) => value;
    const values = runs.flatMap((rows) => rows.flatMap((row) => curves.map(([key]) => row[key]))).filter((value) => value !== null);
    const [low, high] = limits ?? range([...values, ...(level ? [level] : []), ...(least === undefined ? [] : [least])], logarithmic);
    const span = Math.max(last, 1);
    const inner = width - LEFT - RIGHT;
    this.#x = {
      place: (epoch) => LEFT + (epoch / span) * inner,
      epoch: (x) => Math.min(Math.max(((x - LEFT) / inner) * span, 0), last),
    };
    const y = (value) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - (scale(value) - scale(low)) / (scale(high) - scale(low)));
    const parts = [];
    for (const tick of logarithmic ? powers(low, high) : steps(low, high, 4)) {
      parts.push(drawn("line", { class: "grid-line", x1: LEFT, x2: width - RIGHT, y1: y(tick), y2: y(tick) }));
      parts.push(text(short(tick), { x: LEFT - 6, y: y(tick) + 4, "text-anchor": "end" }));
    }
    for (const tick of steps(0, span, Math.max(2, Math.floor(width / 90)), 1)) {
      parts.push(text(short(tick), { x: this.#x.place(tick), y: HEIGHT - 6, "text-anchor": "middle" }));
    }
    if (level) parts.push(drawn("line", { class: "level", x1: LEFT, x2: width - RIGHT, y1: y(level), y2: y(level) }));
    this.#cursor = drawn("line", { class: "cursor", y1: TOP, y2: HEIGHT - BOTTOM });
    parts.push(this.#cursor);
    runs.forEach((rows, run) => {
      curves.forEach(([key], i) => {
        const points = rows.filter((row) => row[key] !== null).map((row) => [this.#x.place(row.epoch), y(Math.min(Math.max(row[key], low), high))]);
        const kind = `curve ${"ab"[i]}${run ? " second" : ""}`;
        if (points.length === 1) parts.push(drawn("circle", { class: `${kind} dot`, cx: points[0][0], cy: points[0][1], r: 3 }));
        else if (points.length) parts.push(drawn("polyline", { class: kind, points: points.map((p) => p.map((n) => n.toFixed(1)).join()).join(" ") }));
      });
    });
    this.#svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    this.#svg.replaceChildren(...parts);
  }
}

// The last value of a row at an epoch or before it; null before the first.
export function at(rows, key, epoch) {
  return rows.findLast((row) => row.epoch <= epoch && row[key] !== null)?.[key] ?? null;
}

export function written(value) {
  if (value === null) return "–";
  return value >= 100 ? Math.round(value).toLocaleString("en") : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function range(values, logarithmic) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  if (logarithmic) return [10 ** Math.floor(Math.log10(low) + 1e-9), 10 ** Math.ceil(Math.log10(high * 1.05))];
  return [low, high > low ? high * 1.05 : low + 1];
}

function steps(low, high, about, least = 0) {
  const rough = (high - low) / about;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max([1, 2, 5, 10].map((of) => of * power).find((of) => of >= rough), least);
  return Array.from({ length: Math.floor((high - low) / step + 1e-9) + 1 }, (_, i) => low + i * step);
}

function powers(low, high) {
  const count = Math.round(Math.log10(high / low));
  return Array.from({ length: count + 1 }, (_, i) => low * 10 ** i);
}

const short = (value) => Number(value.toPrecision(3)).toLocaleString("en", value >= 10_000 ? { notation: "compact" } : {});

function text(content, attributes) {
  const element = drawn("text", attributes);
  element.textContent = content;
  return element;
}

function drawn(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}
