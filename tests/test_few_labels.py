"""A labelled generator from few labels: no other label has a part in it, and it goes on where it was."""

import dataclasses
import json
import shutil
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import digitsmith
from conftest import MICRO, leave_weights_only, micro, refused
from digitsmith.cli import main
from digitsmith.data.dataset import Dataset
from digitsmith.errors import ConfigError, DataError, RunError
from digitsmith.models.reader import VERDICTS, Reader, Readings
from digitsmith.progress import Silent
from digitsmith.records.run import Run
from digitsmith.training.readers import mixing
from runs import contents

SMALL = dataclasses.replace(mixing.RECIPE, layers=((8, 4), (16, 2)), epochs=1, lr=1e-2)


def make_small(patch: pytest.MonkeyPatch) -> None:
    """Readers of a second, and generators without files."""
    patch.setattr(mixing, "RECIPE", SMALL)
    patch.setattr(mixing, "MANY", dataclasses.replace(mixing.MANY, layers=SMALL.layers))
    patch.setattr(mixing, "IMAGES", 320)
    patch.setattr(mixing, "GENERATED", 100)
    patch.setattr(mixing, "EPOCHS_WITH_UNLABELLED", 2)
    leave_weights_only(patch)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    make_small(monkeypatch)


def trained(data: Any, out: str | Path, **more: Any) -> Run:
    changes = [*MICRO, *more.pop("changes", ())]
    return digitsmith.train("cgan", data, out, changes=changes, **{"progress": False, "per_class": 3, **more}).run


