"""Checkpoints of strangers: whatever is in one, it is taken whole or refused by name, and no native code is misled."""

import json
import os
import re
import shutil
import struct
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import Tensor

import digitsmith
from conftest import micro, refused
from digitsmith.config.loading import load_config, to_values
from digitsmith.config.schema import TrainConfig
from digitsmith.errors import ConfigError, DigitsmithError, RunError
from digitsmith.records.base import DataRecord
from digitsmith.records.run import Run
from digitsmith.training.gans import checkpoint
from digitsmith.training.gans.state import State, new_state, update_ema
from digitsmith.training.gans.step import adversarial_step
from digitsmith.training.gans.styles import Styles

CPU = torch.device("cpu")
IMAGES = 48
DATA = DataRecord(source="", sha256="0" * 64, images=IMAGES, image_size=(8, 8), classes=tuple("abcd"))
CONFIGS = {
    "cgan": [*micro("cgan"), "discriminator.name=sgd", "evaluate_every=1", "ema=0.9"],
    "gan": [*micro("gan"), "generator.name=rmsprop", "discriminator.name=sgd", "discriminator.betas=[0.0,0.9]"],
    "residual": [*micro("residual"), "styles=3"],
}


def config_of(preset: str) -> TrainConfig:
    return load_config(preset, [*CONFIGS[preset], "batch_size=16"])


def step(state: State, config: TrainConfig) -> None:
    labels = len(DATA.classes) * config.networks.styles
    label = torch.arange(16) % labels if config.networks.conditional else None
    real = torch.rand(16, 1, 8, 8) * 2 - 1
    state.sums += adversarial_step(state.generator, state.discriminator, real, label, config, state.position.step)
    update_ema(state, config.optimizer.ema)
    state.position.step += 1
    state.position.epoch_step += 1
    state.position.summed_steps += 1


def a_state(config: TrainConfig, steps: int = 2) -> State:
    state = new_state(config, (1, 8, 8), len(DATA.classes), CPU)
    if (styles := config.networks.styles) > 1:
        state.styles = Styles(torch.arange(IMAGES) % (4 * styles), torch.tensor([[0, torch.inf]]).repeat(4, 1))
    for _ in range(steps):
        step(state, config)
    return state


@pytest.fixture(params=list(CONFIGS))
def preset(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def load(path: Path, config: TrainConfig) -> State:
    with torch.random.fork_rng():
        return checkpoint.load(path, config, DATA, CPU, IMAGES)


def rewritten(path: Path, change: Callable[[dict[str, Tensor], dict[str, Any]], object]) -> None:
    """Change tensors and position in a checkpoint, under a header that fits them."""
    tensors = load_file(path)
    content = path.read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"]
    position = json.loads(header["position"])
    change(tensors, position)
    save_file({k: t.contiguous() for k, t in tensors.items()}, path, header | {"position": json.dumps(position)})


@pytest.mark.parametrize("steps", [0, 2])
def test_a_checkpoint_brings_back_the_whole_state(tmp_path: Path, preset: str, steps: int) -> None:
    config, path = config_of(preset), tmp_path / "state"
    state = a_state(config, steps)
    checkpoint.save(path, state)
    loaded = load(path, config)
    assert loaded.position == state.position
    checkpoint.save(tmp_path / "again", loaded)
    before, after = load_file(path), load_file(tmp_path / "again")
    assert before.keys() == after.keys()
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items() if name != "random.cpu")


