"""Whole files to start from, made by our own writers."""

import base64
import functools
import gzip
import io
import json
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

import digitsmith
from digitsmith.config.loading import load_config, presets
from digitsmith.config.schema import TrainConfig
from digitsmith.data import formats
from digitsmith.data.dataset import Dataset
from digitsmith.data.images.decoding import encode
from digitsmith.records.base import DataRecord, LabelsRecord, ReadOptions, Versions
from digitsmith.records.cells import ArmKey, Cell
from digitsmith.records.classifiers import Classifiers, ClassifiersProtocol
from digitsmith.records.dataset import DatasetRecord, GenerationRecord, ShardRecord
from digitsmith.records.evaluation import ReferenceRecord
from digitsmith.records.model import GeneratorRecord
from digitsmith.records.reader import Accuracy, Calibration, ReaderRecord
from digitsmith.records.run import MetricsLine, Run, RunRecord
from digitsmith.records.scarce import Scarce, ScarceProtocol
from digitsmith.records.study import Arm, ClassifierRecord, Study, StudyProtocol
from digitsmith.records.written_numbers import (
    TEACHERS,
    CRNNRecord,
    NumbersCell,
    NumbersProtocol,
    Reading,
    WrittenNumbers,
)
from digitsmith.studies.verdict import corrected, numbers_rows, numbers_verdicts, rows_of, verdicts_of
from digitsmith.training.gans import checkpoint, folder
from digitsmith.training.gans.export import export_state
from digitsmith.training.gans.state import State, new_state, update_ema
from digitsmith.training.gans.step import adversarial_step
from digitsmith.training.gans.styles import Styles
from digitsmith.training.readers.classifier import Classifier
from digitsmith.training.readers.export import export_reader
from fuzz.mutations import Files
from tiny_models import a_proto, a_record

N, SIDE, CLASSES = 16, 8, ("one", "two")
"""Images of the corpus: a batch of the smallest that models take."""

CONFIGS = {
    "adam": ("cgan", ["ema=0.9", "evaluate_every=1", "styles=2"]),
    "sgd": ("gan", ["generator.name=sgd", "discriminator.name=sgd", "discriminator.batch_norm=true"]),
    "rmsprop": ("cgan", ["generator.name=rmsprop", "discriminator.name=rmsprop", "ema=0.9"]),
    "residual": ("residual", ["styles=1"]),
}
"""Trainings whose checkpoints are read: a preset, and what is changed."""
_SMALL = ["generator.widths=[8,8]", "discriminator.widths=[8,8]", "z_dim=4", "batch_size=16", "epochs=4"]


def images(*, colour: bool = False) -> Dataset:
    """Noise."""
    shape = (N, SIDE, SIDE, 3) if colour else (N, SIDE, SIDE)
    levels = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    return Dataset(levels, np.arange(N) % len(CLASSES), CLASSES)


def data_sets(name: formats.Format) -> list[Files]:
    """Data sets in a format: grey, in colour, without labels, and as others write them."""
    made = [_written(lambda place, data=data: formats.write(data, place / "made", name))
            for data in (images(), images(colour=True), Dataset(images().images))]  # fmt: skip
    made = [{path.removeprefix("made/"): content for path, content in files.items()} for files in made]
    if name == "idx":
        made.append({f"{path}.gz": gzip.compress(content) for path, content in made[0].items() if "ubyte" in path})
    if name == "npz":
        keras = io.BytesIO()
        np.savez_compressed(keras, x_train=images().images, y_train=images().labels)
        made.append({"train.npz": keras.getvalue()})
    return made


def tables() -> list[Files]:
    """Images anywhere, and tables of their labels as people write them."""
    pictures = {f"img/{i % 3}/{i:02d}.png": encode(image) for i, image in enumerate(images().images)}
    rows = [(name, CLASSES[i % 2], "test" if i % 4 == 3 else "train") for i, name in enumerate(pictures)]
    lines = "".join(f"{name},{label},{split}\n" for name, label, split in rows)
    objects = "".join(json.dumps({"file_name": name, "label": i % 2}) + "\n" for i, (name, _, _) in enumerate(rows))
    texts = {
        "labels.csv": f"image,label,split\n{lines}",
        "train.tsv": lines.replace(",", "\t"),
        "list.txt": "".join(f"{name.rpartition('/')[2]} {i % 2}\n" for i, name in enumerate(pictures)),
        "metadata.jsonl": objects,
        "dataset.json": json.dumps({"labels": [[name, i % 2] for i, name in enumerate(pictures)]}),
    }
    made: list[Files] = [{name: text.encode(), **pictures} for name, text in texts.items()]
    return [*made, {f"Train/{name}": content for name, content in made[0].items()}]


