"""Images without end: the same as `generate`'s, in any parts, for any number of workers, and from any index on."""

import copy
import multiprocessing
import os
import pickle
import threading
import weakref
from itertools import islice

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

import digitsmith
from conftest import refused
from digitsmith.errors import ConfigError, ModelError
from digitsmith.generation.stream import Stream
from digitsmith.models.generator import Model
from digitsmith.models.noise import MAX_INDEX
from digitsmith.models.running import Workers
from tiny_models import a_model


@pytest.fixture(scope="module")
def model() -> Model:
    return a_model()


@pytest.fixture(scope="module")
def whole(model: Model) -> np.ndarray:
    return model.sample(np.arange(2100) % 10, seed=5)


def joined(stream: Stream, batches: int) -> tuple[np.ndarray, np.ndarray]:
    made = list(islice(stream, batches))
    return np.concatenate([images for images, _ in made]), np.concatenate([labels for _, labels in made])


@pytest.mark.parametrize(("batch", "start"), [(256, 0), (1, 250), (100, 0), (300, 37), (512, 511)])
def test_it_is_the_series_of_generate_from_any_index_in_any_batches(model, whole, batch, start) -> None:
    digits = digitsmith.stream(model, seed=5, batch=batch, start=start)
    images, labels = joined(digits, 3)
    assert digits.position == start + 3 * batch
    np.testing.assert_array_equal(images, whole[start : digits.position])
    np.testing.assert_array_equal(labels, np.arange(start, digits.position) % 10)
    assert labels.dtype == np.int64


def test_labels_and_confidence_are_those_of_generate(model) -> None:
    asked = {"model": model, "labels": ["7", 2], "draw": True, "seed": 3}
    images, labels = joined(digitsmith.stream(**asked, batch=50), 2)
    data = digitsmith.load_dataset(digitsmith.generate("made", 100, **asked))
    np.testing.assert_array_equal(images, data.images)
    np.testing.assert_array_equal(labels, data.labels)
    assert digitsmith.stream(model).classes == data.classes
    shipped = {"labels": [1, 4, 9], "min_confidence": 0.999}
    strict = digitsmith.load_dataset(digitsmith.generate("strict", 60, **shipped))
    np.testing.assert_array_equal(next(digitsmith.stream(**shipped, batch=60))[0], strict.images)


