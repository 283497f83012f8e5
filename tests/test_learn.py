"""Readers: what they learn from, what they promise, what they refuse, and what is said of files."""

import csv
import dataclasses
import json
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import digitsmith
from conftest import refused
from digitsmith.cli import main
from digitsmith.data import formats
from digitsmith.data.assemble import fit
from digitsmith.data.dataset import Dataset
from digitsmith.data.images.grid import png_text
from digitsmith.errors import ConfigError, DataError, ModelError, OutputError, RunError
from digitsmith.figures.curves import learning_history
from digitsmith.models.reader import Reader
from digitsmith.progress import Silent
from digitsmith.records.base import DataRecord, ReadOptions
from digitsmith.records.reader import Calibration, ReaderRecord
from digitsmith.records.results import load_result
from digitsmith.report.learned import hardest_images
from digitsmith.training.readers import learn as learning
from digitsmith.training.readers import mixing
from digitsmith.training.readers.classifier import Recipe
from digitsmith.training.readers.classifier_training import Extras
from digitsmith.training.readers.consistency import consistency_loss, pseudo_labels
from digitsmith.training.readers.gather import Given, gather
from digitsmith.training.readers.learn import Learned, _gives_away
from digitsmith.training.readers.negatives import negatives
from digitsmith.training.readers.teaching import Taught, teach

SMALL = dataclasses.replace(mixing.RECIPE, layers=((16, 2), (32, 2), (64, 1)), epochs=4, lr=1e-2)
"""Learns to read digits in seconds."""

TINY = dataclasses.replace(SMALL, layers=((8, 4), (16, 2)), epochs=2)
"""Learns little, for what readers have in common, however well they read."""


def held_back() -> Dataset:
    """Images that no training sees."""
    return digitsmith.load_dataset("digits", "test", **learning.USUAL.model_dump(exclude_defaults=True))


def set_recipe(patch: pytest.MonkeyPatch, recipe: Recipe, images: int) -> None:
    """Let readers learn by a recipe, from so many images in an epoch."""
    patch.setattr(mixing, "RECIPE", recipe)
    patch.setattr(mixing, "MANY", dataclasses.replace(recipe, softness=mixing.MANY.softness))
    patch.setattr(mixing, "IMAGES", images)
    patch.setattr(mixing, "GENERATED", 300)
    patch.setattr(mixing, "EPOCHS_WITH_UNLABELLED", 2)


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    set_recipe(monkeypatch, TINY, 320)


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Learned:
    with pytest.MonkeyPatch.context() as patch:
        set_recipe(patch, SMALL, 9600)
        return digitsmith.learn("digits", tmp_path_factory.mktemp("readers") / "reader", progress=False)


def test_a_reader_reads_what_it_never_saw_and_says_how_well(learned: Learned) -> None:
    record, test = learned.reader.record, held_back()
    assert test.labels is not None
    readings = learned.reader.read(test.images)
    right = readings.labels == test.labels
    assert right.mean() > 0.9
    assert [(one.title, one.images) for one in record.measured] == [
        ("held out of the training images", 287), ("test split", 359)
    ]  # fmt: skip
    assert record.measured[1].accuracy == pytest.approx(right.mean(), abs=1e-6)
    assert right[readings.accepted].mean() >= right.mean()
    assert set(readings.verdicts) <= {"read", "unsure", "two candidates", "no digit"}
    assert (readings.probabilities.sum(1) <= 1 + 1e-5).all()
    assert record.training is not None
    assert record.training.labelled == 1438
    assert record.training.unlabelled == 0
    assert record.training.generated is None  # more than a hundred of each class
    loaded = digitsmith.load_reader(learned.folder)
    assert (loaded.read(test.images).probabilities == readings.probabilities).all()
    assert pickle.loads(pickle.dumps(loaded)).sha256 == learned.reader.sha256


