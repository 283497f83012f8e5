"""A training survives being killed at any moment, and goes on to what it would have become."""

import contextlib
import json
import random
import shutil
import signal
import threading
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tensorboard.summary.writer.record_writer import RecordWriter

import digitsmith
from conftest import MICRO, leave_weights_only, micro, refused
from digitsmith.data.dataset import Dataset
from digitsmith.errors import ConfigError, OutputError, RunError
from digitsmith.records.run import Run
from digitsmith.training.gans import checkpoint
from digitsmith.training.gans.folder import locked
from digitsmith.training.gans.metrics_log import MetricsLog, raised_once
from runs import contents, start, was_exported


def ended(process: BaseProcess) -> int | None:
    process.join()
    return process.exitcode


def wait(process: BaseProcess, until: Path) -> None:
    while process.is_alive() and not until.exists():
        time.sleep(0.0005)


@pytest.mark.slow
@pytest.mark.usefixtures("weights_only")
@pytest.mark.parametrize("preset", ["gan", "cgan", "residual"])
def test_a_run_killed_at_random_ends_with_the_same_weights_and_metrics(tmp_path: Path, few: Path, preset: str) -> None:
    changes = [*micro(preset), "epochs=12", "log_every=2", "ema=0.9"]
    changes += ["checkpoint_seconds=0"]  # a checkpoint after every step: most kills hit one
    data = few
    if preset == "cgan":  # enough images to hold a tenth of them out
        changes, data = [*changes, "batch_size=128", "epochs=6", "evaluate_every=1"], Path("digits")
    if preset == "residual":
        changes += ["epochs=8", "r1_every=2"]
    run = Run(tmp_path / "killed")

    def staged() -> list[Path]:
        return list(run.checkpoint.parent.glob(".*.partial"))

    chance = random.Random()
    kills = 0
    for kill in range(4):
        lines = len(run.read_metrics()) if run.metrics.exists() else 0
        process = start(run.folder, data, preset, changes, killed_in_save=0 if kill else 3)
        wait(process, run.checkpoint)
        if kill == 0:
            assert ended(process) == -signal.SIGKILL
            assert staged()
            kills += 1
            continue
        while process.is_alive() and len(run.metrics.read_text().splitlines()) <= lines:
            time.sleep(0.001)  # until it goes on
        if kill % 2:
            time.sleep(chance.uniform(0, 0.05))
        else:
            while process.is_alive() and not staged():
                time.sleep(0.0002)
        process.kill()
        kills += ended(process) == -signal.SIGKILL
    assert kills >= 3
    last = start(run.folder, data, preset, changes)
    whole = digitsmith.train(preset, data, tmp_path / "whole", changes=changes, progress=False).run
    assert ended(last) == 0
    assert contents(run) == contents(whole)
    assert was_exported(run)
    assert not staged()


@pytest.mark.usefixtures("weights_only")
def test_ctrl_c_saves_and_the_run_goes_on(tmp_path: Path, few: Path) -> None:
    changes = [*MICRO, "epochs=6"]
    run = Run(tmp_path / "run")
    assert ended(start(run.folder, few, "cgan", changes, interrupted_at=3)) == 3
    record = run.read_record()
    assert record.state == "interrupted"
    assert record.seconds > 0
    assert not was_exported(run)
    outcome = digitsmith.train(out=run.folder, resume=True, progress=False)
    assert (outcome.finished, outcome.epochs) == (True, 6)
    assert run.read_record().state == "finished"
    assert run.read_record().started == record.started
    whole = digitsmith.train("cgan", few, tmp_path / "whole", changes=changes, progress=False).run
    assert contents(run) == contents(whole)


@pytest.mark.usefixtures("weights_only")
def test_signals_are_heeded_and_a_second_ctrl_c_stops_at_once(few: Path) -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}

    class Impatient:
        """Sends signals when it is told of the training."""

        def __init__(self, *signals: int) -> None:
            self.signals = signals

        def update(self, work: str, done: int, total: int, detail: str = "") -> None:
            for number in self.signals:
                signal.raise_signal(number)

        def note(self, text: str) -> None:
            pass

    changes = [*MICRO, "epochs=3"]
    outcome = digitsmith.train("cgan", few, "run", changes=changes, progress=Impatient(signal.SIGTERM))
    assert (outcome.finished, outcome.epochs) == (False, 1)
    outcome = digitsmith.train(out="run", resume=True, progress=Impatient(signal.SIGHUP))
    assert (outcome.finished, outcome.epochs) == (False, 2)
    with pytest.raises(KeyboardInterrupt):
        digitsmith.train(out="run", resume=True, progress=Impatient(signal.SIGINT, signal.SIGINT))
    assert {number: signal.getsignal(number) for number in before} == before
    assert digitsmith.train(out="run", resume=True, progress=False).finished


