"""A training leaves what it says, repeats exactly, and refuses what cannot be trained."""

import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.numpy import load_file
from torch import nn

import digitsmith
from conftest import MICRO, Told, micro, refused
from digitsmith.config.loading import load_config
from digitsmith.data import formats
from digitsmith.data.dataset import Dataset
from digitsmith.data.images.grid import untile
from digitsmith.errors import ConfigError, DataError, DivergedError, DownloadError, RunError
from digitsmith.records.run import Run, RunRecord, find_record
from digitsmith.training.device import find_device
from digitsmith.training.gans import samples
from digitsmith.training.gans.meter import Meter
from digitsmith.training.gans.setup import settle
from digitsmith.training.gans.state import new_state
from digitsmith.training.gans.step import SCALARS
from digitsmith.training.gans.validation import Validation, hold_out
from runs import contents


class Notes:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.updates: list[tuple[str, int, int, str]] = []

    def update(self, work: str, done: int, total: int, detail: str = "") -> None:
        self.updates.append((work, done, total, detail))

    def note(self, text: str) -> None:
        self.notes.append(text)


def test_a_run_leaves_the_whole_folder(micro_run: Run) -> None:
    files = {str(path.relative_to(micro_run.folder)) for path in micro_run.folder.rglob("*") if path.is_file()}
    events = {name for name in files if name.startswith("tensorboard/events.")}
    assert events
    assert files - events - {".lock"} == {
        "config.toml",
        "run.json",
        "metrics.jsonl",
        "model.onnx",
        "checkpoint/state.safetensors",
        "samples/real.png",
        "samples/epoch-0000.png",
        "samples/epoch-0001.png",
        "samples/epoch-0002.png",
        "figures/losses.png",
        "figures/equilibrium.png",
        "figures/real-vs-fake.png",
        "figures/progress.gif",
        "figures/progress.png",
    }
    with Image.open(micro_run.figures / "progress.gif") as gif:
        assert gif.n_frames == 3
    with Image.open(micro_run.sample(2)) as grid, Image.open(micro_run.real) as real:
        assert grid.size == real.size == (10 * 30 + 2, 10 * 30 + 2)


def test_metrics_have_a_line_for_each_ten_steps_and_each_epoch(micro_run: Run) -> None:
    lines = micro_run.read_metrics()
    assert [line.step for line in lines] == [10, 20, 22, 30, 40, 44]
    assert [line.epoch for line in lines] == [1, 1, 1, 2, 2, 2]
    for line in lines:
        assert line.model_dump(exclude_none=True).keys() == {
            "epoch", "step", "images", "d_loss", "d_loss_real", "d_loss_fake", "g_loss", "d_real", "d_fake",
            "images_per_second", "seconds",
        }  # fmt: skip
        assert line.images == line.step * 64
        assert line.d_loss == pytest.approx(line.d_loss_real + line.d_loss_fake)
        assert 0 < line.d_real < 1
        assert 0 < line.d_fake < 1


def test_tensorboard_shows_the_same_numbers(micro_run: Run) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    board = EventAccumulator(str(micro_run.tensorboard)).Reload()
    scalars = [(event.step, event.value) for event in board.Scalars("g_loss")]
    assert scalars == [(line.step, pytest.approx(line.g_loss)) for line in micro_run.read_metrics()]
    assert [event.step for event in board.Images("samples")] == [0, 22, 44]


@pytest.mark.usefixtures("weights_only")
def test_progress_is_told_step_by_step_until_it_is_over(few: Path) -> None:
    told = Notes()
    digitsmith.train("cgan", few, "run", changes=[*MICRO, "log_every=4"], progress=told)
    assert [update[:3] for update in told.updates] == [("training", step, 10) for step in (4, 5, 8, 10)]
    assert told.updates[-1][3].startswith("epoch 2/2")
    assert not told.notes


def test_the_config_repeats_the_run(micro_run: Run) -> None:
    config, record = micro_run.read_config(), micro_run.read_record()
    assert config.optimizer.epochs == 2
    assert config.run.precision in ("float32", "bfloat16")
    assert (record.preset, record.state, record.data.read.resize) == ("cgan", "finished", None)
    assert record.changes == tuple(MICRO)
    assert record.data == digitsmith.load_dataset("digits").record("digits")
    assert record.data.classes == tuple("0123456789")
    assert record.device == "cpu" or record.device.startswith("cuda")
    assert record.versions.digitsmith == digitsmith.__version__
    assert {"torch", "numpy"} <= record.versions.libraries.keys()
    assert record.seconds > 0
    again = digitsmith.train(micro_run.config, out="again", progress=False).run
    assert contents(again) == contents(micro_run)
    assert again.read_record().preset == str(micro_run.config)


