"""What the studio's JavaScript computes is what Python does: noise, framing, verdicts, styles of handwriting."""

import base64
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

import digitsmith
from browsers import browsing
from digitsmith.data.images.framing import frame
from digitsmith.models.noise import noise_block
from digitsmith.models.reader import VERDICTS, _judge
from digitsmith.numbers.hand import measure
from studios import running

pytest.importorskip("fastapi", reason="needs the extra studio")

ULP = np.float32(2.0**-22)  # of numbers from 2 to 4


@pytest.fixture(scope="module")
def page() -> Iterator[Any]:
    with browsing() as browser, running() as one:
        page = browser.new_page()
        page.goto(f"{one.address}icon.svg")  # a page of the studio's that runs nothing by itself
        yield page


def as_bytes(array: NDArray[Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


BYTES = "(text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0))"
TEXT = "(made) => btoa(Array.from(new Uint8Array(made.buffer), (byte) => String.fromCharCode(byte)).join(''))"


def computed(page: Any, module: str, expression: str, dtype: Any, *given: Any) -> NDArray[Any]:
    """What an expression makes of a module's exports, `m`, and of what is given, `g`; as an array of that type."""
    code = f"""async (g) => {{
      const m = await import("/js/{module}.js"); const bytes = {BYTES}; const text = {TEXT};
      return text({expression});
    }}"""
    return np.frombuffer(base64.b64decode(page.evaluate(code, list(given))), dtype)


@pytest.mark.parametrize(("seed", "block"), [(0, 0), (7, 1), (2**63 - 1, 2**24 - 1), (1234567890123, 77)])
@pytest.mark.parametrize("distribution", ["normal", "uniform"])
def test_noise_is_numpys(page: Any, seed: int, block: int, distribution: Any) -> None:
    expression = "m.noiseBlock(BigInt(g[0]), g[1], 64, g[2])"
    made = computed(page, "noise", expression, np.float32, str(seed), block, distribution)
    expected = noise_block(seed, block, 64, distribution).ravel()
    tail = np.abs(expected) > 3.65  # whose last bit is the C library's, which computes a logarithm
    np.testing.assert_array_equal(made[~tail].view(np.uint32), expected[~tail].view(np.uint32))
    assert (np.abs(made - expected) <= 2 * ULP).all()


def test_noise_stays_in_step_over_a_million_numbers(page: Any) -> None:
    made = computed(page, "noise", "m.noiseBlock(5n, 3, 4096, 'normal')", np.float32)
    expected = noise_block(5, 3, 4096, "normal").ravel()
    assert (np.abs(made - expected) <= 2 * ULP).all()
    assert (made != expected).mean() < 1e-5


def drawings() -> list[NDArray[np.uint8]]:
    """Scribbles, dots and specks on a pad of 224x224 pixels, and nothing at all."""
    random, made = np.random.default_rng(0), [np.zeros((224, 224), np.uint8)]
    for i in range(24):
        image = Image.new("L", (448, 448))
        draw = ImageDraw.Draw(image)
        for _ in range(random.integers(1, 4)):
            spread = random.uniform(3, 150)
            centre = random.uniform(200, 248, 2)
            points = np.clip(centre + random.uniform(-spread, spread, (random.integers(2, 7), 2)), 40, 400)
            draw.line(
                [tuple(point) for point in points.tolist()], int(random.integers(200, 256)), int(random.integers(4, 40))
            )
        if i % 3 == 0:
            draw.point((int(random.integers(40, 400)), int(random.integers(40, 400))), 255)
            draw.ellipse((60, 60, 60 + int(random.integers(2, 12)), 66), 255)
        made.append(np.asarray(image.resize((224, 224), Image.Resampling.BILINEAR)))
    return made


def test_drawings_are_framed_as_files_are(page: Any) -> None:
    images = drawings()
    for size in ((28, 28), (20, 16)):
        expression = (
            "(() => { const all = bytes(g[0]), made = []; for (let i = 0; i < all.length; i += 224 * 224) "
            "made.push(...m.frame(all.subarray(i, i + 224 * 224), 224, 224, g[1])); return Uint8Array.from(made); })()"
        )
        made = computed(page, "framing", expression, np.uint8, as_bytes(np.stack(images)), list(size))
        expected = np.stack([frame(image, "mnist", size) for image in images])
        np.testing.assert_array_equal(made.reshape(expected.shape), expected)
    assert (expected > 0).any((1, 2)).sum() >= 20


def test_verdicts_are_the_readers(page: Any) -> None:
    reader = digitsmith.load_reader()
    record = "(await import('/js/model-file.js')).readRecord(bytes(g[0]).buffer, 'reader')"
    content = base64.b64encode(reader.content).decode()
    least = computed(page, "verdict", f"Float32Array.from(m.thresholds({record}))", np.float32, content)
    np.testing.assert_array_equal(least, reader.thresholds())
    random = np.random.default_rng(1)
    logits = random.normal(size=(300, 11)) * np.repeat([1.0, 4.0, 12.0], 100)[:, None]
    odds = np.exp(logits)
    probabilities = (odds / odds.sum(1, keepdims=True))[:, :10].astype(np.float32)
    low = np.full(10, 0.3, np.float32)
    images = (random.random((300, 2, 2)) < 0.7).astype(np.uint8)
    expression = (
        f"(() => {{ const p = new Float32Array(bytes(g[0]).buffer), images = bytes(g[1]); return Uint8Array.from("
        f"{{ length: 300 }}, (_, i) => {list(VERDICTS)}.indexOf(m.judge(p.subarray(10 * i, 10 * i + 10), g[2], "
        "images.subarray(4 * i, 4 * i + 4)).verdict)); })()"
    )
    made = computed(page, "verdict", expression, np.uint8, as_bytes(probabilities), as_bytes(images), low.tolist())
    expected = _judge(probabilities, low, images)
    np.testing.assert_array_equal(made, expected)
    assert set(expected.tolist()) == set(range(len(VERDICTS)))


def test_styles_of_handwriting_are_those_of_numbers(page: Any) -> None:
    images = digitsmith.load().sample([3, 1, 7, 0, 9])
    one = "m.measure(bytes(g[0]).subarray(784 * i, 784 * i + 784), 28, 28)"
    expression = f"Float64Array.from([0, 1, 2, 3, 4].flatMap((i) => {one}))"
    made = computed(page, "writing", expression, np.float64, as_bytes(images)).reshape(5, 3)
    np.testing.assert_allclose(made, measure(images), rtol=1e-4, atol=1e-5)