def test_no_digit_is_told_from_digits(learned: Learned, digits: Dataset) -> None:
    random = np.random.default_rng(1)
    noise = random.integers(0, 256, (50, 28, 28), np.uint8)
    assert np.mean([verdict == "read" for verdict in learned.reader.read(noise).verdicts]) < 0.2
    assert learned.reader.read(np.zeros((3, 40, 30), np.uint8)).verdicts == ["empty"] * 3
    assert len(learned.reader.read(np.zeros((0, 28, 28), np.uint8))) == 0


def test_images_of_any_size_are_framed_as_the_readers_own(learned: Learned) -> None:
    test = held_back()
    larger = test.resize((56, 56))
    shifted = np.pad(larger.images, ((0, 0), (30, 4), (2, 40)))
    same = learned.reader.read(shifted).labels == learned.reader.read(test.images).labels
    assert same.mean() > 0.94
    colour = np.repeat((255 - shifted)[..., None], 3, 3)  # black on white paper
    assert (learned.reader.read(colour).labels == learned.reader.read(shifted).labels).mean() > 0.9


def test_crisp_digits_are_digits_to_a_reader_of_soft_scans(learned: Learned) -> None:
    """Without softer and crisper images in training, as few as 11 % were, and the others were no digit to it."""
    crisp = digitsmith.load().sample([i % 10 for i in range(500)], seed=3)
    assert learned.reader.read(crisp).accepted.mean() > 0.25


def test_an_error_is_promised_by_held_out_images(learned: Learned) -> None:
    record = learned.reader.record
    assert [one.images for one in record.calibration] == [
        round(0.2 * n) for n in np.bincount(digitsmith.load_dataset("digits").labels)
    ]
    test = held_back()
    shares = []
    for error in (0.05, 0.1, 0.5):
        readings = learned.reader.read(test.images, error=error)
        wrong = readings.accepted & (readings.labels != test.labels)
        assert wrong.mean() <= error
        shares.append(readings.accepted.mean())
    assert shares == sorted(shares)  # who accepts more errors gets more answers
    assert learned.reader.read(test.images).accepted.mean() > 0.6
    with refused(
        ConfigError, "0.001 cannot be promised by .*: .* held-out images of class . allow no error under 1 in", "error"
    ):
        learned.reader.read(np.zeros((1, 28, 28), np.uint8), error=0.001)
    with refused(ConfigError, "no share of wrong answers", "error"):
        learned.reader.thresholds(2)


def test_thresholds_are_those_of_split_conformal_prediction() -> None:
    def record_of(scores: np.ndarray) -> ReaderRecord:
        one = Calibration(images=len(scores), lowest=tuple(sorted(scores.tolist())))
        return ReaderRecord(classes=("a", "b"), image_size=(28, 28), calibration=(one, one))

    record = record_of(np.arange(99) / 100)
    for error, rank in ((0.01, 1), (0.05, 5), (0.1, 10), (0.9, None)):
        assert record.thresholds(error) == (0.5 if rank is None else (rank - 1) / 100,) * 2
    for images in range(1, 200):  # whatever the number, there is a default
        assert record_of(np.full(images, 0.3)).thresholds() == (0.3, 0.3)
        assert record_of(np.full(images, 0.3)).thresholds(1 / (images + 1)) == (0.3, 0.3)
    random = np.random.default_rng(0)
    missed = []  # of exchangeable scores, a share of at most `error` is lower than the threshold
    for _ in range(500):
        scores = random.random(100) / 2
        missed.append(scores[99] < record_of(scores[:99]).thresholds(0.1)[0])
    assert np.mean(missed) == pytest.approx(0.1, abs=0.04)
    with pytest.raises(ValueError, match="at least 1"):
        Calibration(images=9, lowest=())


