"""A training leaves what it says, repeats exactly, and survives being killed at any moment."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file
from torch import nn

import digitsmith
from conftest import MICRO
from digitsmith.config.schema import load_config
from digitsmith.data import formats
from digitsmith.data.dataset import Dataset
from digitsmith.errors import ConfigError, DataError, DivergedError, DownloadError, OutputError, RunError
from digitsmith.records.run import Run
from digitsmith.training import samples
from digitsmith.training.validation import Validation, hold_out


def contents(run: Run) -> dict[str, Any]:
    """What must be the same in two runs that computed the same: weights, metrics, samples, model."""
    timeless = [
        {k: v for k, v in line.items() if k not in ("seconds", "images_per_second")} for line in run.read_metrics()
    ]
    tensors = {name: tensor.tobytes() for name, tensor in load_file(run.checkpoint).items()}
    samples = {epoch: path.read_bytes() for epoch, path in run.samples().items()}
    return {
        "metrics": timeless,
        "tensors": tensors,
        "samples": samples,
        "model": digitsmith.load(run.folder).sample(**wanted(run)).tobytes(),
    }


def wanted(run: Run) -> dict[str, Any]:
    return {"labels": [1, 2, 3]} if run.read()[0].conditional else {"count": 3}


def test_a_run_leaves_the_whole_folder(micro_run: Run) -> None:
    files = {str(path.relative_to(micro_run.folder)) for path in micro_run.folder.rglob("*") if path.is_file()}
    events = {name for name in files if name.startswith("tensorboard/events.")}
    assert events
    assert files - events - {".lock"} == {
        "config.toml",
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
    assert [line["step"] for line in lines] == [10, 20, 22, 30, 40, 44]
    assert [line["epoch"] for line in lines] == [1, 1, 1, 2, 2, 2]
    for line in lines:
        assert set(line) == {
            "epoch", "step", "images", "d_loss", "d_loss_real", "d_loss_fake", "g_loss", "d_real", "d_fake",
            "images_per_second", "seconds",
        }  # fmt: skip
        assert line["images"] == line["step"] * 64
        assert line["d_loss"] == pytest.approx(line["d_loss_real"] + line["d_loss_fake"])
        assert 0 < line["d_real"] < 1
        assert 0 < line["d_fake"] < 1


def test_tensorboard_shows_the_same_numbers(micro_run: Run) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    board = EventAccumulator(str(micro_run.tensorboard)).Reload()
    scalars = [(event.step, event.value) for event in board.Scalars("g_loss")]
    assert scalars == [(line["step"], pytest.approx(line["g_loss"])) for line in micro_run.read_metrics()]
    assert [event.step for event in board.Images("samples")] == [0, 22, 44]


def test_the_config_repeats_the_run(micro_run: Run) -> None:
    config, record = micro_run.read()
    assert config.epochs == 2
    assert config.precision in ("float32", "bfloat16")
    assert record["data"] == "digits"
    assert record["images"] == 1438
    assert record["classes"] == [str(i) for i in range(10)]
    for key in ("torch", "numpy", "python", "digitsmith", "data_sha256", "command"):
        assert record[key]
    again = digitsmith.train(micro_run.config, out="again").run
    assert contents(again) == contents(micro_run)


def test_the_config_of_a_run_brings_its_data_and_their_size(digits: Dataset) -> None:
    formats.write(digits.take(slice(0, 128)), Path("some"), "npz")
    first = digitsmith.train("cgan", "some", "first", changes=[*MICRO, "epochs=1"], resize=(12, 12)).run
    again = digitsmith.train(first.config, out="again").run
    assert contents(again) == contents(first)
    _, other = digitsmith.train(first.config, "digits", "other").run.read()
    assert (other["data"], other["images"], other["image_size"]) == ("digits", 1438, [28, 28])


def test_the_config_of_a_run_says_so_if_its_data_have_changed(
    digits: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    formats.write(digits.take(slice(0, 128)), Path("some"), "npz")
    first = digitsmith.train("cgan", "some", "first", changes=[*MICRO, "epochs=1"]).run
    shutil.rmtree("some")
    formats.write(digits.take(slice(64, 192)), Path("some"), "npz")
    digitsmith.train(first.config, out="again", quiet=False)
    assert "does not hold the images any more" in " ".join(capsys.readouterr().out.split())


def test_the_config_of_a_run_says_where_it_looks_for_the_data(digits: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    formats.write(digits.take(slice(0, 128)), Path("some"), "npz")
    first = digitsmith.train("cgan", "some", "first", changes=[*MICRO, "epochs=1"]).run
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    with pytest.raises(DataError, match="was trained on 'some', which is looked for from the folder that you are in"):
        digitsmith.train(Path("..") / first.config, out="again")


def test_a_failed_download_is_not_taken_for_a_folder_elsewhere(micro_run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise DownloadError("no connection")

    monkeypatch.setattr("digitsmith.training.train.load_dataset", fail)
    with pytest.raises(DownloadError, match=r"^no connection$"):
        digitsmith.train(micro_run.config, out="again")


def test_of_many_epochs_two_hundred_are_shown() -> None:
    assert all(samples.is_due(epoch, 200) for epoch in range(1, 201))
    due = [epoch for epoch in range(1, 1002) if samples.is_due(epoch, 1001)]
    assert due == [*range(6, 1001, 6), 1001]


def test_a_run_on_data_in_memory_asks_for_them_again(digits: Dataset) -> None:
    few = digits.take(slice(0, 128))
    run = digitsmith.train("cgan", few, "first", changes=[*MICRO, "epochs=1"]).run
    with pytest.raises(DataError, match=r"first/config.toml was trained on a data set in memory: .* \(--data\)"):
        digitsmith.train(run.config, out="again")
    with pytest.raises(DataError, match=r"first was trained on a data set in memory: pass it again as data=\.$"):
        digitsmith.train(out="first", resume=True)
    assert digitsmith.train(run.config, few, "again").finished


@pytest.mark.parametrize("table", ['run = "x"', '[run]\ndata = "digits"', "[run]\ndata = 3\nimage_size = [28, 28]"])
def test_a_config_with_half_a_record_is_refused(micro_run: Run, table: str) -> None:
    config = micro_run.config.read_text().partition("[run]")[0]
    Path("mine.toml").write_text(f"{table}\n{config}" if table.startswith("run") else f"{config}\n{table}\n")
    with pytest.raises(ConfigError, match=r"mine.toml: its table \[run\] does not say"):
        digitsmith.train("mine.toml", out="other")


def test_another_seed_gives_another_generator(micro_run: Run) -> None:
    other = digitsmith.train("cgan", "digits", "other", changes=[*MICRO, "seed=1"]).run
    assert contents(other)["model"] != contents(micro_run)["model"]


def test_more_epochs_continue_a_run_as_if_it_had_been_longer(micro_run: Run) -> None:
    digitsmith.train("cgan", "digits", "short", changes=[*MICRO, "epochs=1"])
    continued = digitsmith.train(None, None, "short", changes={"epochs": 2}, resume=True).run
    assert contents(continued) == contents(micro_run)
    assert continued.read()[0].epochs == 2


SCRIPT = """
import sys, digitsmith
from pathlib import Path
digitsmith.train(*sys.argv[1:4], changes=sys.argv[4:], resume=Path(sys.argv[3], "config.toml").exists(), quiet=False)
"""


def start(out: Path, *changes: str, preset: str = "cgan") -> subprocess.Popen[str]:
    command = [sys.executable, "-c", SCRIPT, preset, "digits", str(out), *MICRO, *changes]
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("preset", ["gan", "cgan", "residual"])
def test_a_run_killed_at_random_ends_with_the_same_weights_and_metrics(tmp_path: Path, preset: str) -> None:
    changes = ["epochs=4", "ema=0.9", "checkpoint_seconds=0"]  # a checkpoint after every step: most kills hit one
    changes += ["evaluate_every=1"] if preset == "cgan" else []
    changes += ["r1_every=2"] if preset == "residual" else []
    whole = start(tmp_path / "whole", *changes, preset=preset)
    killed_run = Run(tmp_path / "killed")
    staged = killed_run.checkpoint.with_name(f".{killed_run.checkpoint.name}.partial")
    chance = random.Random()
    kills, during_write = 0, 0
    for kill in range(4):
        process = start(killed_run.folder, *changes, preset=preset)
        step = len(killed_run.metrics.read_text().splitlines()) if killed_run.metrics.exists() else 0
        while process.poll() is None and not (killed_run.metrics.exists() and killed_run.checkpoint.exists()):
            time.sleep(0.001)
        while process.poll() is None and len(killed_run.metrics.read_text().splitlines()) <= step:
            time.sleep(0.001)  # until it goes on
        if kill % 2:
            time.sleep(chance.uniform(0, 0.1))
        else:
            while process.poll() is None and not staged.exists():
                pass
        if process.poll() is None:
            process.kill()
            kills += 1
        process.wait()
        during_write += staged.exists()
    assert kills >= 3
    last = start(killed_run.folder, *changes, preset=preset)
    assert last.wait() == 0, last.stderr.read()
    assert whole.wait() == 0, whole.stderr.read()
    assert during_write >= 1
    assert contents(killed_run) == contents(Run(tmp_path / "whole"))


def test_ctrl_c_saves_and_the_run_goes_on(tmp_path: Path) -> None:
    whole = start(tmp_path / "whole", "epochs=30")
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    changes = [word for change in [*MICRO, "epochs=30"] for word in ("--set", change)]
    command = [sys.executable, "-m", "digitsmith.cli", "train", "cgan", "--data", "digits", "--out", "run", *changes]
    stopped = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
    run = Run(Path("run").absolute())
    while stopped.poll() is None and not run.sample(3).exists():
        time.sleep(0.005)
    stopped.send_signal(signal.SIGINT)
    output, _ = stopped.communicate()
    assert stopped.returncode == 130
    assert "digitsmith train --resume --out run" in output
    assert not run.model.exists()
    assert subprocess.run([*command[:4], "--resume", "--out", "run"], env=env).returncode == 0
    assert whole.wait() == 0
    assert contents(run) == contents(Run(tmp_path / "whole"))


def test_a_changed_hyperparameter_is_refused_with_the_difference(micro_run: Run) -> None:
    before = contents(micro_run)
    with pytest.raises(RunError, match=r"generator\.lr: 0\.0002 in the run, 0\.001 now"):
        digitsmith.train(None, None, micro_run.folder, changes={"generator.lr": 0.001}, resume=True)
    with pytest.raises(RunError, match="epochs: 2 in the run, 1 now"):
        digitsmith.train(None, None, micro_run.folder, changes={"epochs": 1}, resume=True)
    with pytest.raises(RunError, match="training images are not the ones"):
        digitsmith.train(None, "digits:test", micro_run.folder, resume=True)
    assert contents(micro_run) == before


def test_two_processes_do_not_train_in_one_folder(micro_run: Run) -> None:
    from digitsmith.records.run import locked

    with locked(micro_run), pytest.raises(RunError, match="another process is training"):
        digitsmith.train(None, None, micro_run.folder, changes={"epochs": 3}, resume=True)


def test_a_full_disk_stops_a_training_with_one_message_and_it_goes_on_later(tmp_path: Path) -> None:
    """A file-size limit of the shell stands in for the disk: the checkpoint's write fails in the kernel."""
    words = " ".join(f"--set {change}" for change in [*MICRO, "generator.hidden=[256]", "epochs=1"])
    train = f"{sys.executable} -m digitsmith.cli train cgan --out run {words}"
    limited = f"ulimit -f 500; trap '' XFSZ; exec {train}"
    done = subprocess.run(["bash", "-c", limited], capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    assert "state.safetensors: File too large" in done.stderr
    assert "Traceback" not in done.stderr
    assert not Run(Path("run")).checkpoint.exists()
    assert subprocess.run(["bash", "-c", f"exec {train} --resume"]).returncode == 0


def test_training_leaves_the_callers_random_state_alone(digits: Dataset) -> None:
    import torch

    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    digitsmith.train("gan", digits, "run", changes=[*MICRO, "epochs=1"])
    assert torch.equal(torch.rand(3), expected)


def test_a_folder_that_holds_something_is_not_touched(micro_run: Run) -> None:
    before = contents(micro_run)
    with pytest.raises(OutputError, match="is not empty"):
        digitsmith.train("cgan", "digits", micro_run.folder, changes=MICRO)
    assert contents(micro_run) == before
    with pytest.raises(RunError, match="holds no run"):
        digitsmith.train(None, None, "nothing", resume=True)
    assert not Path("nothing").exists()


@pytest.mark.parametrize("keep", [0, 7, 5000, 100_000])
def test_a_checkpoint_cut_short_is_refused(keep: int) -> None:
    run = digitsmith.train("cgan", "digits", "run", changes=[*MICRO, "epochs=1"]).run
    run.checkpoint.write_bytes(run.checkpoint.read_bytes()[:keep])
    with pytest.raises(RunError, match="damaged"):
        digitsmith.train(None, None, "run", changes={"epochs": 2}, resume=True)


def test_a_checkpoint_of_another_config_is_refused() -> None:
    run = digitsmith.train("cgan", "digits", "run", changes=[*MICRO, "epochs=1"]).run
    other = digitsmith.train("cgan", "digits", "other", changes=[*MICRO, "epochs=1", "generator.hidden=[20,20]"]).run
    run.checkpoint.write_bytes(other.checkpoint.read_bytes())
    with pytest.raises(RunError, match="of another configuration"):
        digitsmith.train(None, None, "run", changes={"epochs": 2}, resume=True)


def test_a_training_that_diverges_stops_and_keeps_the_last_good_checkpoint() -> None:
    changes = [*MICRO, "epochs=50", "checkpoint_seconds=0", "generator.lr=10", "discriminator.lr=10"]
    changes += ["generator.optimizer=sgd", "discriminator.optimizer=sgd", "generator.batch_norm=false"]
    with pytest.raises(DivergedError, match="last good checkpoint is kept"):
        digitsmith.train("gan", "digits", "run", changes=changes)
    run = Run(Path("run"))
    assert all(np.isfinite(t).all() for name, t in load_file(run.checkpoint).items() if t.dtype == np.float32)
    assert all(np.isfinite(list(line.values())).all() for line in map(json.loads, run.metrics.read_text().splitlines()))
    assert not run.model.exists()


def test_ema_is_what_is_exported(digits: Dataset) -> None:
    run = digitsmith.train("cgan", digits, "run", changes=[*MICRO, "ema=0.99"]).run
    tensors = load_file(run.checkpoint)
    assert not np.array_equal(tensors["ema.fc3.weight"], tensors["generator.fc3.weight"])
    assert not np.array_equal(tensors["ema.norm1.running_mean"], tensors["generator.norm1.running_mean"])
    import onnx
    from onnx import numpy_helper

    initializers = [numpy_helper.to_array(t) for t in onnx.load(run.model).graph.initializer]
    assert any(t.shape == (784, 32) and np.array_equal(t, tensors["ema.fc3.weight"]) for t in initializers)


def test_the_best_generator_that_was_measured_is_exported(digits: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    weights: list[np.ndarray] = []
    distances = iter([3.0, 1.0, 2.0])

    def distance(_: Validation, generator: nn.Module) -> float:
        weights.append(generator.state_dict()["fc3.weight"].numpy().copy())
        return next(distances)

    monkeypatch.setattr(Validation, "distance", distance)
    run = digitsmith.train("cgan", digits, "run", changes=[*MICRO, "epochs=6", "evaluate_every=2"]).run
    measured = [line for line in run.read_metrics() if "frechet_distance" in line]
    assert [(line["epoch"], line["frechet_distance"]) for line in measured] == [(2, 3.0), (4, 1.0), (6, 2.0)]
    import onnx
    from onnx import numpy_helper

    initializers = [numpy_helper.to_array(t) for t in onnx.load(run.model).graph.initializer]
    exported = next(t for t in initializers if t.shape == (784, 32))
    np.testing.assert_array_equal(exported, weights[1])
    training = digitsmith.load(run.folder).record.training
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
    with pytest.raises(ConfigError, match=r"here 100.*--during-training"):
        digitsmith.train("cgan", digits.take(slice(1000)), "run", changes=[*MICRO, "evaluate_every=1"])
    with pytest.raises(ConfigError, match="here 1,"):
        digitsmith.train("cgan", digits.take(slice(15)), "run", changes=[*MICRO, "batch_size=8", "evaluate_every=1"])
    with pytest.raises(DataError, match="fewer than one batch"):
        digitsmith.train("cgan", digits, "run", changes=[*MICRO, "batch_size=1400", "evaluate_every=1"])
    with pytest.raises(ConfigError, match="more than the 2 epochs"):
        digitsmith.train("cgan", digits, "run", changes=[*MICRO, "evaluate_every=3"])
    assert not Path("run").exists()


@pytest.mark.parametrize("changes", [["precision=float32"], ["precision=bfloat16"], ["discriminator.optimizer=rmsprop"],
                                     ["discriminator.optimizer=sgd"], ["generator_loss=saturating"],
                                     ["z_distribution=normal", "label_smoothing=0.0", "ema=0.9"]])  # fmt: skip
def test_variants_train(changes: list[str]) -> None:
    outcome = digitsmith.train("gan", "digits", "run", changes=[*MICRO, "epochs=1", *changes])
    assert outcome.finished
    assert digitsmith.load("run").sample(count=2).shape == (2, 28, 28)


@pytest.mark.parametrize("preset", ["cgan", "residual"])
def test_any_number_of_classes_and_any_size(preset: str) -> None:
    random_images = np.random.default_rng(0).integers(0, 256, (90, 9, 17), np.uint8)
    data = Dataset(random_images, np.arange(90) % 3, ("a", "b", "ten"))
    digitsmith.train(preset, data, "run", changes=[*MICRO, "batch_size=32"])
    model = digitsmith.load("run")
    assert model.record.classes == ("a", "b", "ten")
    assert model.sample(["ten", "a"]).shape == (2, 9, 17)


def test_data_that_cannot_be_trained_on_is_refused(digits: Dataset) -> None:
    one = Dataset(digits.images[:1], np.array([0]), digits.classes)
    with pytest.raises(DataError, match="1 training image: fewer than one batch of 64"):
        digitsmith.train("gan", one, "run", changes=MICRO)
    same = Dataset(digits.images[:100], np.zeros(100, np.int64), digits.classes)
    with pytest.raises(DataError, match="all images are of one class"):
        digitsmith.train("cgan", same, "run", changes=MICRO)
    with pytest.raises(DataError, match="no labels"):
        digitsmith.train("cgan", Dataset(digits.images), "run", changes=MICRO)
    large = Dataset(np.zeros((100, 100, 100), np.uint8))
    with pytest.raises(DataError, match="images of 100x100"):
        digitsmith.train("gan", large, "run", changes=MICRO)
    with pytest.raises(ConfigError, match="--device tpu"):
        digitsmith.train("cgan", digits, "run", changes=MICRO, device="tpu")
    assert not Path("run").exists()


def test_a_figure_shows_every_real_row_over_a_generated_one(micro_run: Run) -> None:
    from digitsmith.data.grid import untile

    with Image.open(micro_run.figures / "real-vs-fake.png") as picture:
        sheet = np.asarray(picture)[::2, ::2]
    with Image.open(micro_run.real) as real, Image.open(micro_run.sample(2)) as fake:
        rows = untile(sheet, (28, 28))
        np.testing.assert_array_equal(rows[0::2], untile(np.asarray(real), (28, 28))[:4])
        np.testing.assert_array_equal(rows[1::2], untile(np.asarray(fake), (28, 28))[:4])