@pytest.mark.usefixtures("weights_only")
def test_changes_are_recorded_as_they_would_be_written(few: Path) -> None:
    changes = {"epochs": 1, "generator.widths": [24, 32], "discriminator.name": "sgd", "generator.batch_norm": True}
    run = digitsmith.train("gan", few, "run", changes=changes | {"epochs": np.int64(1)}, progress=False).run
    written = run.read_record().changes
    assert written == ("epochs=1", "generator.widths=[24, 32]", "discriminator.name=sgd", "generator.batch_norm=true")
    assert load_config("gan", written) == load_config("gan", changes)


@pytest.mark.usefixtures("weights_only")
def test_the_config_of_a_run_brings_its_data_and_their_size(digits: Dataset) -> None:
    formats.write(digits.take(slice(0, 128)), Path("some"), "npz")
    first = digitsmith.train(
        "cgan", "some", "first", changes=[*MICRO, "epochs=1"], read={"resize": (12, 12)}, progress=False
    ).run
    assert first.read_record().data.read.resize == (12, 12)
    again = digitsmith.train(first.config, out="again", progress=False).run
    assert contents(again) == contents(first)
    assert again.read_record().data.read.resize == (12, 12)
    other = digitsmith.train(first.config, "digits", "other", progress=False).run.read_record().data
    assert (other.source, other.images, other.image_size) == ("digits", 1438, (28, 28))


@pytest.mark.usefixtures("weights_only")
def test_the_config_of_a_run_says_so_if_its_data_have_changed(digits: Dataset) -> None:
    formats.write(digits.take(slice(0, 128)), Path("some"), "npz")
    first = digitsmith.train("cgan", "some", "first", changes=[*MICRO, "epochs=1"], progress=False).run
    shutil.rmtree("some")
    formats.write(digits.take(slice(64, 192)), Path("some"), "npz")
    told = Notes()
    digitsmith.train(first.config, out="again", progress=told)
    assert "does not hold the images any more" in told.notes[0]


@pytest.mark.usefixtures("weights_only")
def test_the_config_of_a_run_says_where_it_looks_for_the_data(digits: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    formats.write(digits.take(slice(0, 128)), Path("some"), "npz")
    first = digitsmith.train("cgan", "some", "first", changes=[*MICRO, "epochs=1"], progress=False).run
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    with refused(DataError, "was trained on 'some', which is looked for from the folder that you are in", "data"):
        digitsmith.train(Path("..") / first.config, out="again")


def test_a_failed_download_is_not_taken_for_a_folder_elsewhere(micro_run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise DownloadError("no connection")

    monkeypatch.setattr("digitsmith.training.gans.train.read_source", fail)
    with refused(DownloadError, r"^no connection$"):
        digitsmith.train(micro_run.config, out="again")


@pytest.mark.usefixtures("weights_only")
def test_a_run_on_data_in_memory_asks_for_them_again(digits: Dataset) -> None:
    few = digits.take(slice(0, 128))
    run = digitsmith.train("cgan", few, "first", changes=[*MICRO, "epochs=1"], progress=False).run
    assert run.read_record().data.source == ""
    with refused(DataError, r"first/config.toml was trained on a data set in memory: pass it again", "data"):
        digitsmith.train(run.config, out="again")
    with refused(DataError, r"first was trained on a data set in memory: pass it again\.$", "data"):
        digitsmith.train(out="first", resume=True)
    assert digitsmith.train(run.config, few, "again", progress=False).finished


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('"format": 1', '"format": 2', "format"),
        ('"state": "finished"', '"state": "asleep"', "state"),
        ('"images": 1438', '"images": -1', "data.images"),
        ('"device"', '"gadget"', "device"),
        ("}\n", "", "JSON"),
    ],
)
def test_a_damaged_record_is_refused(micro_run: Run, old: str, new: str, problem: str) -> None:
    run = Run(Path(shutil.copytree(micro_run.folder, "run")))
    text = run.record.read_text()
    assert old in text
    run.record.write_text(text.replace(old, new))
    uses = (
        run.read_record,
        lambda: digitsmith.train(out="run", resume=True),
        lambda: digitsmith.train(run.config, out="other"),
        lambda: digitsmith.export("run", "model.onnx"),
    )
    for use in uses:
        with refused(RunError, rf"run\.json cannot be read \(.*{problem}.*damaged, or of another version"):
            use()
    assert not Path("other").exists()