def test_only_drawn_labels_are_looked_at(few: Path) -> None:
    data = digitsmith.load_dataset(few)
    assert data.labels is not None
    first = digitsmith.learn(few, "first", per_class=3, generated="none", progress=False).reader
    assert first.record.training is not None
    drawn = list(first.record.training.drawn)
    assert np.bincount(data.labels[drawn]).tolist() == [3] * 10
    assert first.record.training.unlabelled == len(data) - 30
    assert first.record.calibration == ()
    hidden = np.full(len(data), -1)
    hidden[drawn] = data.labels[drawn]
    formats.write(Dataset(data.images, hidden, data.classes), Path("hidden"), "npz")
    second = digitsmith.learn("hidden", "second", generated="none", progress=False).reader
    test = digitsmith.load_dataset("digits", "test").images
    assert (first.read(test).probabilities == second.read(test).probabilities).all()


@pytest.mark.slow
def test_unlabelled_images_of_another_source_are_used(digits: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    set_recipe(monkeypatch, SMALL, 1280)
    monkeypatch.setattr(mixing, "TRUSTED", 0.2)  # of trainings of seconds
    formats.write(digits.take(slice(0, 100)), Path("some"), "npz")
    formats.write(Dataset(digits.images[100:300]), Path("bare"), "npz")
    training = digitsmith.learn("some", "reader", unlabelled="bare", progress=False).reader.record.training
    assert training is not None
    assert (training.labelled, training.unlabelled) == (100, 200)
    assert training.unlabelled_data is not None
    assert training.unlabelled_data.source == "bare"
    assert training.generated is not None  # few, and the box's digits are of their kind
    assert training.generated.images == 300


def test_unlabelled_images_are_none_of_those_that_are_held_out_or_tested_on(digits: Dataset) -> None:
    with refused(DataError, "all of these images are held out, or tested on", "unlabelled"):
        gather("digits", "digits:test", 5, 0, learning.USUAL, Silent())
    known, tested = fit(digits.images[:30], learning.USUAL, "digits"), held_back().images[:20]
    formats.write(Dataset(np.concatenate([tested, known])), Path("mixed"), "npz")
    given = gather("digits", "mixed", 5, 0, learning.USUAL, Silent())
    assert given.unlabelled_data is not None
    assert given.unlabelled_data.images == 30
    assert given.unlabelled is not None
    assert (given.unlabelled[-30:] == known).all()


def test_an_array_of_unlabelled_images_cannot_be_named(digits: Dataset) -> None:
    np.savez("two.npz", scans=digits.images[:5], others=digits.images[:5])
    with refused(DataError, "several arrays .* Here that cannot be said", "unlabelled"):
        gather("digits", "two.npz", 5, 0, learning.USUAL, Silent())


def test_unlabelled_images_of_another_kind_are_said(digits: Dataset) -> None:
    formats.write(digits.take(slice(0, 100)), Path("some"), "npz")
    noise = np.random.default_rng(0).integers(0, 256, (100, 28, 28), np.uint8)
    formats.write(Dataset(noise), Path("noise"), "npz")
    notes: list[str] = []

    class Listener(Silent):
        def note(self, text: str) -> None:
            notes.append(text)

    digitsmith.learn("some", "reader", unlabelled="noise", generated="none", progress=Listener())
    assert any("of the unlabelled images: they may" in note for note in notes)


def test_a_model_that_saw_the_hidden_labels_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    model = digitsmith.load()
    assert model.record.training is not None
    monkeypatch.setattr(Dataset, "sha256", lambda _: model.record.training.data.sha256)
    with refused(ConfigError, "would give the others away", "generated"):
        digitsmith.learn("digits", "reader", per_class=2, generated="mnist", progress=False)
    assert not Path("reader").exists()


@pytest.mark.parametrize("unlabelled", [False, True])
def test_a_model_that_saw_hidden_labels_is_no_helper(digits: Dataset, unlabelled: bool) -> None:
    ten, mnist, qmnist = (
        Dataset(digits.images[:10]).record(name, ReadOptions()) for name in ("ten", "mnist", "qmnist")
    )
    model = digitsmith.load().record.training
    assert model is not None

    def gives_away(hidden: DataRecord, drawn: tuple[int, ...]) -> bool:
        data, more = (ten, hidden) if unlabelled else (hidden, None)
        given = Given(digits.take(slice(0, 10)), None, digits.images, () if unlabelled else drawn, None, data, more)
        return _gives_away(model, given, 0)

    assert gives_away(mnist, (1, 2))
    assert gives_away(qmnist, (1, 2))  # the same scans
    assert not gives_away(ten.model_copy(update={"sha256": "0" * 64, "source": "mine"}), (1, 2))
    if not unlabelled:
        assert not gives_away(mnist, ())  # all labels are used: none is hidden


def test_what_nothing_can_be_learned_from(digits: Dataset) -> None:
    formats.write(Dataset(digits.images[:50]), Path("bare"), "npz")
    with refused(DataError, "bare has no labels", "data"):
        digitsmith.learn("bare", "reader", progress=False)
    with refused(DataError, "128 is more than the 127 images of class 8", "per_class"):
        digitsmith.learn("digits", "reader", per_class=128, progress=False)
    with refused(ConfigError, "use at least one image of each class", "per_class"):
        digitsmith.learn("digits", "reader", per_class=0, progress=False)
    only = np.zeros(20, np.int64)
    formats.write(Dataset(digits.images[:20], only, ("7",)), Path("one"), "npz")
    with refused(DataError, "nothing to tell apart", "data"):
        digitsmith.learn("one", "reader", progress=False)
    assert not Path("reader").exists()


def test_readers_and_generators_are_told_apart(learned: Learned, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is a reader, which reads digits"):
        digitsmith.load(learned.folder / "reader.onnx")
    path = tmp_path / "model.onnx"
    path.write_bytes(digitsmith.load().content)
    with pytest.raises(ModelError, match="is a generator, which makes digits"):
        digitsmith.load_reader(path)
    with refused(ModelError, "there is no reader nowhere", "reader"):
        digitsmith.load_reader("nowhere")


def test_files_are_read_one_by_one_and_bad_ones_are_named(learned: Learned, digits: Dataset) -> None:
    folder = Path("scans")
    folder.mkdir()
    for i, image in enumerate(digits.images[:12]):
        Image.fromarray(255 - image).save(folder / f"{i}.png")
    (folder / "bad.png").write_bytes(b"no picture")
    answers = []
    count = digitsmith.read(
        folder, learned.reader, csv_file=Path("a.csv"), json_file=Path("a.jsonl"), sheet=Path("sheet.png"),
        told=answers.append, progress=False,
    )  # fmt: skip
    assert count.verdicts.total() == 13
    assert count.verdicts["unreadable"] == 1
    assert digits.labels is not None
    names = [f"scans/{i}.png" for i in range(12)]
    by_name = {answer.name: answer for answer in answers}
    right = [
        by_name[name].likeliest == digits.classes[label] for name, label in zip(names, digits.labels, strict=False)
    ]
    assert sum(right) >= 10
    rows = list(csv.DictReader(Path("a.csv").open()))
    assert [row["file"] for row in rows] == [*names, "scans/bad.png"]
    lines = [json.loads(line) for line in Path("a.jsonl").read_text().splitlines()]
    assert [line["label"] for line in lines] == [row["label"] for row in rows]
    assert lines[-1]["verdict"] == "unreadable"
    assert lines[-1]["error"]
    assert [line["error"] for line in lines[:-1]] == [""] * 12
    with Image.open("sheet.png") as sheet:
        assert sheet.mode == "RGB"


def test_claims_are_verified(learned: Learned) -> None:
    count = digitsmith.read("digits:test", learned.reader, verify="7", progress=False)
    assert count.labelled == 359
    assert 20 < count.confirmed < 50
    assert count.confirmed + count.denied == count.verdicts["read"]
    assert count.accepted_right / count.accepted >= count.right / count.labelled
    with refused(ConfigError, "x: .* knows no such label", "verify"):
        digitsmith.read("digits:test", learned.reader, verify="x", progress=False)


def test_what_a_network_is_sure_of_teaches_it(digits: Dataset) -> None:
    def logits_of(images: torch.Tensor) -> torch.Tensor:
        logits = torch.zeros(len(images), 3)
        logits[:2, 1] = 10.0  # sure of the first two only
        return logits

    shares = torch.full((3,), 1 / 3)
    labels, sure = pseudo_labels(logits_of, torch.zeros(4, 1, 28, 28), shares, 3)
    assert labels[:2].tolist() == [1, 1]
    assert sure.tolist() == [1, 1, 0, 0]
    assert shares.tolist() == pytest.approx([1 / 3 - 1 / 600, 1 / 3 + 2 / 600, 1 / 3 - 1 / 600], abs=1e-5)
    logits = torch.tensor([[0.0, 0.0, 0.0]] * 4)
    assert consistency_loss(logits, labels, sure).item() == pytest.approx(np.log(3) / 2)


def test_a_class_that_a_network_prefers_is_held_back() -> None:
    """Distribution alignment: the preferred class loses its lead, and an output that is not aligned keeps its share."""
    shares = torch.tensor([0.89, 0.01, 0.1])

    def logits_of(images: torch.Tensor) -> torch.Tensor:
        return torch.tensor([[0.6, 0.3, 0.1], [0.05, 0.05, 0.9]]).log()

    labels, _ = pseudo_labels(logits_of, torch.zeros(2, 1, 28, 28), shares, 2)
    assert labels.tolist() == [1, 2]


def test_a_killed_training_goes_on_from_its_checkpoint(digits: Dataset) -> None:
    data = digits.take(slice(0, 640))
    extras = Extras(unlabelled=digits.images[640:800], per_step=32, refuses=True)

    def taught(place: str, progress: Silent) -> Taught:
        return teach(data, SMALL, 1, extras, Path(place), progress, work="learning")

    whole = taught("whole", Silent())

    class Killed(Silent):
        def update(self, work: str, done: int, total: int, detail: str = "") -> None:
            if done == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        taught("state", Killed())
    resumed = taught("state", Silent())
    for name, value in whole.classifier.state_dict().items():
        assert torch.equal(value, resumed.classifier.state_dict()[name]), name
    assert (resumed.losses, resumed.sure) == (whole.losses, whole.sure)
    assert len(whole.losses) == SMALL.epochs
    with pytest.raises(RunError, match=r"state was made in another way.*remove it to begin again"):
        teach(data, SMALL, 1, dataclasses.replace(extras, per_step=64), Path("state"), Silent(), work="learning")
    Path("state").write_bytes(b"damaged")
    with pytest.raises(RunError, match="remove it to begin again"):
        taught("state", Silent())


def test_generated_digits_are_tried_once(few: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[bool] = []
    monkeypatch.setattr(learning, "classifier_of", lambda *_: None)
    for fits in (True, False):
        monkeypatch.setattr(learning, "trusts", lambda *_, fits=fits: tried.append(fits) or fits)
        out = f"fits-{fits}"
        for _ in range(2):
            with pytest.raises(KeyboardInterrupt):
                digitsmith.learn(few, out, per_class=4, progress=Stopping())
    assert tried == [True, False]


class Stopping(Silent):
    """Stops a training in its first epoch."""

    def update(self, work: str, done: int, total: int, detail: str = "") -> None:
        if work == "learning to read":
            raise KeyboardInterrupt


def test_a_stopped_learning_goes_on_with_the_same_command(few: Path) -> None:
    class Impatient(Silent):
        def update(self, work: str, done: int, total: int, detail: str = "") -> None:
            if work == "learning to read" and done == 1:
                raise KeyboardInterrupt

    whole = digitsmith.learn(few, "whole", per_class=4, generated="none", progress=False).reader
    with pytest.raises(KeyboardInterrupt):
        digitsmith.learn(few, "cut", per_class=4, generated="none", progress=Impatient())
    assert sorted(path.name for path in Path("cut").iterdir()) == ["plan.json", "state.safetensors"]
    with refused(OutputError, r"a reader in training, of other images or settings \(per_class, unlabelled\)", "out"):
        digitsmith.learn(few, "cut", per_class=5, generated="none", progress=False)
    with refused(ModelError, "cut holds a reader that has not learned yet: go on with", "reader"):
        digitsmith.load_reader("cut")
    with refused(ModelError, "cut holds a reader, which makes no digits: give it to"):
        digitsmith.load("cut")
    resumed = digitsmith.learn(few, "cut", per_class=4, generated="none", progress=False).reader
    assert resumed.record.graph_sha256 == whole.record.graph_sha256
    assert sorted(path.name for path in Path("cut").iterdir()) == ["learning.json", "reader.onnx"]
    with pytest.raises(OutputError, match="exists and is not empty"):
        digitsmith.learn(few, "cut", per_class=4, generated="none", progress=False)


def test_images_of_no_digit_are_images(digits: Dataset) -> None:
    torch.manual_seed(0)
    images = torch.tensor(digits.images[:200], dtype=torch.float32)[:, None] / 127.5 - 1
    made = negatives(images)
    assert made.shape == images.shape
    assert made.min() >= -1
    assert made.max() <= 1
    assert not (made == images).flatten(1).all(1).any()
    assert made.flatten(1).std(1).min() > 0.01


def test_a_reader_needs_a_reader_file(learned: Learned) -> None:
    content = learned.reader.content
    with pytest.raises(ModelError, match="no ONNX file"):
        Reader("cut", content[: len(content) // 2])


def test_pictures_that_are_not_of_the_hardest_images_are_left_out(learned: Learned) -> None:
    tested = learned.result.tested
    assert tested is not None
    assert [one for _, one in hardest_images(tested)] == list(tested.hardest)
    for size in ((100, 100), (62, 602), (3, 3)):  # of no cells; of two rows of them; too small
        odd = png_text(np.zeros(size, np.uint8))
        shown = hardest_images(tested.model_copy(update={"picture": odd, "hardest": tested.hardest[:21]}))
        assert bool(shown) == (size == (62, 602))
    broken = tested.picture[:200] + "A" * 40 + tested.picture[240:]
    with pytest.raises(ValueError, match="no PNG, or not whole"):
        type(tested).model_validate(tested.model_dump() | {"picture": broken})


def test_the_curve_of_self_training_stands_by_itself(learned: Learned) -> None:
    result = learned.result.model_copy(update={"losses": (3.0, 2.0, 1.0, 0.5), "sure": (0.1, 0.9)})
    history = {name: [values.tolist() for values in pair] for name, pair in learning_history(result).items()}
    assert history == {
        "loss": [[1, 2], [3.0, 2.0]],
        "again": [[3, 4], [1.0, 0.5]],
        "sure": [[1, 2], [0.1, 0.9]],
    }
    assert list(learning_history(learned.result)) == ["loss"]


def test_a_report_shows_what_became_of_a_learning(learned: Learned) -> None:
    result = load_result(learned.folder / "learning.json")
    assert result == learned.result
    assert len(learned.result.losses) == SMALL.epochs
    assert learned.result.losses[-1] < learned.result.losses[0]
    tested, test = learned.result.tested, held_back()
    assert tested is not None
    assert test.labels is not None
    readings = learned.reader.read(test.images)
    assert np.array(tested.counts).sum(1).tolist() == np.bincount(test.labels).tolist()
    assert np.trace(np.array(tested.counts)) == (readings.labels == test.labels).sum()
    assert tested.accepted_right == (readings.accepted & (readings.labels == test.labels)).sum()
    assert tested.hardest[0].read != tested.hardest[0].truth
    page = digitsmith.write_report(learned.folder).read_text()
    assert page == (learned.folder / "report.html").read_text()
    assert "The hardest images" in page
    captions = re.findall(r"<figcaption>(.+?)</figcaption>", page, re.DOTALL)
    assert len(captions) == len(tested.hardest) + 1  # and the curve of its training
    first = tested.hardest[0]
    assert captions[0].split() == [first.read, f"({first.probability:.2f})<br>", "label", first.truth]
    assert f"{100 * learned.result.measured[-1].accuracy:.2f} %" in page
    assert "digitsmith learn" in page


def test_what_is_read_is_not_written_over(learned: Learned, digits: Dataset) -> None:
    Image.fromarray(digits.images[0]).save("scan.png")
    before = Path("scan.png").read_bytes()
    with refused(OutputError, r"scan.png is read, or written already"):
        digitsmith.read("scan.png", learned.reader, sheet="scan.png", progress=False)
    with refused(OutputError, r"a is read, or written already"):
        digitsmith.read("scan.png", learned.reader, csv_file="a", json_file="a", progress=False)
    assert Path("scan.png").read_bytes() == before
    assert not Path("a").exists()
    Path("scans/more").mkdir(parents=True)
    Image.fromarray(digits.images[0]).save("scans/more/0.png")
    for place in ("scans/more/0.png", "scans/sheet.png"):  # which would be read the next time
        with refused(OutputError, f"{place} would lie among the images that are read"):
            digitsmith.read("scans", learned.reader, sheet=place, progress=False)
    with refused(ConfigError, "s.jpg: a sheet is a PNG file", "sheet"):
        digitsmith.read("scans", learned.reader, sheet="s.jpg", progress=False)
    digitsmith.read("scans", learned.reader, csv_file="scans/answers.csv", sheet="sheet.png", progress=False)
    assert Path("scans/more/0.png").read_bytes() == before


def test_all_labelled_images_are_seen(digits: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    assert digits.labels is not None
    by_class = digits.take(np.argsort(digits.labels, kind="stable"))  # as folders of classes come
    made = digits.take(slice(0, 300))
    monkeypatch.setattr(mixing, "IMAGES", 1280)
    for shown in (mixing.one_epoch(by_class, seed=1), mixing.all_of(by_class, [made], seed=1)):
        assert shown.labels is not None
        counts = np.bincount(shown.labels)
        assert counts.min() > 0.7 * counts.max()


def test_the_commands_learn_read_and_study(capsys: pytest.CaptureFixture[str], digits: Dataset, few: Path) -> None:
    def command(*words: str) -> str:
        with pytest.raises(SystemExit) as ended:
            main(list(words))
        assert ended.value.code == 0
        return capsys.readouterr().out

    said = command("learn", "reader", "--data", "digits", "--epochs", "2")
    assert "Learned from 1,151 labelled and 0 unlabelled images; 287 labelled ones were held out" in said
    assert "digitsmith read IMAGES --reader reader" in said
    Image.fromarray(255 - digits.images[0]).save("scan.png")
    said = command("read", "scan.png", "digits:test", "--reader", "reader", "--verify", "0", "--csv", "a.csv")
    assert "of 360 images read" in said
    assert "Of 359 with a label" in said
    assert {row["shows"] for row in csv.DictReader(Path("a.csv").open())} <= {"yes", "no", ""}
    said = command("study", "labels", str(few), "--per-class", "2", "--seeds", "2")
    assert "what helps beside few real examples" in " ".join(said.split())  # lines end where the terminal does
    assert "unlabelled:" in said
    assert Path("labels-few/scarce.json").is_file()
