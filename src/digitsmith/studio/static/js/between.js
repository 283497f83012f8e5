// A slider through the latent space, from one digit to another.

import { paint, repaint } from "./digits.js";
import { latest } from "./runtime.js";

const SEED = 7n; // of the digits at both ends
const BLOCK = 256;
const $ = (id) => document.getElementById(id);

export function start({ runtime, onModel, report }) {
  let model = null;
  const ends = {};
  for (const element of document.querySelectorAll(".end")) {
    const end = { element, index: element.dataset.end === "from" ? 3 : 40, label: 0, image: null };
    ends[element.dataset.end] = end;
    element.querySelector("select").addEventListener("change", ({ target }) => {
      end.label = target.selectedIndex;
      drawEnds();
    });
    element.querySelector("button").addEventListener("click", () => {
      end.index = (end.index + 1) % BLOCK;
      drawEnds();
    });
    repaint(element.querySelector("canvas"), () => showEnd(end));
  }
  let shown = null;
  repaint($("way"), () => shown && paint($("way"), shown, model.record, 1, 0));
  $("place").addEventListener("input", () => drawWay());

  onModel((chosen) => {
    if (model === chosen) return;
    model = chosen;
    shown = null;
    const { classes } = model.record;
    for (const [name, end] of Object.entries(ends)) {
      const choice = end.element.querySelector("select");
      choice.replaceChildren(...classes.map((title) => new Option(title)));
      choice.hidden = !classes.length;
      end.label = Math.min(name === "from" ? 3 : 8, Math.max(0, classes.length - 1));
      choice.selectedIndex = classes.length ? end.label : -1;
    }
    drawEnds();
  });

  const drawEnds = latest(async () => {
    const of = model;
    try {
      for (const end of Object.values(ends)) {
        const labels = of.record.classes.length ? [end.label] : null;
        const image = await runtime.make(of.key, { seed: SEED, first: end.index, count: 1, labels });
        if (of !== model) return;
        end.image = image;
        showEnd(end);
      }
      $("halfway").hidden = ends.from.label === ends.to.label;
      await drawWay();
    } catch (error) {
      report(error);
    }
  });

  const drawWay = latest(async () => {
    const of = model;
    const place = Number($("place").value) / 100;
    $("place-value").textContent = `${Math.round(place * 100)} %`;
    const point = ({ index, label }) => ({ seed: SEED, index, label });
    const given = { from: point(ends.from), to: point(ends.to), places: [place] };
    try {
      const image = await runtime.between(of.key, given);
      if (of !== model) return;
      shown = image;
      paint($("way"), image, of.record, 1, 0);
      $("way").dataset.place = place;
    } catch (error) {
      report(error);
    }
  });

  function showEnd({ element, image }) {
    if (image) paint(element.querySelector("canvas"), image, model.record, 1, 0);
  }
}
