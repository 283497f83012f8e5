// The page Make: what is wished for, the sheet of digits, and the command that makes the same.

import { start as startBetween } from "./between.js";
import { quoted } from "./command.js";
import { paint, repaint, weigh } from "./digits.js";
import { MOST_BYTES } from "./model-file.js";
import { Runtime, get, latest } from "./runtime.js";
import { start as startSaving } from "./saving.js";
import { start as startWriting } from "./writing.js";

const SHOWN = 400; // digits on the sheet; what is saved has all
const FIRST = 10; // digits that are shown before the others are made
const MOST_SEED = 2n ** 63n - 1n;
const $ = (id) => document.getElementById(id);

let runtime;
let model = null; // the chosen one: its name, key, record, and the styles that its classes have
let sheet = { images: new Uint8Array(0), columns: 10 };
let opened = 0; // files of the user's
const offered = []; // models, in the order of the choice; a file of the user's has its content
const listeners = []; // told when another model is chosen

async function main() {
  runtime = new Runtime();
  const catalogue = await (await get("studio.json")).json();
  offered.push(...catalogue.models);
  const context = { runtime, onModel: (listener) => listeners.push(listener), report };
  listen();
  startSaving({ ...context, wishes, part });
  await choose(0);
  startBetween(context);
  startWriting(context);
  for (const listener of listeners) listener(model);
}

function listen() {
  const form = $("wishes");
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", ({ target }) => {
    if (target.id !== "model" && target.id !== "file") update();
  });
  $("model").addEventListener("change", () => choose($("model").selectedIndex).catch(report));
  $("file").addEventListener("change", () => open($("file").files[0]).catch(report));
  $("dice").addEventListener("click", () => {
    $("seed").value = String(Math.floor(Math.random() * 1e6));
    update();
  });
  for (const [id, checked] of [["all", true], ["none", false]]) {
    $(id).addEventListener("click", () => {
      for (const box of boxes()) box.checked = checked;
      update();
    });
  }
  for (const kind of ["dragover", "dragleave", "drop"]) {
    addEventListener(kind, (event) => {
      if (kind !== "dragleave" && !event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      document.body.classList.toggle("dropping", kind === "dragover");
      if (kind !== "drop") return;
      const [file, ...others] = event.dataTransfer.files;
      open(file).then(() => others.length && say(`Of ${others.length + 1} files, ${file.name} was opened.`)).catch(report);
    });
  }
  repaint($("grid"), () => model && show());
}

// Load the model of that place in the choice; if it cannot be, the one before stays.
async function choose(place) {
  const { name, key, content, sha256 } = offered[place];
  $("model").disabled = true;
  say(`Loading ${name} …`);
  try {
    const file = content ?? (await (await get(`models/${key}.onnx`)).arrayBuffer());
    const told = await runtime.load(key, file, "generator");
    model = { name, key, sha256, ...told };
    $("problem").hidden = true;
  } catch (error) {
    error.message = `${name} cannot be used: ${error.message}.`;
    if (content) offered.splice(offered.findIndex((one) => one.key === key), 1);
    if (model) say("");
    throw error;
  } finally {
    fillChoice();
  }
  describe();
  await update();
  for (const listener of listeners) listener(model);
}

// Use a file of the user's own.
async function open(file) {
  $("file").value = "";
  if (!file) return;
  if (file.size > MOST_BYTES) {
    throw new Error(`${file.name} cannot be used: it has more than ${MOST_BYTES / 2 ** 20} MiB, more than any model.`);
  }
  const content = await file.arrayBuffer();
  const sha256 = await hash(content);
  const key = `file-${++opened}`;
  offered.push({ name: file.name, key, content, sha256 });
  await choose(offered.findIndex((one) => one.key === key));
}

