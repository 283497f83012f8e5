"""Numbers on paper: number i depends on the seed and i, boxes are those of the ink, and one hand writes one number."""

import string
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from conftest import refused
from digitsmith.config.style import LAYOUTS, PRESETS, WEAR, Style, Wear
from digitsmith.data.dataset import Dataset
from digitsmith.errors import ConfigError, DataError, ModelError
from digitsmith.numbers import ink as inks
from digitsmith.numbers.compose import compose, compose_many, composer
from digitsmith.numbers.pools import NUMBERS
from digitsmith.numbers.sources import FromDataset
from digitsmith.numbers.written import Box, Written
from tiny_models import a_model

TEXTS = ["90210", "12/05/1987", "1.234,56 €", "(030) 471-92", "77177", "+49 8833", "10:45", "4711"]
PLAIN = Style(wear="off")


@pytest.fixture(scope="module")
def real(digits: Dataset) -> FromDataset:
    return FromDataset(digits, "digits")


def same(one: Written, other: Written) -> bool:
    mine, theirs = (one.text, one.boxes, one.writer), (other.text, other.boxes, other.writer)
    return mine == theirs and np.array_equal(one.image, other.image)


@pytest.mark.parametrize("style", [Style(), Style(layout="comb", wear="heavy", writers=3, ink=("blue", "black"))])
def test_a_number_depends_on_the_seed_and_its_index_alone(real: FromDataset, style: Style) -> None:
    start = NUMBERS - 5
    texts = [TEXTS[i % len(TEXTS)] for i in range(12)]
    every = compose_many(texts, 7, start, real, style)
    for i, text in enumerate(texts):
        assert same(every[i], compose(text, 7, index=start + i, model=real, style=style))
    again = compose_many(["1"] * 3 + texts[3:8], 7, start, real, style)
    assert all(same(a, b) for a, b in zip(every[3:8], again[3:], strict=True))
    other = compose(texts[0], 8, index=start, model=real, style=style)
    assert not np.array_equal(every[0].image, other.image)


def test_a_model_writes_the_same_in_a_batch_and_alone() -> None:
    every = compose_many(["31", "13"], 5, 0)
    assert all(same(number, compose(number.text, 5, index=i)) for i, number in enumerate(every))
    assert [box.text for box in every[0].boxes] == ["3", "1"]
    assert every[0].image.dtype == np.uint8
    assert every[0].image.shape[0] == 64


def test_boxes_are_in_reading_order_and_spaces_have_none(real: FromDataset) -> None:
    for number in compose_many(TEXTS * 4, 1, 0, real, Style(wear="heavy")):
        assert "".join(box.text for box in number.boxes) == number.text.replace(" ", "")
        height, width = number.image.shape[:2]
        for box in number.boxes:
            assert 0 <= box.left < box.right <= width
            assert 0 <= box.top < box.bottom <= height