def test_a_full_disk_stops_a_training_with_one_message_and_it_goes_on_later(tmp_path: Path, few: Path) -> None:
    """A file-size limit stands in for the disk: the checkpoint's write fails in the kernel."""
    run = Run(tmp_path / "run")
    changes = [*MICRO, "generator.widths=[256]", "epochs=1"]
    assert ended(start(run.folder, few, "cgan", changes, largest_file=500_000)) == 2
    message = (run.folder / "error").read_text()
    assert "state.safetensors: File too large" in message
    assert "Nothing was left half-written" in message
    assert not run.checkpoint.exists()
    assert not list(run.folder.rglob("*.partial"))
    assert ended(start(run.folder, few, "cgan", changes)) == 0
    assert run.read_record().state == "finished"


def test_what_ends_tensorboards_thread_is_raised_and_not_printed_besides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    printed: list[object] = []
    monkeypatch.setattr(threading, "excepthook", printed.append)
    with raised_once():
        with (
            refused(OutputError, r"cannot write .*: No space left on device"),
            contextlib.closing(MetricsLog(Run(tmp_path), 0)) as log,
        ):
            monkeypatch.setattr(RecordWriter, "write", full)
            log.picture("samples", np.zeros((2, 2), np.uint8), 1)
            log.sync()
        other = threading.Thread(target=full)
        other.start()
        other.join()
    assert len(printed) == 1  # of the other thread


