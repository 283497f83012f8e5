"""How fast the studio is, in a real Chromium: first digits, a hundred, the slider; and a thousand requests at once.

python benchmarks/studio.py [--picture docs/images/studio.png] [--learn RUN docs/images/studio-learn.png]

Needs the extras studio and dev, and a Chromium. Other work on the machine makes all of it slower: the load is said.
"""

import argparse
import asyncio
import os
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from browsers import browsing
from studios import Running, running

WATCH = """
window.times = {};
new MutationObserver(() => {
  const made = document.getElementById("grid")?.dataset.made;
  if (made && !(made in times)) times[made] = performance.now();
}).observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ["data-made"] });
"""
AGAIN = """(seed) => new Promise((done) => {
  const [grid, field, start] = [document.getElementById("grid"), document.getElementById("seed"), performance.now()];
  new MutationObserver((_, own) => grid.dataset.made === "100" && (own.disconnect(), done(performance.now() - start)))
    .observe(grid, { attributes: true, attributeFilter: ["data-made"] });
  field.value = seed;
  field.dispatchEvent(new Event("input", { bubbles: true }));
})"""
SLIDE = """() => new Promise((done) => {
  const [way, slider, start] = [document.getElementById("way"), document.getElementById("place"), performance.now()];
  let frames = 0;
  const next = () => { slider.value = frames % 100; slider.dispatchEvent(new Event("input", { bubbles: true })); };
  new MutationObserver((_, own) => {
    if (++frames === 60) { own.disconnect(); done(60_000 / (performance.now() - start)); } else next();
  }).observe(way, { attributes: true, attributeFilter: ["data-place"] });
  next();
})"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--picture", type=Path, help="take a picture of the page Make, too")
    parser.add_argument("--learn", nargs=2, metavar=("RUN", "PATH"), help="and of the page Learn, with a run")
    arguments = parser.parse_args()
    print(f"load of this machine before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with browsing() as browser, running() as studio:
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        page = context.new_page()
        page.set_default_timeout(300_000)
        page.add_init_script(WATCH)
        for visit in ("first visit", "second visit"):
            page.goto(studio.address)
            page.locator("#grid[data-made='100']").wait_for()
            times = page.evaluate("times")
            print(
                f"{visit}: first digits after {times['10'] / 1000:.2f} s, a hundred after {times['100'] / 1000:.2f} s"
            )
        page.locator("#written[aria-label='90210, written by hand']").wait_for()
        hundreds = [page.evaluate(AGAIN, str(seed)) / 1000 for seed in range(1, 6)]
        print(f"a hundred digits of another seed: {statistics.median(hundreds):.2f} s")
        print(f"slider: {page.evaluate(SLIDE):.0f} frames a second")
        if arguments.picture:
            page.screenshot(path=arguments.picture)
        context.close()
        if arguments.learn:
            run, path = arguments.learn
            with running(run) as learning:
                page = browser.new_page(viewport={"width": 1280, "height": 1200})
                page.goto(f"{learning.address}learn.html")
                page.locator("#first[data-epoch]").wait_for()
                page.screenshot(path=path)
    with running() as studio:
        before = memory(studio)
        durations = sorted(asyncio.run(requests(studio.port, 1000)))
        at = {share: durations[round(share * (len(durations) - 1))] for share in (0.5, 0.99)}
        print(
            f"{len(durations)} requests at once: median {at[0.5]:.2f} s, p99 {at[0.99]:.2f} s; the server has "
            f"{before:.0f} MB before and {memory(studio):.0f} MB after"
        )


async def requests(port: int, count: int) -> list[float]:
    """How long each of so many takes, in seconds."""

    async def one() -> float:
        start = time.perf_counter()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /studio.json HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = await reader.read()
        writer.close()
        assert answer.startswith(b"HTTP/1.1 200")
        return time.perf_counter() - start

    return await asyncio.gather(*(one() for _ in range(count)))


def memory(studio: Running) -> float:
    """Of the server, in megabytes."""
    told = Path(f"/proc/{studio.process.pid}/status").read_text(encoding="utf-8")
    return int(told.partition("VmRSS:")[2].split()[0]) / 1024


if __name__ == "__main__":
    main()
