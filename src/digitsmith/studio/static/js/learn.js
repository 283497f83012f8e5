// The page Learn: which run is shown, and at which of its epochs; and the trainings that are started here.

import { CHARTS, Chart } from "./charts.js";
import { repaint } from "./digits.js";
import { Feed, REFUSED, post } from "./feed.js";
import { showEpoch, showGame } from "./flow.js";
import { latest } from "./runtime.js";
import { forget, sampled, sheet, show } from "./sheets.js";
import { start as startTraining } from "./training.js";

const SECONDS = 12; // that a training takes to be played
const $ = (id) => document.getElementById(id);

const feed = new Feed();
const charts = CHARTS.map((spec) => new Chart(spec, (epoch) => go(epoch)));
const view = { key: "", other: "", epoch: 0, place: 0, follows: true };

async function main() {
  $("charts").append(...charts.map((chart) => chart.element));
  listen();
  await feed.start();
  const named = location.hash.slice(1);
  const first = feed.runs.find(({ key }) => key === named) ?? feed.runs.find(({ state }) => state === "training") ?? feed.runs[0];
  const ready = feed.live ? startTraining({ begun: (key) => choose(key), report }) : null;
  fillChoices();
  if (first) await choose(first.key);
  else describe();
  await ready; // what is above it, and what is in it, does not push it down any more
  $("train").hidden = !feed.live;
}

function listen() {
  feed.addEventListener("runs", () => {
    fillChoices();
    describe();
  });
  feed.addEventListener("story", ({ detail: key }) => [view.key, view.other].includes(key) && draw());
  feed.addEventListener("again", ({ detail: key }) => forget(key));
  feed.addEventListener("lost", () => report(new Error("The studio does not answer: is it still running? Trainings that it started end with it, and can be resumed.")));
  feed.addEventListener("refused", () => report(new Error(REFUSED)));
  feed.addEventListener("found", () => ($("problem").hidden = true));
  $("run").addEventListener("change", () => choose($("run").value).catch(report));
  $("other").addEventListener("change", () => choose(view.key, $("other").value).catch(report));
  $("epoch").addEventListener("input", () => go(Number($("epoch").value)));
  $("play").addEventListener("click", play);
  $("stop").addEventListener("click", () => order("stop"));
  $("resume").addEventListener("click", () => order("resume"));
  for (const [id, key] of [["first", "key"], ["second", "other"]]) {
    $(id).addEventListener("click", (event) => pick(event, $(id), view[key]));
    repaint($(id), () => draw());
  }
  $("first").addEventListener("keydown", ({ key }) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[key];
    if (step) pickAt(view.place + step);
  });
}

// Show a run, and perhaps another beside it.
async function choose(key, other = view.other) {
  stopPlaying();
  if (key !== view.key) Object.assign(view, { place: 0, follows: true });
  Object.assign(view, { key, other: other === key ? "" : other });
  history.replaceState(null, "", `#${key}`);
  fillChoices();
  describe();
  await feed.watch([view.key, view.other].filter(Boolean));
  draw();
}

// The runs to choose from; one that is shown and gone stays until another is chosen.
function fillChoices() {
  const names = (runs) => runs.map(({ key, name }) => [key, name]);
  const comparable = feed.runs.filter(({ key, state }) => key !== view.key && !["starting", "failed", "damaged"].includes(state));
  for (const [id, chosen, ...first] of [["run", view.key], ["other", view.other, ["", "no other run"]]]) {
    const options = [...first, ...names(id === "run" ? feed.runs : comparable)];
    if (chosen && !options.some(([key]) => key === chosen)) options.push([chosen, feed.stories.get(chosen)?.name ?? "…"]);
    if (!options.length) options.push(["", "no run yet"]);
    const same = options.length === $(id).length && options.every(([key, name], i) => $(id)[i].value === key && $(id)[i].text === name);
    if (!same) $(id).replaceChildren(...options.map(([key, name]) => new Option(name, key)));
    $(id).value = chosen;
    $(id).disabled = options.length < 2;
  }
}

// What the chosen run is at, and what can be done with it.
function describe() {
  const run = feed.runs.find(({ key }) => key === view.key);
  const gone = view.key && !run;
  $("state-side").hidden = !view.key;
  $("state").textContent = gone ? "This run is not there any more: it was removed or renamed." : run ? said(run) : "";
  $("state").dataset.state = gone ? "failed" : (run?.state ?? "");
  $("share").hidden = !run?.job?.running;
  if (run?.job?.share !== null && run?.job?.share !== undefined) $("share").value = run.job.share;
  else $("share").removeAttribute("value");
  $("stop").hidden = !(run?.ours && run.job?.running);
  $("resume").hidden = !run?.resumable || !feed.live;
  const none = feed.live ? "There is no run yet. Train one below: the digits that come with Digitsmith take a few minutes." : "No run was exported with this site.";
  const told = gone ? "" : !view.key ? none : run?.problem || (run?.job?.running ? run.job.notes.at(-1) ?? "" : "");
  $("told").hidden = !told;
  $("told").textContent = told;
  $("told").classList.toggle("problem", Boolean(run?.problem));
  $("story").hidden = !feed.stories.has(view.key);
}

