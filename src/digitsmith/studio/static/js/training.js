// The form of a new training: what can be trained, on which images, with which knobs turned.

import { option, quoted } from "./command.js";
import { post } from "./feed.js";
import { get } from "./runtime.js";

const $ = (id) => document.getElementById(id);

export function start({ begun, report }) {
  let workshop = null;
  const turned = new Map(); // keys that are not as in the preset, with their values
  const preset = () => workshop.presets.find(({ name }) => name === $("wish").elements.preset.value);
  return open().catch(report);

  async function open() {
    workshop = await (await get("workshop.json")).json();
    $("cannot").hidden = workshop.trains;
    $("wish").hidden = !workshop.trains;
    $("install").textContent = workshop.install;
    if (!workshop.trains) return;
    $("presets").replaceChildren(...workshop.presets.map(card));
    $("name").value = workshop.name;
    $("presets").addEventListener("change", () => {
      turned.clear();
      showKnobs();
    });
    $("wish").addEventListener("input", update);
    $("wish").addEventListener("submit", (event) => {
      event.preventDefault();
      train();
    });
    showKnobs();
  }

  function card({ name, about }, i) {
    const [label, box, title, hint] = ["label", "input", "b", "span"].map((tag) => document.createElement(tag));
    Object.assign(box, { type: "radio", name: "preset", value: name, checked: i === 0 });
    title.textContent = name;
    Object.assign(hint, { className: "hint", textContent: about });
    label.append(box, title, hint);
    return label;
  }

  function showKnobs() {
    $("knobs").replaceChildren(...preset().knobs.map(knob));
    update();
  }

  function knob({ key, title, value, whole, least, most, choices, meaning, expect }) {
    const [field, label, hint] = ["div", "label", "p"].map((tag) => document.createElement(tag));
    const input = document.createElement(choices.length ? "select" : "input");
    const id = `knob-${key.replaceAll(".", "-")}`;
    Object.assign(label, { htmlFor: id, textContent: title, title: meaning });
    Object.assign(hint, { id: `${id}-hint`, className: "hint", textContent: expect });
    Object.assign(input, { id, name: key });
    input.setAttribute("aria-describedby", hint.id);
    if (choices.length) input.append(...choices.map((choice) => new Option(choice)));
    else Object.assign(input, { type: "number", step: whole ? 1 : "any", min: least ?? "", max: most ?? "", placeholder: "follows from the images" });
    input.value = value ?? "";
    input.addEventListener("input", () => {
      const given = choices.length || input.value === "" ? input.value : Number(input.value);
      if (given === "" || given === value) turned.delete(key);
      else turned.set(key, given);
    });
    field.className = "knob";
    field.append(label, input, hint);
    return field;
  }

  function wish() {
    const source = $("wish").elements.source.value;
    return {
      preset: preset().name,
      data: source || $("path").value.trim(),
      frame: !source && $("frame").checked,
      name: $("name").value.trim(),
      changes: Object.fromEntries(turned),
    };
  }

  function update() {
    const { preset: name, data, frame, name: out, changes } = wish();
    const source = $("wish").elements.source.value;
    $("own").hidden = source !== "";
    $("turned").textContent = turned.size ? `${turned.size} not as in the preset` : "as in the preset";
    $("name-said").textContent = `Its folder: ${workshop.folder}/${out}`;
    const words = [`digitsmith train ${name}`, option("data", data || "FOLDER"), option("out", `${workshop.folder}/${out}`)];
    if (frame) words.push("--frame mnist");
    for (const [key, value] of Object.entries(changes)) words.push(`--set ${quoted(`${key}=${value}`)}`);
    $("command").textContent = words.join(" ");
    $("wish-problem").hidden = true;
  }

  async function train() {
    $("start").disabled = true;
    try {
      if (!wish().data) throw new Error("Name the folder of your images.");
      if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(wish().name)) {
        throw new Error("The name of the run: up to 64 letters, digits, dots, underscores and hyphens, a letter or digit first.");
      }
      const { key } = await post("trainings", wish());
      await begun(key);
      scrollTo({ top: 0, behavior: "smooth" });
      workshop = await (await get("workshop.json")).json();
      $("name").value = workshop.name;
      update();
    } catch (error) {
      $("wish-problem").textContent = error.message;
      $("wish-problem").hidden = false;
    } finally {
      $("start").disabled = false;
    }
  }
}