@pytest.mark.usefixtures("weights_only")
def test_a_run_killed_before_its_first_checkpoint_starts_again(few: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("digitsmith.training.gans.train.train_epochs", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            digitsmith.train("cgan", few, "run", changes=MICRO, progress=False)
    assert Run(Path("run")).read_record().state == "training"
    resumed = digitsmith.train(out="run", resume=True, progress=False).run
    whole = digitsmith.train("cgan", few, "whole", changes=MICRO, progress=False).run
    assert contents(resumed) == contents(whole)


def test_a_run_folder_appears_with_all_that_makes_it_a_run(few: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("digitsmith.training.gans.folder.write_config", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            digitsmith.train("cgan", few, "run", changes=MICRO, progress=False)
    assert not Path("run").exists()
    with refused(RunError, "run holds no run: it has no config.toml"):
        digitsmith.train(out="run", resume=True)


def test_more_epochs_continue_a_run_as_if_it_had_been_longer(micro_run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        leave_weights_only(patch)
        digitsmith.train("cgan", "digits", "short", changes=[*MICRO, "epochs=1"], progress=False)
    continued = digitsmith.train(out="short", changes={"epochs": 2}, resume=True, progress=False).run
    assert contents(continued) == contents(micro_run)
    assert continued.read_config().optimizer.epochs == 2


def test_a_changed_hyperparameter_is_refused_with_the_difference(micro_run: Run) -> None:
    before = contents(micro_run)
    with refused(RunError, r"optimizer\.generator\.lr: 0\.0002 in the run, 0\.001 now"):
        digitsmith.train(out=micro_run.folder, changes={"generator.lr": 0.001}, resume=True)
    with refused(RunError, "optimizer.epochs: 2 in the run, 1 now; a run can only be made longer"):
        digitsmith.train(out=micro_run.folder, changes={"epochs": 1}, resume=True)
    with refused(RunError, r"architecture: fully-connected in the run, residual now"):
        digitsmith.train("residual", out=micro_run.folder, resume=True)
    with refused(RunError, "training images are not the ones"):
        digitsmith.train(data="digits:test", out=micro_run.folder, resume=True)
    assert contents(micro_run) == before


@pytest.mark.usefixtures("weights_only")
def test_what_touches_no_step_may_change(few: Path) -> None:
    config = digitsmith.train("cgan", few, "run", changes=[*MICRO, "epochs=1"], progress=False).run.read_config()
    assert config.may_change() == {"optimizer.epochs", "run.checkpoint_seconds", "run.log_every"}
    changes = {"epochs": 2, "log_every": 1, "checkpoint_seconds": 0}
    run = digitsmith.train(out="run", changes=changes, resume=True, progress=False).run
    assert [line.step for line in run.read_metrics()] == [5, 6, 7, 8, 9, 10]
    assert run.read_config().run.log_every == 1


def test_a_run_whose_learning_rates_fall_cannot_be_made_longer(micro_residual: Run) -> None:
    with refused(RunError, r"epochs: 2 in the run, 3 now; learning rates that fall"):
        digitsmith.train(out=micro_residual.folder, changes=["epochs=3"], resume=True)


def test_two_processes_do_not_train_in_one_folder(micro_run: Run) -> None:
    with locked(micro_run.folder), refused(RunError, "another process is training"):
        digitsmith.train(out=micro_run.folder, changes={"epochs": 3}, resume=True)


def test_the_lock_empties_no_other_file(tmp_path: Path) -> None:
    """A run folder of a stranger may have a second name of a file of the user's in the place of the lock."""
    (tmp_path / "precious").write_text("mine")
    (tmp_path / ".lock").hardlink_to(tmp_path / "precious")
    with locked(tmp_path):
        assert not (tmp_path / ".lock").samefile(tmp_path / "precious")
        with refused(RunError, "another process is training"), locked(tmp_path):
            pytest.fail("the block must not run")
    assert (tmp_path / "precious").read_text() == "mine"


def test_a_folder_that_holds_something_is_not_touched(micro_run: Run) -> None:
    before = contents(micro_run)
    with refused(OutputError, "holds a run: resume it, or choose another folder", "resume"):
        digitsmith.train("cgan", "digits", micro_run.folder, changes=MICRO)
    assert contents(micro_run) == before
    with refused(RunError, "holds no run"):
        digitsmith.train(out="nothing", resume=True)
    with refused(ConfigError, "say what to train", "preset"):
        digitsmith.train(out="nothing")
    assert not Path("nothing").exists()


@pytest.mark.parametrize("keep", [0, 7, 5000, 100_000])
def test_a_checkpoint_cut_short_is_refused(micro_run: Run, keep: int) -> None:
    run = Run(Path(shutil.copytree(micro_run.folder, "run")))
    run.checkpoint.write_bytes(run.checkpoint.read_bytes()[:keep])
    with refused(RunError, "damaged"):
        digitsmith.train(out="run", changes={"epochs": 3}, resume=True)
    with refused(RunError, "damaged"):
        digitsmith.export("run", "model.onnx")
    with refused(RunError, "damaged"):
        checkpoint.load_pair(run)[0]


@pytest.mark.usefixtures("weights_only")
def test_a_checkpoint_of_another_config_is_refused(micro_run: Run, few: Path) -> None:
    changes = [*MICRO, "epochs=1", "generator.widths=[20,20]"]
    other = digitsmith.train("cgan", few, "other", changes=changes, progress=False).run
    run = Run(Path(shutil.copytree(micro_run.folder, "run")))
    run.checkpoint.write_bytes(other.checkpoint.read_bytes())
    with refused(RunError, "of another configuration"):
        digitsmith.train(out="run", changes={"epochs": 3}, resume=True)
    run.checkpoint.unlink()
    with refused(RunError, "no checkpoint to go on from"):
        digitsmith.train(out="run", changes={"epochs": 3}, resume=True)


@pytest.mark.usefixtures("weights_only")
def test_a_line_that_a_killed_run_left_in_part_is_taken_out(micro_run: Run) -> None:
    run = Run(Path(shutil.copytree(micro_run.folder, "run")))
    with run.metrics.open("a") as file:
        file.write('{"epoch": 3, "st')
    with refused(RunError, "resuming it mends the file"):
        run.read_metrics()
    digitsmith.train(out="run", resume=True, progress=False)
    assert run.metrics.read_text() == micro_run.metrics.read_text()
    assert all(json.loads(line) for line in run.metrics.read_text().splitlines())


@pytest.mark.usefixtures("weights_only")
@pytest.mark.parametrize(("changes", "kind"), [([], "generator"), (["ema=0.9"], "ema"), (["evaluate_every=2"], "best")])
def test_a_generators_weights_can_be_read_alone(digits: Dataset, changes: list[str], kind: str) -> None:
    run = digitsmith.train("cgan", digits, "run", changes=[*MICRO, *changes], progress=False).run
    weights = checkpoint.load_pair(run)[0]
    saved = {key.removeprefix(f"{kind}."): tensor for key, tensor in load_file(run.checkpoint).items()}
    assert {"hidden.0.linear.weight", "last.bias"} <= weights.keys()
    assert all(torch.equal(tensor, saved[key]) for key, tensor in weights.items())
    assert np.isfinite(weights["last.bias"].numpy()).all()