function said({ state, epoch, epochs, job, ours, resumable }) {
  const where = epoch ? `in epoch ${epoch} of ${epochs}` : "before its first epoch";
  return {
    starting: `Starting${job?.doing ? `: ${job.doing}` : " …"}`,
    training: ours ? `Training. ${job?.doing.replace(/^training: /, "") ?? ""}` : "Training, started elsewhere.",
    stopped: `Paused ${where}.${resumable ? " It goes on where it stopped." : ""}`,
    killed: `Its training was killed ${where}.${resumable ? " It goes on from its last checkpoint." : ""}`,
    finished: `Finished: ${epoch} epochs.`,
    diverged: `Diverged ${where}: a loss was no finite number any more. Try lower learning rates.`,
    failed: "It did not start.",
    damaged: "It cannot be read.",
  }[state];
}

const draw = latest(async () => {
  const story = feed.stories.get(view.key);
  $("story").hidden = !story;
  if (!story) return;
  const other = feed.stories.get(view.other);
  const last = Math.max(...[story, other].filter(Boolean).map(lastOf));
  if (view.follows || view.epoch > last) view.epoch = last;
  $("epoch").max = last;
  $("epoch").value = view.epoch;
  const run = feed.runs.find(({ key }) => key === view.key);
  const planned = run?.state === "training" ? ` of ${run.epochs}` : last === view.epoch ? "" : ` of ${last}`;
  const speed = story.epochs.findLast(({ epoch }) => epoch <= view.epoch);
  $("epoch-value").textContent =
    `Epoch ${view.epoch}${planned}` + (speed && view.epoch ? ` · ${Math.round(speed.images_per_second).toLocaleString("en")} images/s` : "");
  $("epoch").setAttribute("aria-valuetext", $("epoch-value").textContent);
  const runs = [story, ...(other ? [other] : [])].map(({ epochs }) => epochs);
  for (const chart of charts) chart.show(runs, last, view.epoch);
  $("dashes").hidden = !other;
  $("dashes").textContent = other ? `Whole lines: ${story.name}. Dashed: ${other.name}.` : "";
  $("repeat").textContent = [story, other].filter(Boolean).map(({ command, name }) => command || `${name}: trained on a data set in memory`).join("\n");
  showGame(story, view.place);
  $("second-side").hidden = !other;
  const shown = `${story.key} ${view.epoch}`; // which may change while its images come
  try {
    await Promise.all([
      showEpoch(story, view.epoch, view.place),
      showSheet("first", story, view.place),
      other && showSheet("second", other, -1),
    ]);
    document.body.dataset.shown = shown;
  } catch (error) {
    if (feed.runs.some(({ key }) => key === view.key)) report(error);
  }
});

const lastOf = ({ epochs, samples }) => Math.max(epochs.at(-1)?.epoch ?? 0, samples.at(-1) ?? 0);

async function showSheet(id, story, place) {
  const epoch = sampled(story, view.epoch);
  const name = $(`${id}-name`);
  if (epoch === undefined) {
    name.textContent = `${story.name}: no sample yet`;
    return;
  }
  const grid = await sheet(story, epoch);
  name.textContent = `${story.name}, after epoch ${epoch}`;
  show($(id), grid, story, place);
  $(id).setAttribute("aria-label", `${grid.count} samples of ${story.name} after epoch ${epoch}`);
  $(id).dataset.epoch = epoch;
}

// Go to an epoch; at the last one, those that follow are shown as they come.
function go(epoch) {
  view.epoch = epoch;
  view.follows = epoch >= Number($("epoch").max);
  draw();
}

let playing = null;

function play() {
  if (playing) return stopPlaying();
  const last = Number($("epoch").max);
  const from = view.epoch >= last ? 0 : view.epoch;
  const started = performance.now();
  const next = () => {
    const epoch = Math.min(last, Math.round(from + ((performance.now() - started) / (SECONDS * 1000)) * last));
    go(epoch);
    if (epoch >= last) stopPlaying();
    else playing = requestAnimationFrame(next);
  };
  $("play").textContent = "❚❚";
  $("play").setAttribute("aria-label", "Stop playing");
  playing = requestAnimationFrame(next);
}

function stopPlaying() {
  cancelAnimationFrame(playing);
  playing = null;
  $("play").textContent = "▶";
  $("play").setAttribute("aria-label", "Play the training");
}

async function pick(event, canvas, key) {
  const story = feed.stories.get(key);
  if (!story || sampled(story, view.epoch) === undefined) return;
  const { columns } = await sheet(story, sampled(story, view.epoch));
  const box = canvas.getBoundingClientRect();
  const side = box.width / columns;
  const rowHeight = side * (story.image_size[0] / story.image_size[1]);
  pickAt(Math.floor((event.clientY - box.top) / rowHeight) * columns + Math.floor((event.clientX - box.left) / side));
}

async function pickAt(place) {
  const story = feed.stories.get(view.key);
  if (sampled(story, view.epoch) === undefined) return;
  const { count } = await sheet(story, sampled(story, view.epoch));
  view.place = (place + count) % count;
  draw();
}

async function order(what) {
  $(what).disabled = true;
  try {
    await post(`runs/${view.key}/${what}`);
    view.follows = true;
  } catch (error) {
    report(error);
  } finally {
    $(what).disabled = false;
  }
}

function report(error) {
  $("problem").textContent = error.message;
  $("problem").hidden = false;
}

main().catch(report);