def test_a_record_is_looked_for_beside_a_config_only(micro_run: Run) -> None:
    assert find_record("cgan") is None
    assert find_record(micro_run.folder / "mine.toml") is None
    record = find_record(micro_run.config)
    assert record == micro_run.read_record() == RunRecord.model_validate_json(micro_run.record.read_bytes())
    run = Run(Path(shutil.copytree(micro_run.folder, "run")))
    run.record.unlink()
    assert find_record(run.config) is None
    with refused(RunError, "it has no run.json"):
        run.read_record()
    with refused(RunError, "it has no run.json"):
        digitsmith.train(out="run", resume=True)


@pytest.mark.usefixtures("weights_only")
def test_another_seed_gives_another_generator(micro_run: Run) -> None:
    other = digitsmith.train("cgan", "digits", "other", changes=[*MICRO, "seed=1"], progress=False).run
    assert contents(other)["tensors"] != contents(micro_run)["tensors"]
    assert contents(other)["samples"] != contents(micro_run)["samples"]


@pytest.mark.usefixtures("weights_only")
def test_training_leaves_the_callers_random_state_alone(few: Path) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    digitsmith.train("gan", few, "run", changes=[*MICRO, "epochs=1"], progress=False)
    assert torch.equal(torch.rand(3), expected)


def test_of_many_epochs_two_hundred_are_shown() -> None:
    assert all(samples.is_due(epoch, 200, 100) for epoch in range(1, 201))
    due = [epoch for epoch in range(1, 1002) if samples.is_due(epoch, 1001, 100)]
    assert due == [*range(6, 1001, 6), 1001]


def test_short_epochs_are_shown_less_often() -> None:
    assert [epoch for epoch in range(1, 401) if samples.is_due(epoch, 400, 1)] == [*range(20, 401, 20)]
    assert all(samples.is_due(epoch, 5, 1) for epoch in range(1, 6))


@pytest.mark.parametrize("preset", ["gan", "residual"])
def test_a_training_that_diverges_stops_and_keeps_the_last_good_checkpoint(few: Path, preset: str) -> None:
    changes = [*micro(preset), "epochs=50", "checkpoint_seconds=0", "final_lr=1", "generator.lr=10"]
    changes += ["discriminator.lr=10", "generator.name=sgd", "discriminator.name=sgd"]
    with refused(DivergedError, r"last good checkpoint is kept .* than 10.0 \(generator.lr\)"):
        digitsmith.train(preset, few, "run", changes=changes, progress=False)
    run = Run(Path("run"))
    assert all(np.isfinite(t).all() for name, t in load_file(run.checkpoint).items() if t.dtype == np.float32)
    values = [value for line in run.read_metrics() for value in line.model_dump(exclude_none=True).values()]
    assert np.isfinite(values).all()
    assert not run.model.exists()
    assert run.read_record().state == "diverged"


def exported_matrices(run: Run, shape: tuple[int, ...]) -> list[np.ndarray]:
    import onnx
    from onnx import numpy_helper

    initializers = [numpy_helper.to_array(t) for t in onnx.load(run.model).graph.initializer]
    return [t for t in initializers if t.shape == shape]


def test_ema_is_what_is_exported(few: Path) -> None:
    run = digitsmith.train("cgan", few, "run", changes=[*MICRO, "ema=0.99"], progress=False).run
    tensors = load_file(run.checkpoint)
    assert not np.array_equal(tensors["ema.last.weight"], tensors["generator.last.weight"])
    assert not np.array_equal(
        tensors["ema.hidden.0.norm.running_mean"], tensors["generator.hidden.0.norm.running_mean"]
    )
    (exported,) = exported_matrices(run, (784, 32))
    np.testing.assert_array_equal(exported, tensors["ema.last.weight"])