@pytest.fixture
def only_ink(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Forms whose lines are not printed, and ink that is black: all that is dark is ink, and as dark as it covers."""
    monkeypatch.setitem(inks.LOOKS, "black", inks.Look((0, 0, 0), 0, (1.0, 1.0), 0))
    inks._grain_of.cache_clear()
    monkeypatch.setattr(inks, "print_lines", lambda marks, matrix, size: np.zeros(size, np.uint8))
    yield
    inks._grain_of.cache_clear()


def dark(image: np.ndarray) -> np.ndarray:
    """Where ink covers a quarter of white paper, or more."""
    return image <= 255 - inks.SEEN


def bounds(marked: np.ndarray) -> tuple[int, int, int, int]:
    x, y, w, h = cv2.boundingRect(marked.astype(np.uint8))
    return x, y, x + w, y + h


def sides(box: Box) -> tuple[int, int, int, int]:
    return box.left, box.top, box.right, box.bottom


def geometry(preset: str) -> Wear:
    """What moves ink in a preset, and nothing else of it."""
    return Wear(skew=WEAR[preset].skew, perspective=WEAR[preset].perspective)


@pytest.mark.usefixtures("only_ink")
@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_box_is_that_of_its_ink(real: FromDataset, layout: str, preset: str) -> None:
    apart = {"touching": 0.0, "spacing": 0.6, "spacing_spread": 0.0, "size": 0.4 if layout == "comb" else 0.62}
    style = Style(layout=layout, wear=geometry(preset), drift=0.05, **apart)
    for number in compose_many(TEXTS * 11, 2, 0, real, style):  # 1,056 in all
        ink = dark(number.image)
        for box in number.boxes:
            alone = np.zeros_like(ink)
            left, top, right, bottom = max(box.left - 2, 0), max(box.top - 2, 0), box.right + 2, box.bottom + 2
            alone[top:bottom, left:right] = ink[top:bottom, left:right]
            assert np.abs(np.subtract(bounds(alone), sides(box))).max() <= 1, (number.text, box, bounds(alone))


@pytest.mark.usefixtures("only_ink")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_boxes_hold_all_ink_of_numbers_that_touch(real: FromDataset, layout: str) -> None:
    for number in compose_many(TEXTS * 4, 3, 0, real, Style(layout=layout, wear=geometry("heavy"), touching=0.5)):
        every = np.array([sides(box) for box in number.boxes])
        whole = np.concatenate([every[:, :2].min(0), every[:, 2:].max(0)])
        assert np.abs(np.subtract(bounds(dark(number.image)), whole)).max() <= 1


@pytest.mark.parametrize("preset", PRESETS)
def test_wear_moves_no_box_but_by_its_geometry(real: FromDataset, preset: str) -> None:
    worn, clean = (
        compose_many(TEXTS, 4, 0, real, Style(wear=wear, layout="ruled")) for wear in (preset, geometry(preset))
    )
    assert [number.boxes for number in worn] == [number.boxes for number in clean]


def test_neighbours_touch_as_often_as_asked(real: FromDataset) -> None:
    parts = {}
    for share in 0.0, 1.0:
        numbers = compose_many(["3708"] * 60, 5, 0, real, Style(wear="off", touching=share, drift=0, size_spread=0))
        parts[share] = np.mean([cv2.connectedComponents(dark(n.image).astype(np.uint8))[0] - 1 for n in numbers])
    assert parts[0.0] > 3.8  # of four
    assert parts[1.0] < 1.6


@pytest.mark.usefixtures("only_ink")
def test_separators_never_touch_their_neighbours(real: FromDataset) -> None:
    """A comma in the tail of a nine would be read as a part of it."""
    style = Style(wear="off", touching=1.0, spacing=-0.2)
    for number in compose_many(["9,4", "4.9", "7-7", "2,2"] * 40, 6, 0, real, style):
        parts, _, stats, _ = cv2.connectedComponentsWithStats(dark(number.image).astype(np.uint8))
        separator = number.boxes[1]
        alone = (separator.left, separator.top, separator.right - separator.left, separator.bottom - separator.top)
        assert parts >= 4, number.text
        assert np.abs(stats[1:, :4] - alone).max(1).min() <= 1, number.text


def test_sizes_are_as_asked(real: FromDataset) -> None:
    for height, width in (32, 0), (48, 320), (16, 64), (128, 700):
        style = Style(height=height, width=width, wear="heavy")
        for number in compose_many(["907", "1234"], 1, 0, real, style):
            assert number.image.shape[0] == height
            assert number.image.shape[1] == width or not width
    large, small = (compose("80808", model=real, style=Style(wear="off", size=size)) for size in (0.7, 0.35))
    assert (
        1.8 < np.mean([b.bottom - b.top for b in large.boxes]) / np.mean([b.bottom - b.top for b in small.boxes]) < 2.2
    )


def test_writers_are_as_many_as_asked_and_keep_their_hand(real: FromDataset) -> None:
    numbers = compose_many(["88"] * 60, 1, 0, real, Style(wear="off", writers=3))
    assert {number.writer for number in numbers} == {0, 1, 2}
    assert [number.writer for number in compose_many(["1"] * 4, 1, 7, real, PLAIN)] == [7, 8, 9, 10]
    assert compose("1", 1, model=real, style=PLAIN, writer=12).writer == 12
    wide = [[box.right - box.left for n in numbers if n.writer == w for box in n.boxes] for w in range(3)]
    assert np.mean([np.std(of_writer) for of_writer in wide]) < np.std(np.concatenate(wide))


def test_ink_and_paper_have_their_colours(real: FromDataset, tmp_path: Path) -> None:
    grey = compose("5", model=real, style=Style(wear="off", ink=("black", "pencil")))
    assert grey.image.ndim == 2
    blue = compose("5", model=real, style=Style(wear="off", ink=("blue",))).image.reshape(-1, 3).astype(int)
    assert blue[blue.sum(1).argmin()].argmax() == 2
    Image.fromarray(np.full((90, 100, 3), (200, 180, 120), np.uint8)).save(tmp_path / "old.png")
    on_paper = compose("12345", model=real, style=Style(wear="off", paper=str(tmp_path))).image
    assert on_paper.shape[1] > 100  # the paper goes on in its mirror
    assert on_paper[0, 0].tolist() == on_paper[-1, -1].tolist() == [200, 180, 120]


def test_every_wear_does_what_it_says(real: FromDataset) -> None:
    def made(**wear: float) -> list[np.ndarray]:
        return [n.image for n in compose_many(["0123"] * 20, 1, 0, real, Style(wear=Wear(**wear), width=200))]

    def differ(**wear: float) -> float:
        return float(np.mean([np.abs(a.astype(int) - b).mean() for a, b in zip(made(**wear), clean, strict=True)]))

    clean = made()
    assert all((image[0] == 255).all() for image in clean)
    for part, little, much in [
        ("noise", 5, 20), ("blur", 0.5, 2.0), ("skew", 1.0, 5.0), ("perspective", 0.05, 0.2), ("shade", 0.1, 0.5),
        ("bleed", 0.05, 0.3), ("jpeg", 40, 90),
    ]:  # fmt: skip
        assert 0 < differ(**{part: little}) < differ(**{part: much}), part
    assert all(set(np.unique(image)) == {0, 255} for image in made(threshold=1.0, shade=0.5))
    bilevel = sum(set(np.unique(image)) == {0, 255} for image in made(threshold=0.5))
    assert 3 < bilevel < 17


def test_other_alphabets_are_written_by_the_names_of_their_classes() -> None:
    model = a_model("letters", classes=tuple(string.ascii_lowercase), image_size=(16, 16))
    number = compose("cab-1".replace("1", "z"), model=model, style=PLAIN)
    assert [box.text for box in number.boxes] == ["c", "a", "b", "-", "z"]
    with refused(ConfigError, r"'a1' has '1' \(character 2\): letters writes a b c", "text"):
        compose("a1", model=model)


def test_colour_models_write_as_well() -> None:
    assert compose("12", model=a_model(channels=3), style=PLAIN).image.ndim == 2


def test_only_digits_that_are_recognised_are_written_if_asked(real: FromDataset) -> None:
    assert len(compose("07", model=real, style=Style(min_confidence=0.9)).boxes) == 2
    with refused(ModelError, "lower it, or choose a better model", "min_confidence"):
        compose("07", model=a_model(), style=Style(min_confidence=0.99))
    with refused(ConfigError, "only digits can be recognised", "min_confidence"):
        compose("a", model=a_model(classes=("a", "b")), style=Style(min_confidence=0.5))


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "is no number"),
        ("  ", "is no number"),
        ("12a", r"has 'a' \(character 3\): digits writes 0 1 2 3 4 5 6 7 8 9, and the pen - / . , : \( \) \+ €"),
        ("1\n2", r"has '\\n' \(character 2\)"),
        ("1" * 65, "65 characters; 64 are the most"),
    ],
)
def test_texts_that_cannot_be_written_are_refused(real: FromDataset, text: str, match: str) -> None:
    with refused(ConfigError, match, "text"):
        compose(text, model=real)


def test_what_does_not_fit_its_width_is_refused_and_the_rest_is_inside(real: FromDataset) -> None:
    with refused(ConfigError, "make them wider, or 0", "width"):
        compose("0123456789", model=real, style=Style(width=90))
    for layout in LAYOUTS:
        style = Style(width=220, layout=layout, touching=0, wear="heavy")
        number = compose("0123456789", model=real, style=style)
        assert max(box.right for box in number.boxes) <= 219


def test_bad_arguments_are_refused(real: FromDataset) -> None:
    with refused(ModelError, "unconditional", "model"):
        compose("1", model=a_model(classes=()))
    with refused(ConfigError, "out of range", "seed"):
        compose("1", -1, model=real)
    with refused(ConfigError, "out of range", "index"):
        compose("1", index=-1, model=real)
    with refused(ConfigError, "no whole number", "writer"):
        compose("1", model=real, writer=1.5)
    with refused(ConfigError, "greater than or equal to 16", "height"):
        Style(height=3)
    with refused(ConfigError, "valid integer", "height"):
        Style(height="64")
    with refused(ConfigError, "line|comb", "layout"):
        Style(layout="box")
    with refused(ConfigError, "less than or equal to 64", "noise"):
        Wear(noise=100)
    with refused(ConfigError, "not permitted", "colour"):
        Style(colour=True)
    with refused(ConfigError, "no labels", "model"):
        FromDataset(Dataset(np.zeros((2, 28, 28), np.uint8)))


def test_a_class_that_is_empty_is_said(digits: Dataset) -> None:
    blank = digits.images.copy()
    blank[digits.labels == 7] = 0
    blanked = FromDataset(Dataset(blank, digits.labels, digits.classes), "blanked")
    assert compose("12", model=blanked, style=PLAIN).boxes
    with refused(ModelError, "blanked has only empty images of 7"):
        compose("17", model=blanked, style=PLAIN)


def test_paper_that_will_not_do_is_passed_over(real: FromDataset, tmp_path: Path) -> None:
    def made() -> list[Written]:
        return compose_many(["12"] * 8, 1, 0, real, Style(wear="off", paper=str(tmp_path)))

    for name, level in ("a", 150), ("c", 200):
        Image.fromarray(np.full((90, 300), level, np.uint8)).save(tmp_path / f"{name}.png")
    Image.fromarray(np.full((20, 30), 100, np.uint8)).save(tmp_path / "b.png")
    (tmp_path / "d.png").write_bytes(b"no picture")
    found = made()
    assert {number.image[0, 0, 0] for number in found} == {150, 200}
    assert all(same(a, b) for a, b in zip(found, made(), strict=True))
    pen = composer(real, Style(paper=str(tmp_path)), 0)
    assert [said.partition(" ")[0] for said in pen.passed_over] == [str(tmp_path / name) for name in ("b.png", "d.png")]


def test_no_box_is_around_a_speck_that_hardly_anyone_sees(digits: Dataset) -> None:
    images = np.pad(digits.images, ((0, 0), (0, 0), (0, 6)))
    images[:, 3, -1] = images.max((1, 2)) * 0.4
    specked = FromDataset(Dataset(images, digits.labels, digits.classes))
    for box in compose("01234567", 1, model=specked, style=PLAIN).boxes:
        assert box.right - box.left < 0.9 * (box.bottom - box.top)


def test_paper_with_transparent_parts_is_refused(real: FromDataset, tmp_path: Path) -> None:
    """What a transparent digit is laid on, which is black for a bright one, is no paper."""
    Image.new("RGBA", (400, 200), (255, 200, 200, 100)).save(tmp_path / "pale.png")
    with refused(DataError, "pale.png has transparent parts", "paper"):
        compose("1", model=real, style=Style(paper=str(tmp_path)))


def test_paper_that_will_not_do_is_refused(real: FromDataset, tmp_path: Path) -> None:
    with refused(ConfigError, "there is no folder", "paper"):
        compose("1", model=real, style=Style(paper=str(tmp_path / "none")))
    with refused(ConfigError, "holds no picture", "paper"):
        compose("1", model=real, style=Style(paper=str(tmp_path)))
    Image.fromarray(np.full((40, 300), 255, np.uint8)).save(tmp_path / "low.png")
    with refused(
        DataError, r"low.png is 300 x 40 pixels, smaller than the images, which are 64 x 64 at least", "paper"
    ):
        compose("1", model=real, style=Style(paper=str(tmp_path)))
    Image.fromarray(np.full((400, 900), 20, np.uint8)).save(tmp_path / "low.png")
    with refused(DataError, r"low.png is too dark to write on", "paper"):
        compose("1", model=real, style=Style(paper=str(tmp_path)))
    (tmp_path / "low.png").write_bytes(b"no picture")
    with refused(DataError, r"none of the pictures will do\. .*low.png cannot be read", "paper"):
        compose("1", model=real, style=Style(paper=str(tmp_path)))


def test_a_composer_can_be_used_by_threads(real: FromDataset) -> None:
    from concurrent.futures import ThreadPoolExecutor

    texts = [f"{i:04}" for i in range(64)]
    writes = composer(real, Style(), 11)
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(lambda i: writes.write(texts[i : i + 8], i), range(0, 64, 8)))
    whole = compose_many(texts, 11, 0, real, Style())
    assert all(same(a, b) for a, b in zip([n for part in parts for n in part], whole, strict=True))
