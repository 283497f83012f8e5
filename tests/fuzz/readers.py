"""Everything that reads a file of a stranger, by name: what to start from, and how it is read."""

import functools
import socket
import socketserver
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
import torch

import digitsmith
from digitsmith.cli.generate import _parse_labels
from digitsmith.cli.reading import parse_size
from digitsmith.cli.sharding import parse_shard
from digitsmith.config.loading import load_config
from digitsmith.data.dataset import Dataset
from digitsmith.data.downloads.download import download
from digitsmith.data.formats import Split
from digitsmith.data.formats.idx import read_array
from digitsmith.data.images.decoding import decode
from digitsmith.data.images.framing import frame
from digitsmith.data.images.ink import settle_ink, to_ink
from digitsmith.data.reading import Reading
from digitsmith.evaluation.images import open_subject
from digitsmith.evaluation.reference import choose_reference
from digitsmith.figures.history import read_history
from digitsmith.models.generator import Model
from digitsmith.numbers.paper import Paper
from digitsmith.numbers.patterns import MOST_CHARACTERS, parse
from digitsmith.numbers.texts import read_lines
from digitsmith.progress import listening
from digitsmith.records.base import Frame, ReadOptions
from digitsmith.records.run import Run
from digitsmith.report.page import write_report
from digitsmith.studio.shelf import Shelf, key_of
from digitsmith.training.gans import checkpoint
from digitsmith.training.gans.metrics_log import MetricsLog
from digitsmith.training.gans.start import find_start
from digitsmith.training.gans.weights import read_weights, start_from
from fuzz import corpus, others
from fuzz.mutations import Files
from fuzz.trials import tolerated
from fuzz.values import MARKUP


@dataclass(frozen=True)
class Reader:
    """One way for a file into the program.

    Attributes:
        seeds: whole files, which it reads.
        read: what is done with a folder of them.
        inputs: how many are tried in a test: a few seconds of them.
    """

    seeds: Callable[[], list[Files]]
    read: Callable[[Path], object]
    inputs: int


def _only(place: Path) -> Path:
    """The only file in a folder, whatever its name."""
    return next(path for path in place.rglob("*") if path.is_file())


def _text(place: Path) -> str:
    return _only(place).read_text("utf-8", "surrogateescape")


def _picture(place: Path) -> None:
    content = _only(place).read_bytes()
    tolerated(lambda: settle_ink([decode(content, "image")], Reading(ReadOptions(frame="mnist")), "image"))
    image = to_ink(decode(content, "image")[None])[0]
    for kind in get_args(Frame):
        framed = frame(image, kind)
        assert framed.shape == (28, 28)
        assert np.abs(frame(framed, kind).astype(int) - framed).mean() < 8, "framing it again changes it"


def _paper(place: Path) -> None:
    _named(place, "image.png")
    assert Paper(str(place), 8, 8).piece(8, 40, np.random.default_rng(0)).shape == (8, 40, 3)


_SOURCES = ("npz", "parquet", "tar", "csv", "tsv", "txt", "jsonl", "json")
"""Endings of files that may be a source by themselves."""


def _data_set(place: Path) -> None:
    tolerated(_load, place, "test")
    for file in [file for ending in _SOURCES for file in place.glob(f"*.{ending}")]:
        tolerated(_load, file)
    _load(place)


def _load(source: Path, split: Split = "train") -> None:
    data = digitsmith.load_dataset(source, split, progress=False)
    data.record(str(source)).model_dump_json()


def _generated(place: Path) -> None:
    tolerated(lambda: digitsmith.verify(place, progress=False))
    with listening(False) as progress:
        choose_reference(open_subject(place, progress), None)


def _change(place: Path) -> None:
    load_config("gan", [_text(place)])


def _words(place: Path) -> None:
    text, images = _text(place), np.zeros((2, 8, 8), np.uint8)
    model = _tiny()
    tolerated(lambda: model.class_indices(_parse_labels(text, model.record.classes)))
    tolerated(parse_shard, text)
    tolerated(parse_size, text)
    tolerated(parse, text)
    tolerated(lambda: Dataset(images, np.array([0, 1]), (text, "b")))
    tolerated(digitsmith.load, text)
    tolerated(lambda: digitsmith.load_dataset(text, progress=False))
    tolerated(load_config, text)


@functools.cache
def _tiny() -> Model:
    return Model("tiny", corpus.tiny())


def _lines(place: Path) -> None:
    texts = read_lines(_only(place))
    written = [texts.of(i) for i in range(len(texts))]
    assert {*"".join(written)} == {*texts.characters}
    assert max(map(len, written)) == texts.longest <= MOST_CHARACTERS
    assert all(repr(character) in texts.where(character) for character in texts.characters)


def _metrics(place: Path) -> None:
    run = Run(place)
    tolerated(lambda: read_history(run.read_metrics()))
    shelf = Shelf([place])
    shelf.runs()  # says of each run what is wrong with it
    tolerated(lambda: shelf.story(key_of(place)))
    MetricsLog(run, 3).close()


def _checkpoint(place: Path) -> None:
    run = Run(place)
    config, data = run.read_config(), run.read_record().data
    state = checkpoint.load(run.checkpoint, config, data, torch.device("cpu"), trained=corpus.N)
    for learner in (state.generator, state.discriminator):
        for moment in learner.optimizer.state[learner.flat].values():
            assert moment.shape in ((), learner.flat.shape), "moments are taken that are not of the weights"
    corpus.step(state, config, data)


