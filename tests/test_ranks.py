"""Ranks under torchrun train as one process does, end together, and go on together."""

import shutil
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

import digitsmith
from conftest import MICRO, micro, refused
from digitsmith.config.loading import load_config
from digitsmith.data.dataset import Dataset
from digitsmith.errors import ConfigError
from digitsmith.progress import Silent
from digitsmith.records.run import Run
from digitsmith.report.commands import command as command_line
from digitsmith.report.commands import launched
from digitsmith.training.gans.following import PARTS
from digitsmith.training.gans.state import new_state
from digitsmith.training.gans.step import adversarial_step
from digitsmith.training.networks import new_networks
from digitsmith.training.ranks import ALONE, DONE, Group, Ranks
from digitsmith.training.readers import mixing
from digitsmith.training.readers.classifier_training import Extras
from digitsmith.training.readers.self_training import self_train, states
from digitsmith.training.torchrun import joined
from launched import Launched, command, command_killed
from runs import contents

TORCHRUN = {
    "RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1",
    "MASTER_PORT": "1",
}  # fmt: skip
WITHOUT_STATISTICS = {
    "gan": ("gan", {}),
    "all that there is": (
        "cgan",
        {"generator.batch_norm": False, "discriminator.batch_norm": False, "augment": 0.6, "r1": 0.3, "r1_every": 2,
         "relativistic": True, "auxiliary": 0.2, "styles": 2},
    ),
}  # fmt: skip
"""Presets, and changes to them, of which no part looks at several images at once."""


def steps(ranks: Ranks, preset: str, changes: dict[str, object]) -> dict[str, Tensor]:
    """What two steps of a training with batches of 24 measure, and the gradients of the second."""
    changes |= {"generator.widths": [16, 16], "discriminator.widths": [16, 16], "batch_size": 24}
    changes |= {"generator.name": "sgd", "discriminator.name": "sgd"}  # Adam's first steps go by what is rounded, too
    config = load_config(preset, changes)
    torch.manual_seed(0)
    state = new_state(config, (1, 12, 12), 3, torch.device("cpu"))
    ranks = ranks.sharing(24, config.networks.batch_multiple)
    state.join(ranks)
    found = {}
    for step in range(2):
        real, label = torch.rand(24, 1, 12, 12) * 2 - 1, torch.randint(3 * config.networks.styles, (24,))
        labels = ranks.part(label) if config.networks.conditional else None
        found[f"scalars {step}"] = adversarial_step(
            state.generator, state.discriminator, ranks.part(real), labels, config, step
        )
        ranks.average([found[f"scalars {step}"]])
    for name, learner in (("generator", state.generator), ("discriminator", state.discriminator)):
        assert learner.flat.grad is not None
        found |= {name: learner.flat.grad, f"weights of {name}": learner.flat}
    return found | {"random": torch.get_rng_state()}


def leave_steps() -> None:
    with joined() as ranks:
        torch.save([steps(ranks, *each) for each in WITHOUT_STATISTICS.values()], f"steps-{ranks.rank}")


@pytest.mark.slow
def test_steps_of_two_ranks_are_those_of_one(tmp_path: Path) -> None:
    """Losses, gradients, and random numbers: dropout, distortions, penalty and all."""
    launched = Launched(tmp_path, leave_steps)
    assert launched.end(), launched.said()
    of_one = [steps(ALONE, *each) for each in WITHOUT_STATISTICS.values()]
    first, second = (torch.load(tmp_path / f"steps-{rank}") for rank in range(2))
    for expected, mine, others in zip(of_one, first, second, strict=True):
        for name, tensor in expected.items():
            assert torch.equal(mine[name], others[name]), name  # bit for bit
            torch.testing.assert_close(mine[name], tensor, rtol=1e-4, atol=1e-6, msg=name)