@pytest.fixture(scope="module")
def whole(few: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished run."""
    with pytest.MonkeyPatch.context() as patch:
        make_small(patch)
        return trained(few, tmp_path_factory.mktemp("runs") / "whole")


@pytest.fixture
def learned(whole: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reader of that run in place of any that would learn."""

    def learn_from(_: Any, folder: Path, **__: Any) -> Any:
        shutil.copytree(whole.reader, folder)
        return SimpleNamespace(reader=digitsmith.load_reader(folder))

    monkeypatch.setattr("digitsmith.training.gans.few_labels.learn_from", learn_from)


class Listener(Silent):
    """Presses Ctrl-C when it is told of a work, and remembers the notes."""

    def __init__(self) -> None:
        self.stop_at, self.notes = "", list[str]()

    def update(self, work: str, done: int, total: int, detail: str = "") -> None:
        if work == self.stop_at:
            self.stop_at = ""
            signal.raise_signal(signal.SIGINT)

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.mark.slow
def test_no_label_but_the_drawn_ones_has_any_effect(digits: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("digitsmith.training.gans.setup.most_styles", lambda _: 2)
    monkeypatch.setattr("digitsmith.training.gans.styles.most_styles", lambda _: 2)
    monkeypatch.setattr("digitsmith.training.gans.styles.digit_net", None)  # it has learned from labels
    changes = [*micro("residual"), "styles=2", "epochs=1"]
    some = digits.take(slice(0, 250)).resize((20, 20))
    coloured = np.repeat(some.images[..., None], 3, 3)
    assert some.labels is not None

    def run_of(labels: np.ndarray, out: str) -> tuple[Run, Reader]:
        data = Dataset(coloured, labels, some.classes)
        run = digitsmith.train("residual", data, out, changes=changes, per_class=3, progress=False).run
        return run, digitsmith.load_reader(run.reader)

    first, reader = run_of(some.labels, "first")
    assert reader.record.training is not None
    drawn = list(reader.record.training.drawn)
    assert np.bincount(some.labels[drawn]).tolist() == [3] * 10
    order = np.random.default_rng(0).permutation(len(some)).tolist()  # in which labels are drawn
    later = order[max(order.index(place) for place in drawn) + 1 :]
    shuffled = some.labels.copy()
    shuffled[later] = np.random.default_rng(1).permutation(shuffled[later])
    assert (shuffled != some.labels).sum() > 75
    second, other = run_of(shuffled, "second")
    assert second.read_record().data.sha256 != first.read_record().data.sha256
    assert other.record.training is not None
    assert list(other.record.training.drawn) == drawn
    assert other.record.graph_sha256 == reader.record.graph_sha256
    assert contents(second) == contents(first)
    assert second.real.read_bytes() == first.real.read_bytes()  # which is arranged by labels

    assert (reader.record.image_size, reader.record.channels, reader.record.frame) == ((28, 28), 1, "mnist")
    assert first.read_record().data.sha256 == Dataset(coloured, some.labels, some.classes).sha256()
    assert "digitsmith learn" not in digitsmith.write_report(first.reader).read_text()  # of data without a name
    with refused(DataError, "trained on a data set in memory", "data"):
        digitsmith.train(out=first.folder, resume=True)


def test_its_digits_teach_a_reader_of_the_same_labels_and_no_other(few: Path, whole: Run) -> None:
    model = digitsmith.export(whole.folder, "model.onnx")

    def learn(**asked: Any) -> Reader:
        return digitsmith.learn(few, "again", generated="model.onnx", epochs=1, progress=False, **asked).reader

    for asked in ({"per_class": 2}, {"per_class": 3, "seed": 1}):
        with refused(ConfigError, "with labels that are not to be used", "generated"):
            learn(**asked)
    training = learn(per_class=3).record.training
    assert training is not None
    assert training.generated is not None
    assert training.generated.sha256 == model.sha256


@pytest.mark.slow
def test_a_run_goes_on_wherever_it_was_stopped(few: Path, whole: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run, listener = Run(Path("run")), Listener()

    def killed_at(place: str, **more: Any) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(f"digitsmith.training.gans.{place}", lambda *_, **__: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                trained(few, "run", progress=listener, **more)

    def stopped_at(work: str) -> None:
        listener.stop_at = work
        outcome = digitsmith.train(out="run", resume=True, progress=listener)
        assert (outcome.finished, run.read_record().state) == (False, "interrupted")
        assert run.checkpoint.exists() == (work == "training")
        assert digitsmith.write_report("run").is_file()
        with refused(RunError, "per_class: 3 in the run, 4 now"):
            digitsmith.train(out="run", per_class=4, resume=True, progress=False)

    killed_at("few_labels.learn_from")
    assert run.read_record().state == "training"
    stopped_at("learning to read")
    killed_at("train.train_epochs", resume=True)
    stopped_at("training")
    outcome = digitsmith.train(out="run", resume=True, progress=listener)
    assert outcome.finished
    assert contents(run) == contents(whole)
    known, ours = whole.read_record().labels, run.read_record().labels
    assert known is not None
    assert known.given + known.refused == 320 - 30
    assert ours == known.model_copy(update={"reader_sha256": digitsmith.load_reader(run.reader).sha256})
    assert sum(note.startswith(f"The reader labelled {known.given:,} images") for note in listener.notes) == 1


def test_another_reader_is_not_taken_for_the_runs_own(whole: Run) -> None:
    run = Run(Path(shutil.copytree(whole.folder, "run")))
    (run.reader / "reader.onnx").write_bytes(digitsmith.load_reader().content)
    with refused(RunError, "is not the reader that labelled the images"):
        digitsmith.train(out="run", changes={"epochs": 3}, resume=True, progress=False)


@pytest.mark.usefixtures("learned")
def test_what_the_reader_takes_for_no_digit_is_left_out(few: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(self: Reader, images: np.ndarray, **_: Any) -> Readings:
        codes = np.full(len(images), VERDICTS.index("unsure"), np.int8)
        codes[:7], codes[7:9] = VERDICTS.index("no digit"), VERDICTS.index("empty")
        return Readings(self.record.classes, np.eye(10, dtype=np.float32)[np.arange(len(images)) % 10], codes)

    monkeypatch.setattr(Reader, "read", read)
    listener = Listener()
    run = trained(few, "run", progress=listener)
    labels = run.read_record().labels
    assert labels is not None
    assert (labels.given, labels.refused) == (320 - 30 - 9, 9)
    assert "The reader labelled 281 images; 9 are left out, as it takes them for no digit." in listener.notes
    assert run.read_metrics()[-1].images == 2 * (311 // 64) * 64


@pytest.mark.usefixtures("learned")
def test_it_is_measured_by_the_readers_labels(digits: Dataset) -> None:
    run = trained(digits, "run", changes=["evaluate_every=2"])
    assert run.read_metrics()[-1].frechet_ratio is not None


def test_what_cannot_be_asked_for_leaves_nothing(digits: Dataset, few: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with refused(ConfigError, "an unconditional model is trained without labels", "per_class"):
        digitsmith.train("gan", few, "run", per_class=3)
    with refused(ConfigError, "0 is too few", "per_class"):
        trained(few, "run", per_class=0)
    with refused(ConfigError, "'many' is no whole number", "per_class"):
        trained(few, "run", per_class="many")
    with refused(DataError, "300 is more than the .* images of class", "per_class"):
        trained(few, "run", per_class=300)
    with refused(DataError, "a data set in memory has no labels", "data"):
        trained(Dataset(digits.images), "run")
    with refused(ConfigError, "evaluate_every holds a tenth of the training images out", "changes"):
        trained(few, "run", changes=["evaluate_every=1"])
    box = digitsmith.load().record.training
    assert box is not None
    monkeypatch.setattr(Dataset, "sha256", lambda _: box.data.sha256)
    with refused(ConfigError, "mnist was trained on these images, with labels that are not to be used", "start"):
        digitsmith.train("residual", few, "run", start="mnist", per_class=3, progress=False)
    with refused(ConfigError, "evaluate_every measures in the features of the digit-net", "changes"):
        trained(few, "run", changes=["evaluate_every=1"])
    assert not Path("run").exists()


@pytest.mark.usefixtures("learned")
def test_the_command_says_what_it_did(capsys: pytest.CaptureFixture[str], few: Path) -> None:
    def command(code: int, *words: str) -> str:
        with pytest.raises(SystemExit) as ended:
            main(list(words))
        assert ended.value.code == code
        return capsys.readouterr().out

    words = ["train", "cgan", "--data", str(few), "--per-class", "3", "--out", "run"]
    said = command(0, *words, *(f"--set={change}" for change in MICRO))
    labels = Run(Path("run")).read_record().labels
    assert labels is not None
    assert f"the reader, which learned from 3 labels of each class, and labelled {labels.given:,} other images" in said
    command(0, "report", "run")
    page = Path("run/report.html").read_text()
    assert "3 of each class; a reader that learned from these labelled" in page
    assert "--per-class 3" in page
    command(0, "report", "run/reader")
    command(0, "read", "digits:test", "--reader", "run/reader")
    again = digitsmith.train("run/config.toml", out="again", progress=False).run  # of the same images and labels
    assert again.read_record().labels == labels


@pytest.mark.usefixtures("learned")
def test_ctrl_c_while_the_reader_learns_is_like_any_other(
    capsys: pytest.CaptureFixture[str], few: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: Any, **__: Any) -> None:
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr("digitsmith.training.gans.few_labels.learn_from", stop)
    with pytest.raises(SystemExit) as ended:
        main(["train", "cgan", "--data", str(few), "--per-class", "3", "--out", "run"])
    assert ended.value.code == 130
    said = capsys.readouterr().out
    assert "Stopped while the reader learned; the state is saved. To continue:" in said
    assert "digitsmith train --resume --out run" in said


def test_models_and_runs_say_where_their_labels_are_from(whole: Run) -> None:
    model = digitsmith.export(whole.folder, "model.onnx").record
    assert model.training is not None
    assert model.training.labels == whole.read_record().labels is not None
    older = json.loads(whole.record.read_text())
    del older["labels"]
    run = Run(Path(shutil.copytree(whole.folder, "older")))
    run.record.write_text(json.dumps(older))
    assert run.read_record().labels is None