def _weights(place: Path) -> None:
    start_from(corpus.state("adam").generator.network, checkpoint.load_pair(Run(place))[0])


def _start(place: Path) -> None:
    found = find_start(place)
    tried = corpus.state("residual")
    asked = corpus.config("residual")
    tolerated(found.require_fitting, corpus.images())
    tolerated(lambda: found.configured(asked, asked))
    if found.config.networks == asked.networks and found.data.image_size == (corpus.SIDE, corpus.SIDE):
        found.fill(tried, ("two", "three"))
        corpus.step(tried, asked, corpus.run_record().data)


def _model(place: Path) -> None:
    path = _named(place, "model.onnx")
    model = Model("model.onnx", path.read_bytes())
    labels = [0] if model.conditional else None
    first = model.sample(labels, count=1)
    assert (model.sample(labels, count=1) == first).all(), "an image is not the same again"
    with listening(False) as progress:
        tolerated(lambda: choose_reference(open_subject(path, progress), None))
    tolerated(read_weights, path)
    tolerated(lambda: digitsmith.generate(place / "made", 3, model=model, format="npz", progress=False))


def _metadata(place: Path) -> None:
    file = _only(place)
    file.write_bytes(corpus.tiny(file.read_text("utf-8", "replace")))
    _model(place)


def _reader(place: Path) -> None:
    reader = digitsmith.load_reader(_named(place, "reader.onnx"))
    images = np.zeros((3, corpus.SIDE, corpus.SIDE), np.uint8)
    images[1:, 2:6, 3:5] = 255
    readings = reader.read(images)
    assert readings.verdicts[0] == "empty"
    assert (readings.probabilities[1] == readings.probabilities[2]).all()


def _named(place: Path, name: str) -> Path:
    path = place / name
    path.write_bytes(_only(place).read_bytes())
    return path


def _results(place: Path) -> None:
    _require_inert(write_report(sorted(place.rglob("*.json")) or [place], place / "page.html"))


def _run_folder(place: Path) -> None:
    _require_inert(write_report(place))


def _require_inert(page: Path) -> None:
    assert MARKUP not in page.read_text(encoding="utf-8"), "a stranger's markup is in the page"


class _Answer(socketserver.BaseRequestHandler):
    """Says the same to everything."""

    def handle(self) -> None:
        self.request.settimeout(2)
        self.request.recv(2**16)
        self.request.sendall(_server().response)
        self.request.shutdown(socket.SHUT_WR)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    response = b""

    def handle_error(self, *_: object) -> None:
        """The client went away, which it may."""


@functools.cache
def _server() -> _Server:
    server = _Server(("127.0.0.1", 0), _Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def _download(place: Path) -> None:
    server, response = _server(), place / "response"
    server.response = response.read_bytes() if response.is_file() else b""
    mirror = f"http://127.0.0.1:{server.server_address[1]}/"
    with listening(False) as progress:
        download([mirror], "labels", place, _require_labels, progress, most_bytes=2**20)


def _require_labels(path: Path) -> None:
    read_array(path, 1)


READERS = {
    "picture": Reader(corpus.pictures, _picture, 800),
    "paper": Reader(corpus.papers, _paper, 200),
    "idx": Reader(lambda: corpus.data_sets("idx"), _data_set, 600),
    "npz": Reader(lambda: corpus.data_sets("npz"), _data_set, 600),
    "png": Reader(lambda: corpus.data_sets("png"), _data_set, 200),
    "parquet": Reader(lambda: corpus.data_sets("parquet"), _data_set, 500),
    "webdataset": Reader(lambda: corpus.data_sets("webdataset"), _data_set, 250),
    "arrays": Reader(others.arrays, _data_set, 300),
    "mat": Reader(others.mat, _data_set, 300),
    "hdf5": Reader(others.hdf5, _data_set, 200),
    "pixel-table": Reader(others.pixel_tables, _data_set, 150),
    "shards": Reader(others.shards, _data_set, 100),
    "class-folders": Reader(corpus.class_folders, _data_set, 150),
    "table": Reader(corpus.tables, _data_set, 250),
    "generated": Reader(corpus.generated, _generated, 600),
    "config": Reader(corpus.configs, lambda place: load_config(next(place.glob("*.toml"), place)), 700),
    "change": Reader(corpus.changes, _change, 800),
    "words": Reader(corpus.words, _words, 500),
    "lines": Reader(corpus.lines, _lines, 800),
    "run-record": Reader(
        lambda: [corpus.of_run("config.toml", "run.json")], lambda place: Run(place).read_record(), 700
    ),
    "metrics": Reader(lambda: [corpus.of_run("metrics.jsonl")], _metrics, 800),
    "checkpoint": Reader(corpus.checkpoints, _checkpoint, 150),
    "weights": Reader(corpus.checkpoints, _weights, 150),
    "start": Reader(lambda: corpus.checkpoints()[-1:], _start, 150),
    "model": Reader(corpus.models, _model, 150),
    "reader": Reader(corpus.readers, _reader, 150),
    "metadata": Reader(corpus.metadata, _metadata, 500),
    "result": Reader(corpus.results, _results, 120),
    "run-folder": Reader(lambda: [corpus.run()], _run_folder, 10),
    "download": Reader(corpus.responses, _download, 300),
}