def test_a_share_has_whole_groups_and_halves(digits: Dataset) -> None:
    """The residual discriminator compares images in groups, and the R1 penalty sees half of a batch."""
    config = load_config("residual", [*micro("residual"), "batch_size=64"])
    torch.manual_seed(0)
    discriminator = new_networks(config, (1, 28, 28), 10)[1]
    images = torch.tensor(digits.images[:64], dtype=torch.float32)[:, None] / 127.5 - 1
    labels = torch.tensor(digits.labels[:64])
    logits = discriminator(images, labels).logit
    shares = [Group(rank, 2, 2).sharing(64, config.networks.batch_multiple) for rank in range(2)]
    for share in shares:
        mine = discriminator(share.part(images), share.part(labels)).logit
        torch.testing.assert_close(mine, share.part(logits))
        assert torch.equal(share.part(images)[:16], share.part(images[:32]))
        both = torch.cat([images, -images])
        assert torch.equal(share.part(both), torch.cat([share.part(images), share.part(-images)]))
    assert torch.equal(torch.cat([share.part(labels) for share in shares]).bincount(), labels.bincount())


def train(preset: str, out: str) -> list[str]:
    changes = [*micro(preset), "epochs=3", "log_every=2", "checkpoint_seconds=0", "ema=0.9", "augment=0.5"]
    return ["train", preset, "--data", "few", "--out", out, *(f"--set={change}" for change in changes)]


def test_when_a_rank_is_killed_all_end_and_they_go_on_to_the_same_weights(few: Path, tmp_path: Path) -> None:
    (tmp_path / "few").symlink_to(few)
    whole = Launched(tmp_path, command, train("cgan", "whole"))
    assert whole.end(), whole.said()
    first, second = whole.said()
    assert "2 ranks train together, with" in first
    assert "Trained 3 epochs" in first
    assert not second
    resume = ["train", "--resume", "--out", "killed"]
    for rank, step, words in (1, 8, train("cgan", "killed")), (0, 3, resume):
        killed = Launched(tmp_path, command_killed, rank, step, words)
        assert not killed.end()
        said = killed.said()[1 - rank]
        assert said.count("another rank has ended") == 1
        assert "resume the training" in said
    resumed = Launched(tmp_path, command, resume)
    assert resumed.end(), resumed.said()
    run = Run(tmp_path / "killed")
    assert contents(run) == contents(Run(tmp_path / "whole"))
    assert run.read_record().ranks == 2


def learn_thrice(few: Path) -> None:
    """Train readers by themselves: one to the end, and one that is interrupted, and goes on."""
    data = digitsmith.load_dataset(few)
    small = replace(mixing.RECIPE, layers=((16, 2), (32, 2)), epochs=2, batch_size=32, lr=1e-2)
    mixing.MANY = replace(small, softness=1.0)

    class Interrupt(Silent):
        def update(self, work: str, done: int, total: int, detail: str = "") -> None:
            if "from its own labels (1 of 2)" in work:
                signal.raise_signal(signal.SIGINT)

    def taught(name: str, progress: Silent) -> None:
        known, extras = data.take(slice(0, 60)), Extras(data.images[60:], 32, refuses=True)
        found = self_train(known, known, small, 1, extras, Path(name), progress, work="learning", ranks=ranks)
        assert len(found.sure) == small.epochs < len(found.losses)

    with joined() as ranks:
        if ranks.follower:
            ranks.follower.follow(PARTS)
            return
        taught("whole", Silent())
        with pytest.raises(KeyboardInterrupt):
            taught("cut", Interrupt())
        assert not Path("cut-2").exists()
        taught("cut", Silent())
        ranks.tell(DONE, {}, {})


def test_a_learning_of_ranks_goes_on_to_the_same_weights_after_ctrl_c(few: Path, tmp_path: Path) -> None:
    launched = Launched(tmp_path, learn_thrice, few)
    assert launched.end(), launched.said()
    for whole, cut in zip(states(Path("whole")), states(Path("cut")), strict=True):
        assert whole.read_bytes() == cut.read_bytes()


@pytest.mark.slow
def test_ranks_learn_to_read_together(few: Path, tmp_path: Path) -> None:
    launched = Launched(
        tmp_path, command, ["learn", "reader", "--data", str(few), "--per-class", "4", "--generated", "none"]
    )
    assert launched.end(), launched.said()
    first, second = launched.said()
    assert "2 ranks train together, with" in first
    assert "Learned from 40 labelled and 280 unlabelled images" in first
    assert not second
    training = digitsmith.load_reader(tmp_path / "reader").record.training
    assert training is not None
    assert training.ranks == 2


