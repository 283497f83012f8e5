// The page Judge: evaluations are started, their progress is shown, and what they found stands side by side.

import { Feed, REFUSED, address, post } from "./feed.js";
import { get } from "./runtime.js";

const MOST = 8; // runs side by side
const $ = (id) => document.getElementById(id);

const feed = new Feed();
const chosen = new Set(); // keys
let judged = ""; // what the tables below are of

async function main() {
  feed.addEventListener("runs", list);
  feed.addEventListener("lost", () => report(new Error("The studio does not answer: is it still running?")));
  feed.addEventListener("refused", () => report(new Error(REFUSED)));
  feed.addEventListener("found", () => ($("problem").hidden = true));
  await feed.start();
  const named = feed.runs.filter(({ key }) => key === location.hash.slice(1));
  const first = named[0] ?? feed.runs.find(({ evaluated }) => evaluated) ?? feed.runs[0];
  if (first) chosen.add(first.key);
  list();
}

function list() {
  const { runs } = feed;
  for (const key of chosen) if (!runs.some((run) => run.key === key)) chosen.delete(key);
  $("runs").hidden = !runs.length;
  $("runs-said").textContent = runs.length
    ? "Choose one to see its report, or several to compare them."
    : "There is no run yet. The page Learn trains one; digitsmith studio RUN shows one that lies elsewhere.";
  const body = $("runs").tBodies[0];
  const rows = new Map([...body.rows].map((row) => [row.dataset.key, row]));
  const wanted = runs.map((run) => filled(rows.get(run.key) ?? empty(run), run));
  if (wanted.length !== body.rows.length || wanted.some((row, i) => body.rows[i] !== row)) body.replaceChildren(...wanted);
  judge().catch(report);
}

function empty({ key, name }) {
  const row = document.createElement("tr");
  row.dataset.key = key;
  const box = Object.assign(document.createElement("input"), { type: "checkbox" });
  box.setAttribute("aria-label", `Show ${name}`);
  box.addEventListener("change", () => {
    if (box.checked && chosen.size >= MOST) box.checked = false;
    if (box.checked) chosen.add(key);
    else chosen.delete(key);
    judge().catch(report);
  });
  const [title, about] = [document.createElement("b"), document.createElement("span")];
  title.textContent = name;
  about.className = "hint";
  const head = document.createElement("th");
  head.scope = "row";
  head.append(title, document.createElement("br"), about);
  const [pick, training, evaluation] = [0, 1, 2].map(() => document.createElement("td"));
  pick.className = "pick";
  pick.append(box);
  evaluation.className = "doing";
  const button = Object.assign(document.createElement("button"), { type: "button", className: "small" });
  button.addEventListener("click", () => order(key, button));
  const [bar, said] = [document.createElement("progress"), document.createElement("span")];
  bar.setAttribute("aria-label", `Evaluation of ${name}`);
  said.className = "hint";
  evaluation.append(bar, said, document.createTextNode(" "), button);
  row.append(pick, head, training, evaluation);
  return row;
}

