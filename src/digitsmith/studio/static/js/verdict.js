// What a reader's probabilities mean, as models/reader.py has it.

const USUAL_ERROR = 0.01;
const LIKELY = 0.5; // a class that is more likely than all else is an answer, if no held-out image asks for less

// The least probability of each class that is taken for an answer, as ReaderRecord.thresholds().
export function thresholds({ classes, calibration = [] }) {
  if (!calibration.length) return classes.map(() => LIKELY);
  return calibration.map(({ images, lowest }) => {
    const rank = Math.trunc(USUAL_ERROR * (images + 1) + 1e-9);
    return Math.min(lowest[Math.min(Math.max(rank, 1), lowest.length) - 1], LIKELY);
  });
}

// The verdict on one framed image: read, unsure, two candidates, no digit or empty; and the classes it is about.
export function judge(probabilities, least, image) {
  const best = probabilities.indexOf(Math.max(...probabilities));
  const reached = [...probabilities.keys()].filter((label) => probabilities[label] >= Math.fround(least[label]));
  const none = 1 - probabilities.reduce((a, b) => a + b, 0);
  if (!image.some(Boolean)) return { verdict: "empty", labels: [] };
  if (none > probabilities[best]) return { verdict: "no digit", labels: [] };
  if (!reached.includes(best)) return { verdict: "unsure", labels: [best] };
  return { verdict: reached.length > 1 ? "two candidates" : "read", labels: reached };
}

// Levels as networks see them: Float32Array in [-1, 1].
export function toUnit(levels) {
  return Float32Array.from(levels, (level) => Math.fround(level * Math.fround(1 / 127.5)) - 1);
}