def spoilt(tensor: Tensor) -> list[Tensor | None]:
    """A tensor as no training leaves it: another shape, too short, another dtype, no numbers, or none at all."""
    short = tensor.reshape(-1)[: tensor.numel() // 2].clone()
    others = [tensor.to(torch.int8 if tensor.dtype == torch.int16 else torch.int16), None]
    if tensor.is_floating_point():
        others += [torch.full_like(tensor, torch.nan), tensor.to(torch.bfloat16)]
    return [torch.zeros(3, 5, dtype=tensor.dtype), short, *others]


@pytest.mark.slow
def test_every_tensor_must_be_what_the_config_says(tmp_path: Path, preset: str) -> None:
    config, path = config_of(preset), tmp_path / "state"
    checkpoint.save(path, a_state(config))
    whole, tensors = path.read_bytes(), load_file(path)
    for i, (name, tensor) in enumerate(tensors.items()):
        ways = spoilt(tensor)
        of_network = name.startswith(("generator.", "discriminator.", "ema.", "best."))
        for other in [ways[i % len(ways)]] if of_network else ways:  # networks have many, which are all treated alike
            path.write_bytes(whole)
            rewritten(path, partial(replace_tensor, name, other))
            with refused(RunError, rf"\((it lacks )?{re.escape(name)}.*it is damaged or of another configuration"):
                load(path, config)
    for name in ("another", "generator.another", "generator-optimizer.another"):
        path.write_bytes(whole)
        rewritten(path, partial(replace_tensor, name, torch.zeros(1)))
        with refused(RunError, f"a tensor {name}, of which this training has none"):
            load(path, config)


def replace_tensor(name: str, other: Tensor | None, tensors: dict[str, Tensor], _: object) -> None:
    tensors.pop(name, None)
    if other is not None:
        tensors[name] = other


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("epoch", "x", "epoch: Input should be a valid integer"),
        ("epoch", -5, "epoch: Input should be greater than or equal to 0"),
        ("epoch", 3, "epoch is 3, more than 2"),
        ("epoch", 10**30, "epoch is 1"),
        ("epoch", True, "epoch: Input should be a valid integer"),
        ("epoch_step", 10**9, "epoch_step is 1,000,000,000, more than 2"),
        ("step", 1, "step is 1, not 2"),
        ("step", 3, "step is 3, more than 2"),
        ("seconds", None, "seconds: Input should be a valid number"),
        ("seconds", float("nan"), "seconds"),
        ("seconds", float("inf"), "seconds: "),
        ("seconds", 1e300, "seconds: "),
        ("summed_steps", 3, "summed_steps is 3, more than 2"),
        ("best_epoch", 1, "best_epoch is 1, more than 0"),
        ("best_distance", 1.0, "best_epoch and best_distance"),
        ("best_distance", float("nan"), "best_distance: "),
        ("best_distance", -1.0, "best_distance: "),
    ],
)
def test_every_number_of_the_position_must_be_one_that_the_training_comes_to(
    tmp_path: Path, name: str, value: object, problem: str
) -> None:
    config, path = config_of("cgan"), tmp_path / "state"
    checkpoint.save(path, a_state(config))
    rewritten(path, lambda _, position: position.update({name: value}))
    with refused(RunError, rf"state cannot be read \({problem}"):
        load(path, config)


def set_to(name: str, value: float) -> Callable[[dict[str, Tensor], object], object]:
    return lambda tensors, _: tensors[name].view(-1)[:1].fill_(value)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (set_to("styles.of_images", 12), "styles.of_images has values up to 12, of 12 styles"),
        (set_to("styles.of_images", -1), "styles.of_images has values below 0"),
        (set_to("styles.bounds", torch.nan), "styles.bounds has values that are no finite"),
        (set_to("generator-optimizer.exp_avg_sq", -1), "generator-optimizer.exp_avg_sq has values below 0"),
        (set_to("generator-optimizer.step", 1e30), "generator-optimizer.step is 1e[+]30, not 2"),
        (set_to("sums", torch.inf), "sums has values that are no finite"),
    ],
)
def test_values_that_no_training_comes_to_are_refused(
    tmp_path: Path, change: Callable[..., object], problem: str
) -> None:
    config, path = config_of("residual"), tmp_path / "state"
    checkpoint.save(path, a_state(config))
    rewritten(path, change)
    with refused(RunError, problem):
        load(path, config)


@pytest.mark.parametrize(("left", "following"), [(624, 624), (624, 10**6), (-1, 0), (0, 625), (2**30, 0)])
def test_a_random_state_that_leads_past_its_end_is_refused(tmp_path: Path, left: int, following: int) -> None:
    config, path = config_of("gan"), tmp_path / "state"
    checkpoint.save(path, a_state(config))
    pointers = np.frombuffer(struct.pack("=iiQ", left, 1, following), np.uint8).copy()
    rewritten(path, lambda tensors, _: tensors["random.cpu"][8:24].copy_(torch.from_numpy(pointers)))
    with refused(RunError, "random.cpu is no state"):
        load(path, config)


def test_a_random_state_from_any_place_is_taken(tmp_path: Path) -> None:
    config, path = config_of("gan"), tmp_path / "state"
    state = a_state(config)
    with torch.random.fork_rng():
        for seed, draws in ((1, 0), (2, 1), (3, 623), (4, 624), (5, 625), (6, 1247)):
            torch.manual_seed(seed)
            torch.rand(draws)
            checkpoint.save(path, state)
            expected = torch.rand(3)
            checkpoint.load(path, config, DATA, CPU, IMAGES)
            assert torch.equal(torch.rand(3), expected)


def test_a_file_that_is_far_too_large_or_none_is_not_read(tmp_path: Path) -> None:
    config, path = config_of("gan"), tmp_path / "state"
    with path.open("wb") as file:
        file.truncate(2**40)  # a hole that takes no space
    with refused(RunError, "it has more than"):
        load(path, config)
    path.unlink()
    os.mkfifo(path)
    with refused(RunError, "no regular file"):
        load(path, config)


