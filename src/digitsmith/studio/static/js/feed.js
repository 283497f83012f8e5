// What becomes of runs: from a studio by server-sent events, from an exported site once.

import { get } from "./runtime.js";

export const REFUSED = "The studio tells no more pages what becomes of runs: close some of them.";

const root = new URL("../", import.meta.url);

// The address of a file of the studio.
export const address = (path) => new URL(path, root);

// Ask the studio to do something; it answers with what it did, or an error with its sentence.
export async function post(path, wish) {
  const headers = wish ? { "content-type": "application/json" } : {};
  const body = wish && JSON.stringify(wish);
  const answer = await fetch(address(path), { method: "POST", headers, body }).catch(() => null);
  if (!answer) throw new Error("The studio does not answer: is it still running?");
  const told = await answer.json().catch(() => ({}));
  if (answer.ok) return told;
  const [wrong] = Array.isArray(told.detail) ? told.detail : [];
  if (wrong) throw new Error(`The studio does not take this: ${wrong.loc.at(-1)}: ${wrong.msg}.`);
  throw new Error(told.detail ?? "The studio does not take this: check what you wrote.");
}

export class Feed extends EventTarget {
  stories = new Map(); // by key; `samplesOf` an epoch that was told once stay, unless the run began again
  runs = [];
  live = false;
  #keys = [];
  #source = null;

  async start() {
    const told = await (await get("runs.json")).json();
    this.live = told.live;
    this.#list(told);
    if (!this.live) return;
    this.#open();
    document.addEventListener("visibilitychange", () => this.#open());
  }

  // Follow these runs in detail, and no others.
  async watch(keys) {
    if (keys.join() === this.#keys.join()) return;
    this.#keys = keys;
    if (this.live) return this.#open();
    for (const key of keys) {
      if (!this.stories.has(key)) this.#tell(await (await get(`runs/${key}.json`)).json());
      else this.#say("story", key);
    }
  }

  #open() {
    this.#source?.close();
    if (document.hidden) return; // a browser has six connections to a server, for all its tabs
    const query = this.#keys.map((key) => `run=${key}`).join("&");
    const source = (this.#source = new EventSource(address(`events?${query}`)));
    const hear = (name, work) => source.addEventListener(name, ({ data }) => work(JSON.parse(data)));
    hear("runs", (told) => this.#list(told));
    hear("story", (told) => this.#tell(told));
    source.addEventListener("open", () => this.#say("found"));
    source.addEventListener("error", () => {
      const refused = source.readyState === EventSource.CLOSED; // an answer came, and it was no stream
      this.#say(refused ? "refused" : "lost");
      if (refused) setTimeout(() => source === this.#source && this.#open(), 5000);
    });
  }

  #list({ runs }) {
    this.runs = runs;
    this.#say("runs");
  }

  #tell({ from = 0, ...story }) {
    const known = this.stories.get(story.key);
    if (known && known.started !== story.started) this.#say("again", story.key);
    story.epochs = [...(known?.epochs.slice(0, from) ?? []), ...story.epochs];
    this.stories.set(story.key, story);
    this.#say("story", story.key);
  }

  #say(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
