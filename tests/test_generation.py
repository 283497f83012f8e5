"""Image i depends on the seed and i, whatever the batch, the shard, the format or the threads."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import digitsmith
from conftest import Told
from digitsmith.data import formats
from digitsmith.errors import ConfigError, DigitsmithError, ModelError, OutputError
from digitsmith.generation.batches import batches, make_dataset, plan
from digitsmith.generation.request import Request
from digitsmith.models.digitnet import digit_net
from digitsmith.models.generator import Model
from digitsmith.models.noise import BLOCK, MAX_INDEX, Span, drawn_labels, noise, spans
from tiny_models import a_model


@pytest.fixture(scope="module")
def model() -> Model:
    return a_model()


@pytest.fixture(scope="module")
def whole(model: Model) -> np.ndarray:
    return model.sample(np.arange(700) % 10, seed=5)


def made(model: Model, request: Request) -> tuple[np.ndarray, np.ndarray]:
    data, _ = make_dataset(model, request)
    return data.images, data.labels


@pytest.mark.parametrize(("start", "count"), [(0, 1), (0, 256), (255, 2), (256, 300), (699, 1), (3, 690)])
def test_any_part_of_a_series_is_the_same(model: Model, whole: np.ndarray, start: int, count: int) -> None:
    part = model.sample(np.arange(start, start + count) % 10, seed=5, start=start)
    np.testing.assert_array_equal(part, whole[start : start + count])


def test_an_image_depends_on_its_own_label_only(model: Model, whole: np.ndarray) -> None:
    labels = np.arange(700) % 10
    labels[1::2] = 0
    np.testing.assert_array_equal(model.sample(labels, seed=5)[::2], whole[::2])


@pytest.mark.parametrize("shards", [1, 2, 3, 7])
@pytest.mark.parametrize("draw", [False, True])
def test_the_shards_together_are_the_whole(model: Model, shards: int, draw: bool) -> None:
    images, labels = made(model, Request(700, seed=5, draw=draw))
    parts = [made(model, Request(700, seed=5, draw=draw, shard=(i, shards))) for i in range(1, shards + 1)]
    np.testing.assert_array_equal(np.concatenate([part[0] for part in parts]), images)
    np.testing.assert_array_equal(np.concatenate([part[1] for part in parts]), labels)
    np.testing.assert_array_equal(images, model.sample(labels, seed=5))


@pytest.mark.parametrize("format", formats.FORMATS)
def test_every_format_holds_the_same_images(model: Model, whole: np.ndarray, format: formats.Format) -> None:
    digitsmith.generate("made", 700, model=model, seed=5, format=format)
    data = formats.read(Path("made"))
    order = np.lexsort((np.arange(700), np.arange(700) % 10)) if format == "png" else np.arange(700)
    np.testing.assert_array_equal(data.images, whole[order])
    np.testing.assert_array_equal(data.labels, order % 10)
    assert data.classes == model.record.classes
    assert Path("made/preview.png").is_file()


def test_labels_are_balanced_chosen_or_drawn(model: Model) -> None:
    assert made(model, Request(20))[1].tolist() == [*range(10), *range(10)]
    assert made(model, Request(5, labels=["7", 2]))[1].tolist() == [7, 2, 7, 2, 7]
    drawn = made(model, Request(3000, labels=[1, 8], draw=True))[1]
    assert set(drawn) == {1, 8}
    assert 1350 < (drawn == 1).sum() < 1650
    assert (drawn[::2] != 1).any()


def test_an_unconditional_model_makes_images_without_labels_and_says_so() -> None:
    model = a_model(classes=())
    assert not model.conditional
    digitsmith.generate("made", 300, model=model)
    data = digitsmith.load_dataset("made")
    assert data.labels is None
    assert data.classes == ()
    assert not Path("made/train-labels-idx1-ubyte").exists()
    assert json.loads(Path("made/dataset.json").read_text())["classes"] == []
    np.testing.assert_array_equal(data.images[100:200], model.sample(count=100, start=100))
    for wrong in ({"labels": [3]}, {"draw": True}):
        with pytest.raises(ModelError, match="is unconditional") as caught:
            digitsmith.generate("other", 3, model=model, **wrong)
        assert caught.value.parameter in wrong
    with pytest.raises(ModelError, match="is unconditional and knows none") as caught:
        model.sample([3])
    assert caught.value.parameter == "labels"


@pytest.mark.parametrize("format", formats.FORMATS)
def test_colour_images_are_generated_in_every_format(format: formats.Format) -> None:
    model = a_model(image_size=(16, 40), channels=3, classes=("0", "1"))
    digitsmith.generate("made", 60, model=model, seed=2, labels=[1], format=format)
    data = formats.read(Path("made"))
    assert data.images.shape == (60, 16, 40, 3)
    np.testing.assert_array_equal(data.images, model.sample([1] * 60, seed=2))
    preview = np.asarray(Image.open("made/preview.png"))
    np.testing.assert_array_equal(preview[4:36:2, 4:84:2], data.images[0])


def test_a_plan_is_carried_out_piece_by_piece_in_any_order_and_process(model: Model) -> None:
    planned = pickle.loads(pickle.dumps(plan(model, Request(700, seed=5, draw=True, shard=(2, 2)))))
    assert len(planned) == 350
    pieces = {span.start: planned.make(model, span) for span in reversed(list(planned.spans()))}
    assert sorted(pieces) == [350, 512]
    images, labels = made(model, Request(700, seed=5, draw=True))
    np.testing.assert_array_equal(np.concatenate([pieces[350].images, pieces[512].images]), images[350:])
    np.testing.assert_array_equal(np.concatenate([pieces[350].labels, pieces[512].labels]), labels[350:])


def test_progress_counts_the_images_that_are_made(model: Model) -> None:
    told = Told()
    expected = [("making images", done, 600) for done in (256, 512, 600)]
    digitsmith.generate("made", 600, model=model, progress=told)
    assert told.updates == expected
    told.updates.clear()
    make_dataset(model, Request(600), told)
    assert told.updates == expected


def test_a_generated_folder_says_where_it_came_from(model: Model) -> None:
    digitsmith.generate("made", 10, model=model, seed=3, shard=(2, 2))
    text = Path("made/dataset.json").read_text()
    assert model.sha256 in text
    assert '"seed": 3' in text
    assert '"first": 5' in text
    assert '"trained_on": "scans"' in text
    digitsmith.generate("some", 10, model=model, labels=[7, "3"], draw=True)
    generated = formats.read_record(Path("some")).generated
    assert (generated.labels, generated.drawn) == (("7", "3"), True)


@pytest.mark.parametrize(
    ("wrong", "error", "parameter", "message"),
    [
        ({"count": 0}, ModelError, "count", "at least one image"),
        ({"count": -5}, ModelError, "count", "at least one image"),
        ({"count": MAX_INDEX + 1}, ModelError, "count", "one seed has images"),
        ({"labels": [10]}, ModelError, "labels", "no label 10; it has 0 1 2"),
        ({"labels": ["seven"]}, ModelError, "labels", "no label 'seven'"),
        ({"labels": [-1]}, ModelError, "labels", "no label -1"),
        ({"labels": []}, ModelError, "labels", "name at least one"),
        ({"count": 1e3}, ConfigError, "count", "1000.0 is no whole number"),
        ({"count": True}, ConfigError, "count", "True is no whole number"),
        ({"labels": 5}, ModelError, "labels", "class names or whole numbers"),
        ({"seed": -1}, ConfigError, "seed", "-1 is out of range"),
        ({"seed": 3.9}, ConfigError, "seed", "3.9 is no whole number"),
        ({"seed": "3"}, ConfigError, "seed", "'3' is no whole number"),
        ({"shard": "1/2"}, ConfigError, "shard", "'1/2' is no pair such as"),
        ({"shard": 3}, ConfigError, "shard", "3 is no pair such as"),
        ({"shard": (1.0, 2)}, ConfigError, "shard", "1.0 is no whole number"),
        ({"split": "val"}, ConfigError, "split", "there is no split 'val'"),
        ({"split": "val", "format": "png"}, ConfigError, "split", "there is no split 'val'"),
        ({"min_confidence": "x"}, ConfigError, "min_confidence", "'x' is no probability"),
        ({"min_confidence": float("nan")}, ConfigError, "min_confidence", "nan is no probability"),
        ({"shard": (0, 2)}, ConfigError, "shard", "counted from 1/2"),
        ({"shard": (3, 2)}, ConfigError, "shard", "counted from 1/2"),
        ({"count": 1, "shard": (1, 2)}, ConfigError, "shard", "is empty"),
        ({"format": "npz", "gzip": True}, ConfigError, "gzip", "npz needs none"),
        ({"min_confidence": 1.0}, ConfigError, "min_confidence", "above 0 and below 1"),
        ({"min_confidence": -0.5}, ConfigError, "min_confidence", "above 0 and below 1"),
        ({"min_confidence": 0.999999, "count": 20}, ModelError, "min_confidence", "lower it, or choose a better model"),
        ({"model": "none.onnx"}, ModelError, "model", "there is no model 'none.onnx'"),
    ],
)
def test_requests_that_cannot_be_met_leave_nothing(
    model: Model, wrong: dict[str, object], error: type[DigitsmithError], parameter: str, message: str
) -> None:
    with pytest.raises(error, match=message) as caught:
        digitsmith.generate("made", **{"count": 3, "model": model} | wrong)
    assert caught.value.parameter == parameter
    assert not caught.value.message.startswith(parameter)
    assert not list(Path().iterdir())


def test_numbers_of_numpy_are_numbers(model: Model) -> None:
    two = np.int64(2)
    digitsmith.generate("made", np.uint16(9), model=model, seed=two, shard=(np.int8(1), two), labels=np.array([7, 1]))
    record = formats.read_record(Path("made")).generated
    assert (record.seed, record.count, record.labels) == (2, 4, ("7", "1"))
    np.testing.assert_array_equal(model.sample([7, 1, 7, 1], seed=2), formats.read(Path("made")).images)
    np.testing.assert_array_equal(model.sample(np.array([1], np.uint8), seed=two, start=np.int32(1), count=np.int64(1)),
                                  model.sample([1], seed=2, start=1))  # fmt: skip
    np.testing.assert_array_equal(model.sample(iter([7, 1])), model.sample([7, 1]))
    sure = digitsmith.generate("sure", 3, min_confidence=np.float32(0.5))
    assert formats.read_record(sure).generated.min_confidence == 0.5


def test_an_unknown_format_leaves_nothing(model: Model) -> None:
    with pytest.raises(OutputError, match="no format 'bmp'"):
        digitsmith.generate("made", 3, model=model, format="bmp")
    assert not list(Path().iterdir())


def test_digits_are_asked_for_by_confidence_only() -> None:
    letters = a_model("letters", classes=tuple("abcdefghij"))
    with pytest.raises(ConfigError, match="the classes of letters are a b") as caught:
        digitsmith.generate("made", 10, model=letters, min_confidence=0.5)
    assert caught.value.parameter == "min_confidence"


def test_an_interrupted_generation_leaves_nothing(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Model, *_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Model, "make", full)
    with pytest.raises(OutputError, match="cannot write made: No space left on device"):
        digitsmith.generate("made", 1000, model=model)
    assert not list(Path().iterdir())


def test_noise_comes_in_blocks_and_has_the_named_distribution() -> None:
    z = noise(1, 0, 5 * BLOCK, 20, "normal")
    np.testing.assert_array_equal(noise(1, 300, 400, 20, "normal"), z[300:700])
    assert z.dtype == np.float32
    assert abs(z.mean()) < 0.03
    assert abs(z.std() - 1) < 0.03
    uniform = noise(1, 0, 5 * BLOCK, 20, "uniform")
    assert uniform.min() >= -1
    assert uniform.max() < 1
    assert abs(uniform.std() - 3**-0.5) < 0.02
    assert not np.array_equal(noise(2, 0, 10, 20, "normal"), z[:10])
    assert list(spans(1, 250, 600)) == [Span(1, 250, 6), Span(1, 256, 256), Span(1, 512, 88)]
    assert [(span.block, span.first) for span in spans(1, 250, 600)] == [(0, 250), (1, 0), (2, 0)]
    choices = np.array([4, 6])
    np.testing.assert_array_equal(drawn_labels(1, 250, 20, choices), drawn_labels(1, 0, 300, choices)[250:270])


def test_the_series_of_a_seed_is_fixed_for_good() -> None:
    """Noise of a release must not change in the next one: users' data sets are to be made again from their seeds."""
    assert noise(7, 1000, 1, 3, "normal")[0].tolist() == pytest.approx([-2.0681429, 1.3228717, 1.8347093])
    assert drawn_labels(7, 1000, 8, np.arange(10)).tolist() == [7, 9, 8, 4, 9, 6, 6, 5]