function filled(row, run) {
  const { key, about, state, epoch, epochs, job, measurable, evaluated, problem } = run;
  row.querySelector("input").checked = chosen.has(key);
  write(row.querySelector("th .hint"), about || problem);
  const states = {
    starting: "starting", training: `training, epoch ${epoch} of ${epochs}`, stopped: `paused, epoch ${epoch} of ${epochs}`,
    killed: `killed, epoch ${epoch} of ${epochs}`, finished: `finished, ${epoch} epochs`, diverged: "diverged", failed: "did not start",
    damaged: "cannot be read",
  };
  write(row.cells[2], states[state]);
  const judging = job?.work === "evaluation" ? job : null;
  const [bar, said, button] = ["progress", "span", "button"].map((tag) => row.cells[3].querySelector(tag));
  bar.hidden = !judging?.running;
  if (typeof judging?.share === "number") bar.value = judging.share;
  else bar.removeAttribute("value");
  const failed = judging && !judging.running && judging.problem;
  write(said, judging?.running ? judging.doing || "starting" : failed ? judging.problem : evaluated ? "evaluated" : measurable ? "" : "It takes a trained model, and enough images to compare with.");
  said.classList.toggle("problem", Boolean(failed));
  const running = Boolean(judging?.running);
  button.hidden = !running && (!measurable || state === "training" || state === "starting");
  button.dataset.work = running ? "stop" : "evaluate";
  write(button, running ? "Stop" : evaluated ? "Evaluate again" : "Evaluate");
  button.setAttribute("aria-label", `${button.textContent}: ${run.name}`);
  row.dataset.state = running ? "judging" : failed ? "failed" : evaluated ? "evaluated" : "";
  return row;
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

async function order(key, button) {
  button.disabled = true;
  try {
    await post(`runs/${key}/${button.dataset.work}`);
    judged = "";
  } catch (error) {
    report(error);
  } finally {
    button.disabled = false;
  }
}

// Show what was found of the chosen runs, once they, or their evaluations, are others.
async function judge() {
  tellLeft();
  const runs = feed.runs.filter(({ key, state }) => chosen.has(key) && !["starting", "failed", "damaged"].includes(state));
  const now = runs.map(({ key, state, evaluated, job }) => [key, state, evaluated, job?.running ?? false].join(":")).join();
  if (now === judged) return;
  judged = now;
  $("reported").hidden = !runs.length;
  if (!runs.length) {
    $("compared").hidden = true;
    return;
  }
  const query = runs.map(({ key }) => `run=${key}`).join("&");
  $("report-link").href = $("report").src = address(`report.html?${query}`);
  $("report").title = `Report on ${runs.map(({ name }) => name).join(", ")}`;
  const told = await (await get(`judgement.json?${query}`)).json();
  if (now === judged) show(told);
}

// Of several that are chosen, those that have no measures to compare.
function tellLeft() {
  const left = feed.runs.filter(({ key, evaluated }) => chosen.has(key) && !evaluated).map(({ name }) => name);
  $("left").hidden = chosen.size < 2 || !left.length;
  write($("left"), `Not compared, as not evaluated yet: ${left.join(", ")}.`);
}

function show({ runs, measures, problem }) {
  $("compared").hidden = runs.length < 2; // the report of one has its measures
  if (runs.length < 2) return;
  $("unlike").hidden = !problem;
  $("unlike").textContent = problem;
  const table = $("measures");
  table.replaceChildren();
  const caption = table.createCaption();
  caption.textContent = "“Real”: the same measure of as many held-out real images. The verdicts show where to look.";
  const real = problem ? [] : ["real"]; // those that were measured differently have real values of their own
  line(table.createTHead(), ["Measure", ...real, ...runs.map(({ name, outdated }) => (outdated ? `${name} (its model has changed since)` : name))], "col");
  const columns = 1 + real.length + runs.length;
  const body = table.createTBody();
  let group = "";
  for (const measure of measures) {
    if (measure.group !== group) {
      group = measure.group;
      heading(body, group, columns);
    }
    const row = line(body, [measure.title, ...real.map(() => measure.real.find(Boolean) ?? ""), ...measure.values], "row");
    const hint = Object.assign(document.createElement("span"), { className: "hint", textContent: `${measure.meaning} Better: ${measure.better}.` });
    row.firstChild.append(hint);
    if (real.length) row.cells[1].className = "of-real";
    measure.values.forEach((value, i) => {
      const cell = row.cells[1 + real.length + i];
      cell.className = "number";
      if (!value) cell.textContent = "not measured";
      else cell.append(Object.assign(document.createElement("span"), { className: `verdict-of ${measure.verdicts[i]}`, textContent: measure.verdicts[i] }));
    });
  }
  line(body, ["Mode collapse", ...real.map(() => ""), ...runs.map(({ collapsed }) => (collapsed ? "yes" : "no"))], "row");
  const protocol = table.createTBody();
  protocol.className = "protocol";
  heading(protocol, "How it was measured", columns);
  const facts = [...new Set(runs.flatMap(({ protocol: of }) => Object.keys(of)))];
  for (const fact of facts) line(protocol, [fact, ...real.map(() => ""), ...runs.map(({ protocol: of }) => of[fact] ?? "")], "row");
}

// A row that heads those below it.
function heading(part, text, columns) {
  const row = line(part, [text], "colgroup");
  row.className = "group";
  row.firstChild.colSpan = columns;
}

// A row whose first cell heads it, or whose cells all head columns.
function line(part, texts, scope) {
  const row = part.insertRow();
  texts.forEach((text, i) => {
    const cell = document.createElement(i === 0 || scope === "col" ? "th" : "td");
    if (cell.tagName === "TH") cell.scope = scope;
    cell.textContent = text;
    row.append(cell);
  });
  return row;
}

function report(error) {
  $("problem").textContent = error.message;
  $("problem").hidden = false;
}

main().catch(report);
