"""Image i depends on the seed and i, whatever the batch, the shard, the format or the threads."""

import json
from pathlib import Path

import numpy as np
import pytest

import digitsmith
from digitsmith.data import formats
from digitsmith.data.dataset import Dataset
from digitsmith.errors import ConfigError, ModelError, OutputError
from digitsmith.generation import generate as generation
from digitsmith.generation.generate import Request
from digitsmith.models.digitnet import digit_net
from digitsmith.models.generator import Model
from digitsmith.models.noise import BLOCK, MAX_INDEX, drawn_labels, noise
from digitsmith.records.run import Run


@pytest.fixture(scope="module")
def model(micro_run: Run) -> Model:
    return digitsmith.load(micro_run.folder)


@pytest.fixture(scope="module")
def whole(model: Model) -> np.ndarray:
    return model.sample(np.arange(700) % 10, seed=5)


def made(model: Model, request: Request) -> tuple[np.ndarray, np.ndarray]:
    images, labels = zip(*generation.batches(model, request), strict=True)
    return np.concatenate(images), np.concatenate(labels)


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
    parts = [made(model, Request(700, seed=5, draw=draw, shard=(i + 1, shards))) for i in range(shards)]
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
    assert data.classes == model.metadata.classes
    assert Path("made/preview.png").is_file()


def test_labels_are_balanced_chosen_or_drawn(model: Model) -> None:
    assert made(model, Request(20))[1].tolist() == [*range(10), *range(10)]
    assert made(model, Request(5, labels=["7", 2]))[1].tolist() == [7, 2, 7, 2, 7]
    drawn = made(model, Request(3000, labels=[1, 8], draw=True))[1]
    assert set(drawn) == {1, 8}
    assert 1350 < (drawn == 1).sum() < 1650
    assert (drawn[::2] != 1).any()


def test_an_unconditional_model_makes_images_without_labels_and_says_so(micro_gan: Run) -> None:
    model = digitsmith.load(micro_gan.folder)
    assert not model.conditional
    digitsmith.generate("made", 300, model=model)
    data = digitsmith.load_dataset("made")
    assert data.labels is None
    assert data.classes == ()
    assert not Path("made/train-labels-idx1-ubyte").exists()
    assert '"labelled": false' in Path("made/dataset.json").read_text()
    np.testing.assert_array_equal(data.images[100:200], model.sample(count=100, start=100))
    for wrong in ({"labels": [3]}, {"draw": True}):
        with pytest.raises(ModelError, match="is unconditional"):
            digitsmith.generate("other", 3, model=model, **wrong)
    with pytest.raises(ModelError, match="knows no labels"):
        model.sample([3])


def test_a_generated_folder_says_where_it_came_from(model: Model) -> None:
    digitsmith.generate("made", 10, model=model, seed=3, shard=(2, 2))
    text = Path("made/dataset.json").read_text()
    assert model.sha256 in text
    assert '"seed": 3' in text
    assert '"first": 5' in text
    digitsmith.generate("some", 10, model=model, labels=[7, "3"], draw=True)
    about = json.loads(Path("some/dataset.json").read_text())
    assert (about["labels"], about["drawn"]) == (["7", "3"], True)


def test_requests_that_cannot_be_met_leave_nothing(model: Model) -> None:
    for wrong, error, message in [
        ({"count": 0}, ModelError, "at least one image"),
        ({"count": -5}, ModelError, "at least one image"),
        ({"count": MAX_INDEX + 1}, ModelError, "one seed has images"),
        ({"count": 3, "labels": [10]}, ModelError, "no label 10. Its labels: 0 1 2"),
        ({"count": 3, "labels": ["seven"]}, ModelError, "no label 'seven'"),
        ({"count": 3, "labels": [-1]}, ModelError, "no label -1"),
        ({"count": 3, "labels": []}, ModelError, "no label is asked for"),
        ({"count": 3, "seed": -1}, ConfigError, "seed -1"),
        ({"count": 3, "shard": (0, 2)}, ConfigError, "counted from 1/2"),
        ({"count": 3, "shard": (3, 2)}, ConfigError, "counted from 1/2"),
        ({"count": 1, "shard": (1, 2)}, ConfigError, "is empty"),
        ({"count": 3, "format": "bmp"}, OutputError, "no format 'bmp'"),
    ]:
        with pytest.raises(error, match=message):
            digitsmith.generate("made", model=model, **wrong)
        assert not list(Path().iterdir())


def test_an_interrupted_generation_leaves_nothing(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Model, *_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Model, "block", full)
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
    choices = np.array([4, 6])
    np.testing.assert_array_equal(drawn_labels(1, 250, 20, choices), drawn_labels(1, 0, 300, choices)[250:270])


def test_the_series_of_a_seed_is_fixed_for_good() -> None:
    """Noise of a release must not change in the next one: users' data sets are to be made again from their seeds."""
    assert noise(7, 1000, 1, 3, "normal")[0].tolist() == pytest.approx([-2.0681429, 1.3228717, 1.8347093])
    assert drawn_labels(7, 1000, 8, np.arange(10)).tolist() == [7, 9, 8, 4, 9, 6, 6, 5]


def test_confident_digits_are_all_read_as_labelled_and_the_rest_is_made_anew() -> None:
    model = digitsmith.load()
    plain, labels = made(model, Request(1000, seed=4))
    refusals: list[int] = []
    chosen = list(generation.batches(model, Request(1000, seed=4, min_confidence=0.9), refusals.append))
    images = np.concatenate([batch for batch, _ in chosen])
    readings = digit_net().read(images)
    assert (readings.digits == labels).all()
    assert readings.confidence.min() >= 0.9
    same = (images == plain).all((1, 2))
    before = digit_net().read(plain)
    np.testing.assert_array_equal(same, (before.digits == labels) & (before.confidence >= 0.9))
    assert sum(refusals) >= (~same).sum() > 0


def test_confident_digits_do_not_depend_on_the_shard() -> None:
    model = digitsmith.load()
    images, _ = made(model, Request(600, seed=4, min_confidence=0.99))
    parts = [made(model, Request(600, seed=4, shard=(i, 3), min_confidence=0.99))[0] for i in (1, 2, 3)]
    np.testing.assert_array_equal(np.concatenate(parts), images)


def test_the_files_say_how_many_were_refused() -> None:
    header = generation.generate(digitsmith.load(), Path("made"), Request(400, min_confidence=0.9))
    about = json.loads(Path("made/dataset.json").read_text())
    assert about["min_confidence"] == 0.9
    assert about["refused"] == header.generated.refused > 0


def test_a_confidence_that_cannot_be_had_is_refused(micro_run: Run, digits: Dataset) -> None:
    with pytest.raises(ConfigError, match="above 0 and below 1"):
        digitsmith.generate("made", 10, min_confidence=1.0)
    with pytest.raises(ModelError, match="lower --min-confidence"):  # a second of training makes few sure digits
        digitsmith.generate("made", 2000, model=micro_run.folder, min_confidence=0.999999)
    letters = Dataset(digits.images, digits.labels, tuple("abcdefghij"))
    changes = ["generator.hidden=[8]", "discriminator.hidden=[8]", "epochs=1"]
    run = digitsmith.train("cgan", letters, "letters", changes=changes).run
    with pytest.raises(ConfigError, match="reads digits; the classes of letters are a b"):
        digitsmith.generate("made", 10, model=run.folder, min_confidence=0.5)
    assert not Path("made").exists()