@pytest.mark.slow
def test_confident_digits_are_all_recognised_as_labelled_and_the_rest_is_made_again() -> None:
    model = digitsmith.load()
    plain, labels = made(model, Request(1000, seed=4))
    chosen, refused = make_dataset(model, Request(1000, seed=4, min_confidence=0.9))
    after, before = digit_net().predict(chosen.images), digit_net().predict(plain)
    assert (after.digits == labels).all()
    assert after.confidence.min() >= 0.9
    same = (chosen.images == plain).all((1, 2))
    np.testing.assert_array_equal(same, (before.digits == labels) & (before.confidence >= 0.9))
    assert refused >= (~same).sum() > 0
    parts = batches(model, plan(model, Request(1000, seed=4, min_confidence=0.9)))
    assert sum(batch.refused for batch in parts) == refused


def test_confident_digits_do_not_depend_on_the_shard() -> None:
    model = digitsmith.load()
    images, _ = made(model, Request(600, seed=4, min_confidence=0.99))
    parts = [made(model, Request(600, seed=4, shard=(i, 3), min_confidence=0.99))[0] for i in (1, 2, 3)]
    np.testing.assert_array_equal(np.concatenate(parts), images)


def test_the_files_say_how_many_were_refused() -> None:
    digitsmith.generate("made", 400, min_confidence=0.9)
    generated = formats.read_record(Path("made")).generated
    assert generated.min_confidence == 0.9
    assert generated.refused == make_dataset(digitsmith.load(), Request(400, min_confidence=0.9))[1] > 0


def test_gzip_is_for_idx() -> None:
    digitsmith.generate("made", 3, model=a_model(), gzip=True)
    assert Path("made/train-images-idx3-ubyte.gz").read_bytes()[:2] == b"\x1f\x8b"
