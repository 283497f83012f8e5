// Five digits of people and five of the generator: which are which? The detector plays, too.

import { paint, repaint } from "./digits.js";
import { toUnit } from "./verdict.js";

const EACH = 5;
const SIZE = 28 * 28;
const SHAPE = { image_size: [28, 28], channels: 1 };
const $ = (id) => document.getElementById(id);

export function start({ runtime, real, report }) {
  let round = null; // its digits: image, whether it was made, the detector's score, whether it is chosen
  let checked = false;
  const totals = { you: 0, it: 0, digits: 0 };
  $("check").addEventListener("click", check);
  $("again").addEventListener("click", () => deal().catch(report));
  deal().catch(report);

  async function deal() {
    $("again").disabled = $("check").disabled = true;
    const places = drawn(real.count, EACH);
    const labels = places.map((place) => real.labels[place]); // as many of each digit on both sides
    const seed = BigInt(drawn(2 ** 31, 1)[0]);
    const made = await runtime.make("box", { seed, first: 0, count: EACH, labels });
    const digits = [
      ...places.map((place) => ({ image: real.images.subarray(place * SIZE, (place + 1) * SIZE), made: false })),
      ...labels.map((_, i) => ({ image: made.subarray(i * SIZE, (i + 1) * SIZE), made: true })),
    ];
    const all = new Float32Array(digits.length * SIZE);
    digits.forEach(({ image }, i) => all.set(toUnit(image), i * SIZE));
    const scores = await runtime.read("detector", all);
    digits.forEach((digit, i) => Object.assign(digit, { score: scores[2 * i + 1], chosen: false }));
    round = drawn(digits.length, digits.length).map((i) => digits[i]);
    checked = false;
    $("game").replaceChildren(...round.map(card));
    [...$("game").querySelectorAll("canvas")].forEach((canvas, i) => {
      const show = () => paint(canvas, round[i].image, SHAPE, 1, 0);
      show();
      repaint(canvas, show);
    });
    $("again").disabled = false;
    for (const id of ["you-now", "it-now"]) $(id).textContent = "–";
    count();
  }

  function card(digit, i) {
    const [button, canvas, note] = ["button", "canvas", "span"].map((tag) => document.createElement(tag));
    Object.assign(button, { type: "button" });
    button.setAttribute("aria-pressed", "false");
    button.setAttribute("aria-label", `Digit ${i + 1}`);
    canvas.className = "digits";
    note.className = "note";
    button.append(canvas, note);
    button.addEventListener("click", () => {
      if (checked) return;
      digit.chosen = !digit.chosen;
      button.setAttribute("aria-pressed", String(digit.chosen));
      count();
    });
    return button;
  }

  function count() {
    const chosen = round.filter((digit) => digit.chosen).length;
    $("check").disabled = chosen !== EACH;
    const left = EACH - chosen;
    $("game-said").textContent =
      left > 0 ? `Choose ${left} ${chosen ? "more" : "digits"}.` : left < 0 ? `Five only: take ${-left} back.` : "Check your choice.";
  }

  function check() {
    checked = true;
    $("check").disabled = true;
    const limit = round.map(({ score }) => score).sort((a, b) => b - a)[EACH - 1];
    const suspected = round.map(({ score }) => score >= limit);
    const you = round.filter(({ made, chosen }) => made && chosen).length;
    const it = round.filter(({ made }, i) => made && suspected[i]).length;
    [...$("game").children].forEach((button, i) => {
      const { made, chosen, score } = round[i];
      button.classList.add(made === chosen ? "right" : "wrong");
      button.querySelector(".note").textContent = made ? "made" : "written";
      const machine = `The detector: ${Math.round(score * 100)} % made.`;
      button.setAttribute("aria-label", `Digit ${i + 1}: ${made ? "made" : "written"}. ${machine}`);
      button.title = machine;
    });
    totals.you += you;
    totals.it += it;
    totals.digits += EACH;
    [$("you-now").textContent, $("it-now").textContent] = [you, it].map((right) => `${right} of ${EACH}`);
    [$("you-all").textContent, $("it-all").textContent] = [totals.you, totals.it].map((r) => `${r} of ${totals.digits}`);
    $("game-said").textContent =
      `You found ${you} of the ${EACH} that were made; the detector ${it}. ` +
      (you > it ? "You win." : you < it ? "The detector wins." : "A draw.");
    $("again").focus();
  }
}

// Different whole numbers below `end`, drawn at random.
function drawn(end, count) {
  const found = new Set();
  while (found.size < count) found.add(Math.floor(Math.random() * end));
  return [...found];
}