def test_it_goes_on_where_it_stands_after_a_break_a_copy_a_close_and_a_failure(model, whole, monkeypatch) -> None:
    digits = digitsmith.stream(model, seed=5, batch=100)
    for _ in digits:
        break
    again = pickle.loads(pickle.dumps(digits))
    digits.close()
    with monkeypatch.context() as patch:
        patch.setattr(Model, "make", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            next(digits)
    for stream in (digits, again, copy.deepcopy(again)):
        assert stream.position == 100
        np.testing.assert_array_equal(joined(stream, 3)[0], whole[100:400])


@pytest.mark.parametrize(("batch", "parts"), [(64, 3), (256, 2), (300, 3)])
def test_parts_together_are_the_whole(model, whole, batch, parts) -> None:
    digits = digitsmith.stream(model, seed=5, batch=batch, start=10)
    made = zip(*(digits.part(i, parts, threads=1) for i in range(parts)), strict=True)
    images = np.concatenate([images for batches in islice(made, 2) for images, _ in batches])
    np.testing.assert_array_equal(images, whole[10 : 10 + len(images)])
    assert digits.position == 10


def test_one_that_is_dropped_ends_at_once(model) -> None:
    digits = digitsmith.stream(model, batch=1)
    next(digits)
    before, gone = threading.active_count(), weakref.ref(digits)
    del digits
    assert gone() is None  # not when garbage is collected, which may be in any thread
    assert threading.active_count() < before


def test_work_that_becomes_garbage_in_one_of_its_own_threads_does_not_wait_for_itself(model) -> None:
    workers = Workers(model.runs, 1)
    workers.submit(workers.__exit__).result(timeout=60)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system with fork runs it")
def test_a_fork_goes_on_by_itself_and_does_not_wait_for_threads_of_its_parent(model, whole) -> None:
    digits = digitsmith.stream(model, seed=5, batch=100)
    next(digits)
    other = digitsmith.stream(model, seed=5)
    next(other)
    context = multiprocessing.get_context("fork")
    reader, writer = context.Pipe()

    def child() -> None:
        other.close()
        writer.send(next(digits)[0])

    process = context.Process(target=child)
    process.start()
    assert reader.poll(60)
    np.testing.assert_array_equal(reader.recv(), whole[100:200])
    process.join(60)
    np.testing.assert_array_equal(next(digits)[0], whole[100:200])


def test_colour_and_unconditional_models() -> None:
    images, labels = next(digitsmith.stream(a_model(channels=3, classes=(), image_size=(16, 40)), batch=3))
    assert images.shape == (3, 16, 40, 3)
    assert labels.tolist() == [-1, -1, -1]


def test_a_seed_ends(model) -> None:
    digits = digitsmith.stream(model, batch=300, start=MAX_INDEX - 400)
    assert [len(labels) for _, labels in digits] == [300, 100]
    assert list(digits) == []
    assert list(digitsmith.stream(model, start=MAX_INDEX - 1).part(1, 2)) == []


WRONG = [
    ({"batch": 0}, ConfigError, "batch"), ({"batch": 2.5}, ConfigError, "batch"),
    ({"start": -1}, ConfigError, "start"), ({"start": MAX_INDEX}, ConfigError, "start"),
    ({"seed": -1}, ConfigError, "seed"), ({"model": "no-such"}, ModelError, "model"),
    ({"labels": [10]}, ModelError, "labels"), ({"labels": []}, ModelError, "labels"),
]  # fmt: skip


@pytest.mark.parametrize(("wrong", "kind", "parameter"), WRONG)
def test_what_makes_no_stream_is_refused_at_once(model, wrong, kind, parameter) -> None:
    with refused(kind, ".", parameter):
        digitsmith.stream(**{"model": model} | wrong)


def test_as_torch_gives_what_totensor_gives(model, whole) -> None:
    image, label = next(iter(digitsmith.as_torch(digitsmith.stream(model, seed=5, start=3))))
    assert image.dtype == torch.float32
    assert image.shape == (1, 28, 28)
    assert label == 3
    assert torch.equal(image[0], torch.from_numpy(whole[3].astype(np.float32)) / 255)
    doubled = digitsmith.as_torch(digitsmith.stream(model, seed=5, start=3), transform=lambda image: image * 2)
    assert torch.equal(next(iter(doubled))[0], image * 2)


def indices(images: torch.Tensor, whole: np.ndarray) -> list[int]:
    places = {image.tobytes(): i for i, image in enumerate(whole)}
    return [places[image.tobytes()] for image in (images * 255).round().to(torch.uint8)[:, 0].numpy()]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_dataloader_has_the_order_of_the_series_whatever_its_workers(model, whole, workers) -> None:
    data = digitsmith.as_torch(digitsmith.stream(model, seed=5, batch=64, start=128))
    loader = DataLoader(data, batch_size=64, num_workers=workers)
    for _ in range(2):  # each pass begins where the stream stands
        images, labels = map(torch.cat, zip(*islice(loader, 5), strict=True))
        assert indices(images, whole) == [*range(128, 448)]
        assert labels.tolist() == [i % 10 for i in range(128, 448)]


def test_workers_and_ranks_get_each_image_once(model, whole, monkeypatch) -> None:
    digits = digitsmith.stream(model, seed=5)  # parts of 256, whatever the loader's batches
    seen = []
    for rank in range(2):
        monkeypatch.setenv("RANK", str(rank))
        monkeypatch.setenv("WORLD_SIZE", "2")
        loader = DataLoader(digitsmith.as_torch(digits), batch_size=50, num_workers=2)
        images = torch.cat([images for images, _ in islice(loader, 20)])
        seen += indices(images, whole)
    assert len(set(seen)) == len(seen) == 2000


def test_the_rank_of_torch_distributed_comes_first_and_reaches_workers_that_are_spawned(model, whole, tmp_path) -> None:
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/meet", rank=0, world_size=1)
    try:
        data = digitsmith.as_torch(digitsmith.stream(model, seed=5))
        assert pickle.loads(pickle.dumps(data))._rank == (0, 1)
    finally:
        torch.distributed.destroy_process_group()
    assert pickle.loads(pickle.dumps(data))._rank is None


@pytest.mark.parametrize(("rank", "ranks"), [("2", "2"), ("-1", "2"), ("x", "2"), ("0", "0")])
def test_a_rank_that_makes_no_sense_is_refused(model, monkeypatch, rank, ranks) -> None:
    monkeypatch.setenv("RANK", rank)
    monkeypatch.setenv("WORLD_SIZE", ranks)
    with refused(ConfigError, "makes no sense"):
        next(iter(digitsmith.as_torch(digitsmith.stream(model))))