async function hash(content) {
  if (!crypto.subtle) return ""; // a page that did not come over TLS or from this machine
  const digest = await crypto.subtle.digest("SHA-256", content);
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function fillChoice() {
  $("model").replaceChildren(...offered.map(({ name }) => new Option(name)));
  $("model").selectedIndex = model ? offered.findIndex(({ key }) => key === model.key) : 0;
  $("model").disabled = false;
}

// What the model is, and the wishes that it can fulfil.
function describe() {
  const { classes, image_size, channels, training } = model.record;
  const source = training?.data?.source;
  $("about").textContent =
    `${image_size.join(" × ")} pixels${channels === 3 ? ", colour" : ""}${source ? `, trained on ${source}` : ""}`;
  $("classes").hidden = !classes.length;
  $("classes").querySelector(".chips").replaceChildren(
    ...classes.map((name, i) => {
      const [label, box] = [document.createElement("label"), document.createElement("input")];
      Object.assign(box, { type: "checkbox", checked: true, value: i });
      label.append(box, name);
      return label;
    }),
  );
  const count = model.styles ? model.styles[0].length : 0;
  $("style-field").hidden = !count;
  $("style").replaceChildren(
    new Option("as they come", ""),
    ...Array.from({ length: count }, (_, i) => new Option(`style ${i + 1}`, i)),
  );
  $("stroke-field").hidden = channels !== 1;
  $("stroke").value = 0;
}

const boxes = () => $("classes").querySelectorAll("input");

// What is wished for; null if that cannot be.
function wishes() {
  const text = $("seed").value.trim();
  const seed = /^[0-9]{1,19}$/.test(text) && BigInt(text) <= MOST_SEED ? BigInt(text) : null;
  problem("seed", seed === null ? `A whole number from 0 to ${MOST_SEED}.` : "");
  const count = Number($("count").value);
  const countable = Number.isInteger(count) && count >= 1 && count <= 10_000;
  problem("count", countable ? "" : "From 1 to 10,000; the command line makes more.");
  const chosen = [...boxes()].filter((box) => box.checked).map((box) => Number(box.value));
  const classless = !model.record.classes.length;
  if (!classless && !chosen.length) say("Choose at least one digit.");
  if (seed === null || !countable || (!classless && !chosen.length)) return null;
  const style = $("style").value === "" ? null : Number($("style").value);
  return { model, seed, count, chosen: classless ? null : chosen, style, stroke: Number($("stroke").value) };
}

function problem(id, text) {
  $(id).setAttribute("aria-invalid", String(text !== ""));
  $(`${id}-problem`).textContent = text;
}

// Images `first` to `first + count - 1` of what is wished for, and their labels.
async function part({ model, seed, chosen, style, stroke }, first, count) {
  const labels = chosen && Array.from({ length: count }, (_, i) => chosen[(first + i) % chosen.length]);
  const images = await runtime.make(model.key, { seed, first, count, labels, style });
  return { images: weigh(images, model.record, stroke), labels };
}

const draw = latest(async () => {
  const wished = wishes();
  if (!wished) return;
  const count = Math.min(wished.count, SHOWN);
  const size = wished.model.record.image_size.reduce((a, b) => a * b) * wished.model.record.channels;
  const images = new Uint8Array(count * size);
  const columns = columnsFor(wished.chosen);
  try {
    for (let first = 0; first < count; ) {
      const many = first ? Math.min(100, count - first) : Math.min(FIRST, count);
      images.set((await part(wished, first, many)).images, first * size);
      first += many;
      sheet = { images, columns, made: first, model: wished.model };
      show();
    }
    $("problem").hidden = true;
    const more = wished.count > count ? ` The first ${count} are shown; what you save has all.` : "";
    say(`${wished.count.toLocaleString("en")} ${wished.count === 1 ? "digit" : "digits"}.${more}`);
  } catch (error) {
    report(error);
  }
});

// So that a column has one class, where there are few.
function columnsFor(chosen) {
  const many = chosen?.length ?? 10;
  return many > 12 ? 10 : many * Math.max(1, Math.floor(10 / many));
}

async function update() {
  if (!model) return;
  const stroke = Number($("stroke").value);
  $("stroke-value").textContent = stroke === 0 ? "as drawn" : `${stroke > 0 ? "heavier" : "lighter"} by ${Math.abs(stroke)}`;
  const wished = wishes();
  for (const id of ["save-sheet", "save-idx", "save-png"]) $(id).disabled = !wished;
  if (wished) showCommand(wished);
  await draw();
}

function show() {
  const { images, columns, made, model: of } = sheet;
  if (!of) return;
  const grid = $("grid");
  paint(grid, images, of.record, columns);
  grid.classList.remove("waiting");
  grid.dataset.made = made;
  grid.setAttribute("aria-label", `${made} digits, in rows of ${columns}, made by ${of.name}`);
}

// The command that makes the same; there is none for a chosen style or stroke, or a file that was opened here.
function showCommand({ model: of, seed, count, chosen, style, stroke }) {
  const same = style === null && !stroke;
  const words = ["digitsmith generate made", `--count ${count}`];
  if (seed) words.push(`--seed ${seed}`);
  if (chosen && chosen.length < of.record.classes.length) {
    words.push(`--labels ${quoted(chosen.map((i) => of.record.classes[i]).join(","))}`);
  }
  if (of.name !== "mnist") words.push(`--model ${quoted(of.name)}`);
  $("command").textContent = words.join(" ");
  $("command-title").textContent = same
    ? "The same on the command line:"
    : "On the command line, without the chosen style and stroke:";
}

function say(text) {
  $("said").textContent = text || "\u00a0";
}

function report(error) {
  const box = $("problem");
  box.textContent = error.message;
  box.hidden = false;
  if (!model) say("");
}

main().catch(report);