@pytest.mark.usefixtures("weights_only")
def test_another_number_of_ranks_may_go_on_and_it_is_said(micro_run: Run) -> None:
    notes = []

    class Listener(Silent):
        def note(self, text: str) -> None:
            notes.append(text)

    run = Run(Path(shutil.copytree(micro_run.folder, "run")))
    run.read_record().model_copy(update={"ranks": 2}).save(run.record)
    digitsmith.train(out="run", changes={"epochs": 3}, resume=True, progress=Listener())
    assert [note[:56] for note in notes] == ["Until now, 2 ranks trained it; from now on, one process."]
    assert run.read_record().ranks == 1


@pytest.mark.parametrize("missing", ["RANK", "MASTER_ADDR", "MASTER_PORT", "LOCAL_RANK", "LOCAL_WORLD_SIZE"])
def test_a_missing_variable_is_named(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    for name, value in TORCHRUN.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv(missing)
    with refused(ConfigError, f"WORLD_SIZE is set, but not {missing}: start ranks with torchrun"):
        digitsmith.train("cgan", "digits", changes=MICRO)
    with refused(ConfigError, f"WORLD_SIZE is set, but not {missing}: start ranks with torchrun"):
        digitsmith.learn("digits")


@pytest.mark.parametrize(
    ("name", "value", "match"),
    [
        ("RANK", "2", "rank '2' of '2' .* makes no sense"),
        ("WORLD_SIZE", "two", "rank '0' of 'two' .* makes no sense"),
        ("LOCAL_RANK", "2", "LOCAL_RANK and LOCAL_WORLD_SIZE make no sense"),
        ("LOCAL_WORLD_SIZE", "x", "LOCAL_RANK and LOCAL_WORLD_SIZE make no sense"),
    ],
)
def test_variables_that_make_no_sense_are_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, match: str
) -> None:
    for each, given in (TORCHRUN | {name: value}).items():
        monkeypatch.setenv(each, given)
    with refused(ConfigError, match):
        digitsmith.train("cgan", "digits", changes=MICRO)
    assert not Path("runs").exists()


def test_what_is_to_be_started_again_is_started_by_torchrun(monkeypatch: pytest.MonkeyPatch) -> None:
    again = command_line("train", resume=True, out="runs/x")
    assert launched(again) == again
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    assert launched(again) == "torchrun --nproc-per-node 2 -m digitsmith train --resume --out runs/x"


def test_one_rank_is_a_training_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    for each, given in (TORCHRUN | {"WORLD_SIZE": "1", "MASTER_ADDR": ""}).items():
        monkeypatch.setenv(each, given)
    with joined() as ranks:
        assert ranks is ALONE


@pytest.mark.parametrize(
    ("batch", "multiple", "ranks", "mend"),
    [
        (64, 16, 8, "use 4 ranks, or set batch_size to 128"),
        (128, 1, 3, "use 2 ranks, or set batch_size to 132"),
        (63, 1, 2, "use one process, or set batch_size to 64"),
        (64, 1, 1000, "use 32 ranks, or set batch_size to 2000"),
    ],
)
def test_a_batch_that_cannot_be_shared_is_refused(batch: int, multiple: int, ranks: int, mend: str) -> None:
    with refused(ConfigError, f"a batch of {batch} images cannot be shared among {ranks} ranks.*: {mend}", "changes"):
        Group(0, ranks, ranks).sharing(batch, multiple)
    assert ALONE.sharing(batch, multiple) is ALONE


def test_what_ranks_cannot_have_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    group = Group(0, 4, 4)
    with refused(ConfigError, "a batch of 24 images cannot be shared among 4 ranks.*: use 3 ranks"):
        group.whole(24, 8)
    assert group.whole(67, 8) == 64
    with refused(ConfigError, "each rank takes a GPU of its own: use cuda in place of cuda:1", "device"):
        group.introduce(torch.device("cuda:1"), Silent())
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with refused(ConfigError, "4 ranks on a machine of 2 GPUs: start as many as there are GPUs", "device"):
        group.introduce(torch.device("cuda"), Silent())