def test_time_counts_between_two_lines_of_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    config = load_config("gan")
    state = new_state(config, (1, 8, 8), 0, torch.device("cpu"))
    state.position.seconds = 10
    clock = iter([100.0, 103.0])
    monkeypatch.setattr("digitsmith.training.gans.meter.time.monotonic", lambda: next(clock))
    meter = Meter(state, config, 5)
    meter.count(torch.zeros(len(SCALARS)))
    assert not meter.line_is_due
    assert (state.position.step, state.position.seconds) == (1, 13)


def test_measuring_between_two_lines_does_not_lower_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    config = load_config("gan")
    state = new_state(config, (1, 8, 8), 0, torch.device("cpu"))
    clock = iter([100.0, 102.0, 150.0, 152.0])
    monkeypatch.setattr("digitsmith.training.gans.meter.time.monotonic", lambda: next(clock))
    meter = Meter(state, config, 5)
    for seconds in (2, 52):
        meter.count(torch.zeros(len(SCALARS)))
        line = meter.line()
        assert (line.images_per_second, line.seconds) == (32, seconds)  # 64 images in two seconds
        if seconds == 2:
            meter.start_line()  # after 48 seconds of measuring


@pytest.mark.usefixtures("weights_only")
def test_images_that_are_all_the_same_have_no_ratio() -> None:
    images = np.zeros((1400, 28, 28), np.uint8)
    images[:, 4:24, 13] = 255
    for preset, labels in (("gan", None), ("cgan", np.arange(1400) % 10)):
        same = Dataset(images, labels, () if labels is None else tuple("0123456789"))
        changes = [*MICRO, "epochs=1", "evaluate_every=1"]
        outcome = digitsmith.train(preset, same, preset, changes=changes, progress=(heard := Noting()))
        assert (outcome.best_epoch, outcome.best_ratio) == (1, None)
        assert outcome.run.read_metrics()[-1].frechet_ratio is None
        assert any("have no ratio" in note for note in heard.notes)
        formats.write(same, Path(f"{preset}-same"), "npz")
        with pytest.raises(DataError):  # the held-out images are the others again, or one of each digit is not there
            digitsmith.evaluate(same, f"{preset}-same", progress=False)


