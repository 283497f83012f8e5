// The page's side of the worker: calls that come back, models that survive its end.

import { FileError } from "./model-file.js";

const MOST_SECONDS = 60; // of one call
const SIMD = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
]; // a module that uses it

export class Runtime {
  #worker = null;
  #calls = new Map();
  #models = new Map();
  #count = 0;

  constructor() {
    if (typeof WebAssembly !== "object" || !WebAssembly.validate(Uint8Array.from(SIMD))) {
      throw new FileError(
        "This browser cannot run models: it has no WebAssembly with SIMD. Every browser since 2023 has it.",
      );
    }
    this.#start();
  }

  // Load a model file, an ArrayBuffer, under a name.
  async load(name, content, kind) {
    const told = await this.#call("load", { name, content, kind });
    this.#models.set(name, { content, kind });
    return told;
  }

  make(name, given) {
    return this.#call("make", { name, style: null, ...given });
  }

  between(name, given) {
    return this.#call("between", { name, ...given });
  }

  read(name, images) {
    return this.#call("read", { name, images });
  }

  #start() {
    this.#worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    this.#worker.onmessage = ({ data: { id, made, error } }) => {
      const call = this.#calls.get(id);
      if (!call) return;
      this.#calls.delete(id);
      clearTimeout(call.timer);
      if (error === undefined) call.resolve(made);
      else call.reject(new FileError(error));
    };
    this.#worker.onerror = () => this.#end("The runtime for models did not start: load the page again.");
    for (const [name, { content, kind }] of this.#models) this.#call("load", { name, content, kind }).catch(() => {});
  }

  #call(work, given) {
    const id = ++this.#count;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        if (work === "load") this.#models.delete(given.name);
        this.#end(`it was stopped, as it took longer than ${MOST_SECONDS} seconds`);
        this.#start();
      }, MOST_SECONDS * 1000);
      this.#calls.set(id, { resolve, reject, timer });
      this.#worker.postMessage({ id, work, given });
    });
  }

  #end(why) {
    this.#worker.terminate();
    for (const { reject, timer } of this.#calls.values()) {
      clearTimeout(timer);
      reject(new FileError(why));
    }
    this.#calls.clear();
  }
}

// Does the latest of what is asked for, and none of what was overtaken while it was at work.
export function latest(work) {
  let [busy, waiting] = [false, null];
  return async function ask(...given) {
    if (busy) {
      waiting = given;
      return;
    }
    busy = true;
    try {
      await work(...given);
    } finally {
      busy = false;
      if (waiting) {
        const next = waiting;
        waiting = null;
        ask(...next);
      }
    }
  };
}

// A file of the studio, by its path from the page's folder.
export async function get(path) {
  const answer = await fetch(new URL(`../${path}`, import.meta.url)).catch(() => null);
  if (!answer?.ok) throw new FileError(`${path} did not come: is the studio still running?`);
  return answer;
}