def class_folders() -> list[Files]:
    """Class folders as people have them: with splits, writers, prefixes and what systems leave."""
    content = [encode(image) for image in images().images]
    return [
        {f"{'Testing' if i % 4 == 3 else 'Training'}/{i % 2}/{i}.png": image for i, image in enumerate(content)},
        {f"writer{i % 2}/{i // 2 % 2}/{i}.png": image for i, image in enumerate(content)},
        {f"outer/digit_{i % 3}/more/{i}.png": image for i, image in enumerate(content)}
        | {"__MACOSX/._outer": b"\0\5\x16\7", "README.md": b"Digits."},
    ]


def _written(write: Callable[[Path], object]) -> Files:
    """The files that something writes into a folder."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        write(place)
        return {str(path.relative_to(place)): path.read_bytes() for path in sorted(place.rglob("*")) if path.is_file()}


def generated() -> list[Files]:
    """What a data set says of the model that made it, beside its images."""
    made = GenerationRecord(model="tiny", model_sha256="a" * 64, trained_on="digits", seed=0, count=N, labels=CLASSES)
    record = DatasetRecord(classes=CLASSES, channels=1, generated=made).model_dump_json()
    whole = data_sets("npz")[0] | {"dataset.json": record.encode()}
    shards = [ShardRecord(name=f"shard-0000{i}-of-00002", first=N * i, count=N, bytes=1, sha256="b") for i in (1, 2)]
    of_all = DatasetRecord(classes=CLASSES, channels=1, generated=made, shards=tuple(shards)).model_dump_json()
    parts = {f"{shard.name}/{path}": content for shard in shards for path, content in whole.items()}
    return [whole, {"dataset.json": of_all.encode()} | parts]


def papers() -> list[Files]:
    """The same as `pictures`, but bright."""
    return pictures(bright=True)


def pictures(*, bright: bool = False) -> list[Files]:
    """An image in each format and mode that is read, turned, and with a second picture that is no page."""
    least = 192 if bright else 0
    grey, colour = (Image.fromarray(images(colour=colour).images[0] | least) for colour in (False, True))
    exif = Image.Exif()
    exif[0x0112] = 6
    whole = np.asarray(grey)
    made = [
        _saved(picture, kind)
        for picture in (grey, colour, colour.convert("P"), grey.convert("1"))
        for kind in ("PNG", "BMP", "GIF", "TIFF", "JPEG", "WEBP")
        if kind not in ("JPEG", "WEBP") or picture.mode in ("L", "RGB")
    ]
    made += [_saved(colour, kind, exif=exif) for kind in ("PNG", "TIFF", "JPEG", "WEBP")]
    made.append(_saved(grey, "MPO", save_all=True, append_images=[grey]))
    made += [_saved(colour.convert("RGBA"), kind) for kind in ("PNG", "TIFF", "WEBP", "BMP")]
    made += [_saved(colour.convert("CMYK"), kind) for kind in ("TIFF", "JPEG")]
    made += [_saved(colour.convert("P"), kind, transparency=1) for kind in ("PNG", "GIF")]
    deep = [whole.astype(np.uint16) * 257, whole.astype(np.int32) * 257, whole.astype(np.float32) / 255]
    made += [_saved(Image.fromarray(levels), "TIFF") for levels in deep]
    return [
        *made,
        _saved(Image.fromarray(deep[0]), "PNG"),
        _saved(grey.convert("LA"), "PNG"),
        _saved(grey, "PNG", transparency=7),
        _saved(grey, "TIFF", compression="tiff_lzw"),
        _saved(colour.convert("YCbCr"), "TIFF"),
        _saved(colour, "WEBP", lossless=True),
        _saved(colour, "JPEG", progressive=True),
        _saved(Image.new("L", (1400, 1000), 9 | least), "JPEG"),
    ]


def pages() -> dict[str, Files]:
    """Images of several pages, which are refused, by their format."""
    first, second = (Image.fromarray(image) for image in images().images[:2])
    return {kind: _saved(first, kind, save_all=True, append_images=[second]) for kind in ("PNG", "TIFF", "GIF", "WEBP")}


def _saved(picture: Image.Image, kind: str, **options: Any) -> Files:
    content = io.BytesIO()
    picture.save(content, kind, **options)
    return {"image": content.getvalue()}


@functools.cache
def config(name: str) -> TrainConfig:
    """The config of one of `CONFIGS`."""
    preset, changes = CONFIGS[name]
    return load_config(preset, [*_SMALL, *changes])


def state(name: str) -> State:
    """The state of its training before the first step."""
    torch.manual_seed(0)
    made = new_state(config(name), (1, SIDE, SIDE), len(CLASSES), torch.device("cpu"))
    if config(name).networks.styles > 1:
        made.styles = Styles(torch.arange(N) % 4, torch.zeros(2, 1))
    return made


def step(made: State, trained: TrainConfig, data: DataRecord) -> None:
    """Make a step with a batch of noise, and images with the generator that would be shown."""
    real = torch.rand(N, data.channels, *data.image_size) * 2 - 1
    label = torch.arange(N) % len(data.classes) if trained.networks.conditional else None
    of_images = label if made.styles is None else made.styles.of_images
    adversarial_step(made.generator, made.discriminator, real, of_images, trained, made.position.step)
    update_ema(made, trained.optimizer.ema)
    with torch.no_grad():
        made.chosen(torch.zeros(N, trained.networks.z_dim), label)


def checkpoints() -> list[Files]:
    """Run folders of all of `CONFIGS`, after the first epoch, which is a step."""
    return [_written(lambda place, name=name: _save(name, Run(place))) for name in CONFIGS]


def _save(name: str, to: Run) -> None:
    made = state(name)
    step(made, config(name), run_record().data)
    made.position.step = made.position.epoch = 1
    if made.best is not None:
        made.position.best_epoch, made.position.best_distance = 1, 2.5
    checkpoint.save(to.checkpoint, made)
    folder.write_config(to, config(name))
    run_record().save(to.record)


def tiny(record: str = "") -> bytes:
    """A small model file that says of itself what it should, or something else."""
    proto = a_proto(_tiny_record())
    proto.metadata_props[0].value = record or proto.metadata_props[0].value
    return bytes(proto.SerializeToString())


def _tiny_record(**changes: object) -> GeneratorRecord:
    return a_record(classes=CLASSES, image_size=(SIDE, SIDE), z_dim=4, **changes)


@functools.cache
def models() -> list[Files]:
    """Model files: by hand, and as they are exported."""
    return [
        {"model.onnx": tiny()},
        *(_written(lambda place, name=name: _export(name, place)) for name in ("adam", "residual")),
    ]


def _export(name: str, place: Path) -> None:
    export_state(state(name), place / "model.onnx", config(name), run_record())


@functools.cache
def readers() -> list[Files]:
    """Reader files: with all that they may say of themselves, and only what they must."""
    calibration = tuple(Calibration(images=9, lowest=(0.25, 0.5)) for _ in CLASSES)
    accuracy = Accuracy(title="test split", images=10, accuracy=0.9)
    least = ReaderRecord(classes=CLASSES, image_size=(SIDE, SIDE))
    most = least.model_copy(update={"calibration": calibration, "measured": (accuracy,), "temperature": 2.0})
    torch.manual_seed(0)
    net = Classifier(((4, 2), (4, 1)), len(CLASSES) + 1)
    return [_written(lambda place, one=one: export_reader(net, one, place / "reader.onnx")) for one in (least, most)]


def metadata() -> list[Files]:
    """What model files say of themselves: all that they can, and only what they must."""
    records = [_tiny_record(), _tiny_record(training=None, export=None)]
    return [{"metadata.json": record.model_dump_json().encode()} for record in records]


def configs() -> list[Files]:
    """The presets, as runs have them."""
    return [_written(lambda place, name=name: folder.write_config(Run(place), load_config(name))) for name in presets()]


def changes() -> list[Files]:
    """Changes to a config."""
    texts = ["epochs=3", "generator.widths=[24, 32]", "discriminator.name=sgd", 'networks.z_distribution = "uniform"']
    return [{"change": text.encode()} for text in texts]


def words() -> list[Files]:
    """What people write for labels, shards, sizes and sources."""
    texts = ["0-9", "3,5,7", "one-two", "one, two", "2/4", "28x28", "mnist:test", "scans"]
    return [{"words": text.encode()} for text in texts]


def lines() -> list[Files]:
    """Files of numbers to write."""
    texts = ["90210\n1\n24/12/2026", "3,50 €\r\n(030) 1234\r\n", "\ufeff7"]
    return [{"lines.txt": text.encode()} for text in texts]


def run_record() -> RunRecord:
    """What a run says of itself."""
    data = DataRecord(source="few", sha256="a" * 64, images=N, image_size=(SIDE, SIDE), classes=CLASSES)
    started = datetime(2026, 1, 2, tzinfo=UTC)
    versions = Versions(digitsmith="0.1.0", python="3.11.7", libraries={"numpy": "2"})
    return RunRecord(
        preset="cgan", changes=("epochs=1",), started=started, seconds=2.0, state="finished",
        data=data, device="cpu", versions=versions, labels=LabelsRecord(per_class=1, given=3),
    )  # fmt: skip


@functools.cache
def run() -> Files:
    """A small run folder, with all that a report reads."""
    return {path.removeprefix("run/"): content for path, content in _written(_write_run).items()}


def of_run(*names: str) -> Files:
    """Some of its files."""
    return {name: run()[name] for name in names}


def _write_run(place: Path) -> None:
    made = Run(place / "run")
    folder.start(made, config("adam"), run_record())
    lines = [_line(step=step, epoch=1 + step // 3, d_loss=1 / (1 + step)) for step in range(1, 7)]
    lines[-1] = lines[-1].model_copy(update={"frechet_distance": 2.0, "frechet_floor": 1.0})
    made.metrics.write_text("".join(f"{line.model_dump_json(exclude_none=True)}\n" for line in lines))
    for name, result in (("evaluation.json", results()[0]), ("tstr.json", results()[1])):
        (made.folder / name).write_bytes(result["result.json"])
    for path in (made.real, made.sample(0), made.sample(2), made.figures / "progress.png"):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(encode(images().images[0]))
    made.model.write_bytes(tiny())


def _line(**values: Any) -> MetricsLine:
    given = dict.fromkeys(MetricsLine.model_fields, 1) | {"frechet_distance": None, "frechet_floor": None}
    return MetricsLine.model_validate(given | values)


@functools.cache
def results() -> list[Files]:
    """An evaluation, with a small picture in place of each of its own, and all kinds of study."""
    found = digitsmith.evaluate("digits", "digits", count=300, progress=False)
    picture = base64.b64encode(encode(images().images[0])).decode()
    evaluation = found.model_copy(update={"pictures": dict.fromkeys(found.pictures, picture)})
    made = (evaluation, _study(), _scarce(), _classifiers(), _numbers())
    return [{"result.json": result.model_dump_json(indent=1).encode() + b"\n"} for result in made]


_REFERENCE = ReferenceRecord(source="mnist", split="train", sha256="4" * 64)
_CLASSIFIER = ClassifierRecord(
    layers=((1, 2),), epochs=1, batch_size=2, lr=0.1, weight_decay=0, rotation=1, scale=1, shift=1, shear=1
)


def _study() -> Study:
    protocol = StudyProtocol(
        images=5, test_images=5, seeds=2, classifier=_CLASSIFIER, min_confidence=0.9, digitnet_sha256="d" * 64,
        versions=run_record().versions,
    )  # fmt: skip
    arm = Arm(
        key="trtr", title="first", train_on="real", test_on="real", images=5, accuracies=[0.9, 0.8], mean=0.85,
        deviation=0.1,
    )  # fmt: skip
    arms = (arm, arm.model_copy(update={"key": "tstr", "difference": -0.1, "difference_error": 0.1}))
    return Study(
        subject="made", subject_sha256="0", reference=_REFERENCE, held_out=_REFERENCE, protocol=protocol, arms=arms
    )


def _scarce() -> Scarce:
    arms: tuple[ArmKey, ...] = ("real", "adapted")
    protocol = ScarceProtocol(
        per_class=(1, 5), seeds=2, arms=arms, model="mnist", model_sha256="d" * 64, read=ReadOptions(frame="mnist"),
        pool=50, test_images=5, classifier=_CLASSIFIER, steps=10, real_share=0.5, generated=50, trusted=0.5,
        versions=run_record().versions,
    )  # fmt: skip
    cells = tuple(
        Cell(per_class=number, seed=seed, arm=arm, accuracy=0.5 + number / 20 + seed / 50, generated=0)
        for number in (1, 5) for seed in (0, 1) for arm in arms
    )  # fmt: skip
    rows = rows_of(cells)
    return Scarce(
        subject="mine", reference=_REFERENCE, held_out=_REFERENCE, protocol=protocol, complete=True, cells=cells,
        rows=rows, verdicts=verdicts_of(rows), notes=("a note",),
    )  # fmt: skip


def _classifiers() -> Classifiers:
    arms: tuple[ArmKey, ...] = ("mlp", "mlp-gan", "bayes")
    protocol = ClassifiersProtocol(
        per_class=(1, 5), seeds=2, arms=arms, read=ReadOptions(), pool=50, test_images=5, networks="mlp: layers",
        least_steps=10, epochs=1, batch_size=2, lr=0.1, weight=1, components=3, versions=run_record().versions,
    )  # fmt: skip
    cells = tuple(
        Cell(per_class=number, seed=seed, arm=arm, accuracy=0.5 + number / 20 + (seed + i * seed) / 50)
        for number in (1, 5) for seed in (0, 1) for i, arm in enumerate(arms)
    )  # fmt: skip
    rows = corrected(rows_of(cells, {"mlp-gan": "mlp"}))
    return Classifiers(
        subject="mine", reference=_REFERENCE, held_out=_REFERENCE, protocol=protocol, complete=True, cells=cells,
        rows=rows, verdicts=("a verdict",), notes=("a note",),
    )  # fmt: skip


def _numbers() -> WrittenNumbers:
    network = CRNNRecord(
        layers=((1, 2), (1, 2)), features=2, hidden=2, height=16, epochs=1, numbers=8, batch_size=2, flat_steps=1,
        lr=0.1, weight_decay=0, distorted=0.5, scale=1, shear=1, elastic=1, thickness=1, softness=1,
    )  # fmt: skip
    protocol = NumbersProtocol(
        seeds=2, arms=tuple(TEACHERS), read=ReadOptions(), model="mnist", model_sha256="d" * 64, characters="01",
        length=5, lengths=(3, 5), wear="light", other_wear=("off",), numbers=8, pool=50, test_images=5,
        network=network, versions=run_record().versions,
    )  # fmt: skip
    readings = [
        Reading(digits=digits, wear=wear, accuracy=0.5, character_error=0.5)
        for digits, wear in ((3, "light"), (5, "light"), (5, "off"))
    ]
    cells = tuple(NumbersCell(seed=seed, arm=arm, readings=tuple(readings)) for seed in (0, 1) for arm in TEACHERS)
    rows = numbers_rows(cells, 0.001)
    return WrittenNumbers(
        subject="mine", reference=_REFERENCE, held_out=_REFERENCE, protocol=protocol, complete=True, cells=cells,
        rows=rows, verdicts=numbers_verdicts(rows, 5, "light"), notes=("a note",),
    )  # fmt: skip


def responses() -> list[Files]:
    """How servers say: here is the file, or it in chunks, or the rest of it, or nothing is missing."""
    body = bytes([0, 0, 8, 1, 0, 0, 0, 4, 1, 2, 3, 4])
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n" + body
    chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nc\r\n" + body + b"\r\n0\r\n\r\n"
    rest = b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 5-11/12\r\nContent-Length: 7\r\n\r\n" + body[5:]
    beyond = b"HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */12\r\nContent-Length: 0\r\n\r\n"
    fresh = [{"response": response} for response in (whole, chunks)]
    return [*fresh, {"response": rest, "labels.part": body[:5]}, {"response": beyond, "labels.part": body}]