def test_networks_beyond_all_memory_are_refused_before_they_are_made(tmp_path: Path) -> None:
    config = load_config("gan", ["generator.widths=[16384,16384]", "discriminator.widths=[9]", "batch_size=16"])
    with refused(ConfigError, "weights, more than 268,435,456: choose smaller widths"):
        new_state(config, (1, 128, 128), 0, CPU)
    checkpoint.save(tmp_path / "state", a_state(config_of("gan")))
    with refused(RunError, "it lacks discriminator-optimizer"):
        checkpoint.load(tmp_path / "state", config, DATA, CPU)


def test_a_config_that_was_never_settled_is_refused(tmp_path: Path, micro_run: Run) -> None:
    values = to_values(micro_run.read_config())
    del values["optimizer"]["epochs"]
    open_config = TrainConfig.model_validate(values | {"optimizer": values["optimizer"] | {"steps": 44}}, strict=False)
    with refused(RunError, "does not say for how many epochs"):
        checkpoint.load(micro_run.checkpoint, open_config, micro_run.read_record().data, CPU)


def test_refused_checkpoints_end_commands_with_their_name(micro_run: Run, tmp_path: Path) -> None:
    run = Run(Path(shutil.copytree(micro_run.folder, tmp_path / "run")))
    rewritten(run.checkpoint, lambda tensors, _: tensors.update({"generator-optimizer.exp_avg": torch.zeros(4)}))
    for use in (
        lambda: digitsmith.train(out=run.folder, resume=True, changes={"epochs": 3}),
        lambda: digitsmith.export(run.folder, tmp_path / "model.onnx"),
        lambda: checkpoint.load_pair(run)[0],
    ):
        with refused(RunError, r"generator-optimizer\.exp_avg is float32\[4\], not float32\[\d+\]"):
            use()


def _mutated(content: bytes, data: st.DataObject) -> bytes:
    """Bytes, words of the header, or numbers of it, changed."""
    end = 8 + int.from_bytes(content[:8], "little")
    how = data.draw(st.sampled_from(["bytes", "header", "cut", "metadata"]))
    if how == "cut":
        return content[: data.draw(st.integers(0, len(content)))]
    if how == "bytes":
        changed = bytearray(content)
        for _ in range(data.draw(st.integers(1, 4))):
            upto = data.draw(st.sampled_from([end, len(content)]))
            changed[data.draw(st.integers(0, upto - 1))] = data.draw(st.integers(0, 255))
        return bytes(changed)
    header = json.loads(content[8:end])
    scalar = st.none() | st.integers(-2, 2**70) | st.floats() | st.text(max_size=4) | st.just([]) | st.just({})
    if how == "metadata":
        position = json.loads(header["__metadata__"]["position"])
        position[data.draw(st.sampled_from([*position, "x"]))] = data.draw(scalar)
        header["__metadata__"]["position"] = json.dumps(position)
    else:
        names = sorted(header)
        name, other = data.draw(st.sampled_from(names)), data.draw(st.sampled_from(names))
        kind = data.draw(st.sampled_from(["swap", "drop", "rename", "dtype", "shape", "offsets", "any"]))
        if kind == "swap":
            header[name], header[other] = header[other], header[name]
        elif kind == "drop":
            del header[name]
        elif kind == "rename":
            header[data.draw(st.text(max_size=8))] = header.pop(name)
        elif kind == "any" or name == "__metadata__":
            header[name] = data.draw(scalar)
        elif kind == "dtype":
            header[name]["dtype"] = data.draw(st.sampled_from(["F64", "I32", "F16", "BF16", "BOOL", "U8", "F4", ""]))
        elif kind == "shape":
            header[name]["shape"] = data.draw(st.lists(st.integers(-1, 2**64), max_size=3))
        else:
            header[name]["data_offsets"] = data.draw(st.lists(st.integers(-1, len(content)), max_size=3))
    words = json.dumps(header).encode()
    return len(words).to_bytes(8, "little") + words + content[end:]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The content of a checkpoint of each config."""
    path = tmp_path_factory.mktemp("whole") / "state"
    found = {}
    for name in CONFIGS:
        checkpoint.save(path, a_state(config_of(name)))
        found[name] = path.read_bytes()
    return found


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(name=st.sampled_from(list(CONFIGS)), data=st.data())
def test_any_checkpoint_trains_on_or_is_refused(
    whole: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "any-state"
    path.write_bytes(_mutated(whole[name], data))
    config = config_of(name)
    try:
        with torch.random.fork_rng():
            state = checkpoint.load(path, config, DATA, CPU, IMAGES)
            step(state, config)
    except DigitsmithError:
        return
    assert state.position.step in (1, 3)