class Noting:
    """A listener that remembers the notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def update(self, work: str, done: int, total: int, detail: str = "") -> None:
        pass

    def note(self, text: str) -> None:
        self.notes.append(text)


def test_the_best_generator_that_was_measured_is_exported(digits: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    weights: list[np.ndarray] = []
    distances = iter([3.0, 1.0, 2.0])

    def distance(_: Validation, generator: nn.Module) -> float:
        weights.append(generator.state_dict()["last.weight"].numpy().copy())
        return next(distances)

    monkeypatch.setattr(Validation, "distance", distance)
    changes = [*MICRO, "epochs=6", "evaluate_every=2"]
    outcome = digitsmith.train("cgan", digits, "run", changes=changes, progress=False)
    run = outcome.run
    measured = [line for line in run.read_metrics() if line.frechet_distance is not None]
    assert [(line.epoch, line.frechet_distance) for line in measured] == [(2, 3.0), (4, 1.0), (6, 2.0)]
    floor = measured[0].frechet_floor
    assert floor is not None
    assert 0 < floor < 3
    assert measured[0].frechet_ratio == pytest.approx(3 / floor)
    assert (outcome.best_epoch, outcome.best_ratio) == (4, pytest.approx(1 / floor))
    (exported,) = exported_matrices(run, (784, 32))
    np.testing.assert_array_equal(exported, weights[1])
    training = digitsmith.load(run.folder).record.training
    assert training is not None
    assert (training.best_epoch, training.validation_distance) == (4, 1.0)
    assert (run.figures / "quality.png").is_file()


def test_the_images_that_are_measured_on_are_not_trained_on(digits: Dataset) -> None:
    trained, held_out = hold_out(digits)
    assert (len(trained), len(held_out)) == (1295, 143)
    together = {image.tobytes() for data in (trained, held_out) for image in data.images}
    assert together == {image.tobytes() for image in digits.images}
    assert not {image.tobytes() for image in trained.images} & {image.tobytes() for image in held_out.images}
    assert held_out.labels is not None
    assert digits.labels is not None
    shares = np.bincount(digits.labels) * 143 / 1438
    assert np.abs(np.bincount(held_out.labels) - shares).max() <= 1
    validation = Validation(trained, held_out, load_config("cgan"))
    assert 0 < validation.floor < 3


def test_too_few_images_to_hold_some_out_are_refused(digits: Dataset) -> None:
    with refused(ConfigError, r"evaluate_every .*here 100, and needs more than 128", "changes"):
        digitsmith.train("cgan", digits.take(slice(1000)), "run", changes=[*MICRO, "evaluate_every=1"])
    with refused(ConfigError, "here 1,", "changes"):
        digitsmith.train("gan", digits.take(slice(15)), "run", changes=[*MICRO, "batch_size=8", "evaluate_every=1"])
    with refused(ConfigError, "more than the 2 epochs", "changes"):
        digitsmith.train("cgan", digits, "run", changes=[*MICRO, "evaluate_every=3"])
    assert not Path("run").exists()


@pytest.mark.usefixtures("weights_only")
@pytest.mark.parametrize(
    ("preset", "changes"),
    [
        ("gan", ["precision=float32"]),
        ("gan", ["precision=bfloat16"]),
        ("gan", ["discriminator.name=rmsprop"]),
        ("gan", ["discriminator.name=sgd"]),
        ("gan", ["loss.generator=saturating"]),
        ("gan", ["z_distribution=normal", "label_smoothing=0.0", "ema=0.9"]),
        ("cgan", ["r1=0.1", "relativistic=true", "auxiliary=0.2", "fresh_fakes=false"]),
        ("residual", ["conditional=false", "styles=1", "auxiliary=0"]),
        ("residual", ["precision=bfloat16", "fresh_fakes=true", "generator.widths=[8,8,8]"]),
    ],
)
def test_variants_train(few: Path, preset: str, changes: list[str]) -> None:
    outcome = digitsmith.train(preset, few, "run", changes=[*micro(preset), "epochs=1", *changes], progress=False)
    assert outcome.finished
    tensors = load_file(outcome.run.checkpoint)
    assert all(np.isfinite(tensor).all() for tensor in tensors.values() if tensor.dtype == np.float32)


@pytest.mark.parametrize("preset", ["cgan", "residual"])
def test_any_number_of_classes_any_size_and_colour(preset: str) -> None:
    random_images = np.random.default_rng(0).integers(0, 256, (90, 9, 17, 3), np.uint8)
    data = Dataset(random_images, np.arange(90) % 3, ("a", "b", "ten"))
    run = digitsmith.train(preset, data, "run", changes=[*micro(preset), "batch_size=32"], progress=False).run
    model = digitsmith.load("run")
    assert model.record.classes == ("a", "b", "ten")
    assert model.sample(["ten", "a"]).shape == (2, 9, 17, 3)
    assert run.read_record().data.channels == 3
    with Image.open(run.sample(2)) as sheet, Image.open(run.figures / "real-vs-fake.png") as picture:
        assert (sheet.mode, picture.mode) == ("RGB", "RGB")


@pytest.mark.usefixtures("weights_only")
def test_unlabelled_images_are_left_out_where_labels_are_needed(digits: Dataset) -> None:
    assert digits.labels is not None
    labels = digits.labels[:200].copy()
    labels[:40] = -1
    data, told = Dataset(digits.images[:200], labels, digits.classes), Notes()
    run = digitsmith.train("cgan", data, "labelled", changes=[*MICRO, "batch_size=32"], progress=told).run
    assert told.notes == ["40 images have no label and are left out: the model is conditional."]
    assert run.read_record().data == data.record("")
    told = Notes()
    run = digitsmith.train("gan", data, "all", changes=[*MICRO, "batch_size=32"], progress=told).run
    assert not told.notes
    assert run.read_record().data.images == 200


def test_data_that_cannot_be_trained_on_is_refused(digits: Dataset) -> None:
    same = Dataset(digits.images[:100], np.zeros(100, np.int64), digits.classes)
    with refused(DataError, "all images are of one class", "data"):
        digitsmith.train("cgan", same, "run", changes=MICRO)
    labels = np.where(np.isin(digits.labels, (5, 7)), 0, digits.labels)
    with refused(DataError, "no image to train on is of class 5, 7: add images, or take the name out of", "data"):
        digitsmith.train("cgan", Dataset(digits.images, labels, digits.classes), "run", changes=MICRO)
    for unlabelled in (None, np.full(len(digits), -1)):
        with refused(DataError, "no labels", "data"):
            digitsmith.train("cgan", Dataset(digits.images, unlabelled), "run", changes=MICRO)
    large = Dataset(np.zeros((100, 130, 100), np.uint8))
    with refused(DataError, "images of 130x100", "frame"):
        digitsmith.train("gan", large, "run", changes=MICRO)
    with refused(ConfigError, "1000000000x8: use sides", "resize"):
        digitsmith.train("gan", digits, "run", changes=MICRO, read={"resize": (10**9, 8)})
    with refused(ConfigError, "tpu: use auto, cpu, cuda", "device"):
        digitsmith.train("cgan", digits, "run", changes=MICRO, device="tpu")
    assert not Path("run").exists()


def test_a_gpu_that_is_not_there_is_refused() -> None:
    with refused(ConfigError, rf"cuda:99: torch finds {torch.cuda.device_count()} CUDA GPUs", "device"):
        find_device("cuda:99")
    with refused(ConfigError, "mps: use auto", "device"):
        find_device("mps")


def test_what_a_config_leaves_open_is_settled(digits: Dataset) -> None:
    cpu = torch.device("cpu")
    settled = settle(load_config("residual", {"styles": 2}), digits, cpu)
    assert settled.run.precision in ("float32", "bfloat16")
    assert settled.networks.styles == 1  # of 144 images of a class
    assert settled.optimizer.steps is None
    assert settle(settled, digits, cpu) == settled
    with refused(ConfigError, r"1,000,000,000 steps are 45,454,546 epochs of 1,438 images", "changes"):
        settle(load_config("residual", {"steps": 1_000_000_000}), digits, cpu)


@pytest.mark.usefixtures("weights_only")
def test_a_number_of_steps_is_made_in_whole_epochs(few: Path) -> None:
    changes = [change for change in micro("residual") if not change.startswith("epochs")]
    told = Notes()
    run = digitsmith.train("residual", few, "run", changes=[*changes, "steps=7"], progress=told).run
    assert run.read_config().optimizer.epochs == 2  # of 5 steps
    assert run.read_metrics()[-1].step == 10
    assert told.notes == [
        "Styles per class: 1 instead of 16, as each needs 100 images.",
        "10 steps instead of 7: an epoch of these images has 5.",
    ]


@pytest.mark.usefixtures("weights_only")
def test_learning_rates_fall_along_half_a_cosine(few: Path) -> None:
    changes = [*micro("residual"), "epochs=4", "final_lr=0.1"]
    seen = []
    step = torch.optim.Adam.step

    def remember(adam: torch.optim.Adam) -> object:
        seen.append(adam.param_groups[0]["lr"])
        return step(adam)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim.Adam, "step", remember)
        digitsmith.train("residual", few, "run", changes=changes, progress=False)
    steps = len(seen) // 2
    assert steps == 20
    expected = [1e-3 * (0.1 + 0.9 * (1 + math.cos(math.pi * i / steps)) / 2) for i in range(steps)]
    assert seen[::2] == pytest.approx(expected)  # the discriminator's
    assert seen[1::2] == pytest.approx(expected)


def test_a_figure_shows_every_real_row_over_a_generated_one(micro_run: Run) -> None:
    with Image.open(micro_run.figures / "real-vs-fake.png") as picture:
        sheet = np.asarray(picture)[::2, ::2]
    with Image.open(micro_run.real) as real, Image.open(micro_run.sample(2)) as fake:
        rows = untile(sheet, (28, 28))
        np.testing.assert_array_equal(rows[0::2], untile(np.asarray(real), (28, 28))[:4])
        np.testing.assert_array_equal(rows[1::2], untile(np.asarray(fake), (28, 28))[:4])


@pytest.mark.usefixtures("weights_only")
def test_progress_is_told_between_lines_of_metrics_where_steps_are_slow(few: Path, monkeypatch) -> None:
    monkeypatch.setattr("digitsmith.training.gans.loop._SILENCE", -1.0)
    told = Told()
    digitsmith.train("cgan", few, "run", changes=MICRO, progress=told)
    assert [done for work, done, _ in told.updates if work == "training"] == list(range(1, 11))
