"""Annotations of numbers are read back, image by image and box by box, by the programs that read them.

pycocotools, lmdb, datasets, webdataset and PyYAML are installed with the extra `dev`. PaddleOCR, Ultralytics,
deep-text-recognition-benchmark and Tesseract are too large: small readers here follow their sources, and share nothing
with the writers.
"""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conftest import Told, refused
from digitsmith.config.style import Style
from digitsmith.errors import ConfigError, DependencyError
from digitsmith.numbers.annotations import ANNOTATIONS, check_annotations
from digitsmith.numbers.folder import Job, write_folder
from digitsmith.numbers.texts import Lines, read_lines
from digitsmith.numbers.written import Box, Written
from digitsmith.records.dataset import NumbersRecord
from fake_numbers import ALPHABET, fake_compose, fake_number
from tiny_models import a_model

TEXTS = ["90210", "20 000,50 €", "(030) 1234", "24/12/2026", "7", "10:45", "+1-2.3"]
FIRST, COUNT = 60, 75
"""Of the images: from an index that is not the first, and over a border of pieces."""


def lines(place: Path) -> Lines:
    place.write_text("\n".join(TEXTS), encoding="utf-8")
    return read_lines(place)


def a_record(**changes: object) -> NumbersRecord:
    usual = {"from_file": "texts.txt", "model": "tiny", "model_sha256": "ab" * 32, "seed": 0, "first": FIRST,
             "count": COUNT, "style": Style(), "annotations": ANNOTATIONS, "characters": ALPHABET}  # fmt: skip
    return NumbersRecord.model_validate(usual | changes)


def a_job(texts: Lines, *annotations: str, **changes: object) -> Job:
    names = check_annotations(annotations or ANNOTATIONS)
    return Job(a_record(annotations=names, **changes), names, texts, fake_compose, a_model().runs)


def expected(index: int) -> Written:
    return fake_number(TEXTS[index % len(TEXTS)], index)


EXPECTED = [expected(index) for index in range(FIRST, FIRST + COUNT)]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all annotations at once, which do not get in each other's way."""
    place = tmp_path_factory.mktemp("numbers")
    write_folder(place / "made", a_job(lines(place / "texts.txt")), Told())
    return place / "made"


def same(image: Image.Image | np.ndarray, one: Written) -> None:
    """The same pixels, in whatever mode the reader has them."""
    pixels = np.asarray(image)
    wanted = one.image if one.image.ndim == pixels.ndim else np.stack([one.image] * 3, -1)
    np.testing.assert_array_equal(pixels, wanted)


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def corners(one: Written) -> list[list[int]]:
    return [[box.left, box.top, box.right - box.left, box.bottom - box.top] for box in one.boxes]


def test_labels_name_an_image_and_its_text(made: Path) -> None:
    """As those who read TextRecognitionDataGenerator's `labels.txt` take a line apart."""
    found = [line.split(" ", 1) for line in (made / "labels.txt").read_text(encoding="utf-8").splitlines()]
    assert len(found) == COUNT
    for (name, text), one in zip(found, EXPECTED, strict=True):
        assert text == one.text
        same(Image.open(made / name), one)


def test_paddle_ocr_reads_the_lists(made: Path) -> None:
    """As `SimpleDataSet`, `DetLabelEncode` and `BaseRecLabelEncode` of PaddleOCR do."""
    known = [line.decode("utf-8").strip("\n").strip("\r\n") for line in (made / "paddle/dict.txt").open("rb")] + [" "]
    for name in ("rec_gt.txt", "det_gt.txt"):
        read = (made / "paddle" / name).read_bytes().splitlines(keepends=True)
        assert len(read) == COUNT
        for line, one in zip(read, EXPECTED, strict=True):
            path, label = line.decode("utf-8").strip("\n").split("\t")
            same(Image.open(os.path.join(made, path)), one)  # noqa: PTH118
            if name == "rec_gt.txt":
                assert label == one.text
                assert set(label) <= set(known)
                continue
            (region,) = json.loads(label)
            assert region["transcription"] == one.text
            points = np.array(region["points"], np.float32)
            assert points.shape == (4, 2)
            boxes = np.array([[box.left, box.top, box.right, box.bottom] for box in one.boxes])
            np.testing.assert_array_equal(points[0], boxes.min(0)[:2])  # clockwise, from the upper left
            np.testing.assert_array_equal(points[2], boxes.max(0)[2:])
            assert points[1].tolist() == [points[2][0], points[0][1]]
            assert points[3].tolist() == [points[0][0], points[2][1]]


def test_coco(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    coco_of = pytest.importorskip("pycocotools.coco", reason="the extra dev runs it").COCO
    coco = coco_of(str(made / "coco.json"))
    assert sorted(coco.getImgIds()) == list(range(FIRST, FIRST + COUNT))
    called = {category["id"]: category["name"] for category in coco.loadCats(coco.getCatIds())}
    assert list(called.values()) == list(ALPHABET)
    for index, one in enumerate(EXPECTED, FIRST):
        (image,) = coco.loadImgs([index])
        assert (image["text"], image["writer"]) == (one.text, one.writer)
        assert (image["height"], image["width"]) == one.image.shape[:2]
        same(Image.open(made / "images" / image["file_name"]), one)
        found = coco.loadAnns(coco.getAnnIds(imgIds=[index]))
        assert [called[each["category_id"]] for each in found] == [box.text for box in one.boxes]
        assert [each["bbox"] for each in found] == corners(one)
        assert [each["area"] for each in found] == [w * h for _, _, w, h in corners(one)]
    nines = coco.getImgIds(catIds=coco.getCatIds(catNms=["9"]))
    assert sorted(nines) == [index for index, one in enumerate(EXPECTED, FIRST) if "9" in one.text]


def test_coco_measures_a_perfect_detector_as_perfect(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its evaluation takes no number of a box for none: the id 0 would be."""
    coco_of = pytest.importorskip("pycocotools.coco", reason="the extra dev runs it").COCO
    evaluation_of = pytest.importorskip("pycocotools.cocoeval", reason="the extra dev runs it").COCOeval
    truth = coco_of(str(made / "coco.json"))
    found = [{**each, "score": 1.0} for each in truth.loadAnns(truth.getAnnIds())]
    evaluation = evaluation_of(truth, truth.loadRes(found), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    assert evaluation.stats[0] == pytest.approx(1)


def test_ultralytics_reads_yolo(made: Path) -> None:
    """As `check_det_dataset`, `img2label_paths` and `verify_image_label` of Ultralytics do."""
    yaml = pytest.importorskip("yaml", reason="the extra dev runs it")
    data = yaml.safe_load((made / "data.yaml").read_text(encoding="utf-8"))
    assert data["names"] == dict(enumerate(ALPHABET))
    assert data["nc"] == len(ALPHABET)
    assert data["val"] == "images"
    files = sorted(str(file) for file in (made / data["train"]).iterdir() if file.suffix in (".png", ".jpg"))
    assert len(files) == COUNT
    for file, one in zip(files, EXPECTED, strict=True):
        label = Path("/labels/".join(file.rsplit("/images/", 1)).rsplit(".", 1)[0] + ".txt")
        found = np.array([line.split() for line in label.read_text().strip().splitlines()], np.float32)
        assert (found[:, 1:] >= 0).all()
        assert (found[:, 1:] <= 1).all()
        assert [data["names"][int(name)] for name in found[:, 0]] == [box.text for box in one.boxes]
        size = np.array(one.image.shape[1::-1])
        centres, sides = found[:, 1:3] * size, found[:, 3:] * size
        np.testing.assert_allclose(np.concatenate([centres - sides / 2, sides], 1), corners(one), atol=1e-3)


def test_deep_text_recognition_benchmark_reads_lmdb(made: Path) -> None:
    """As its `LmdbDataset` does."""
    lmdb = pytest.importorskip("lmdb", reason="the extra dev runs it")
    with lmdb.open(str(made / "lmdb"), max_readers=32, readonly=True, lock=False, readahead=False,
                   meminit=False) as environment, environment.begin(write=False) as read:  # fmt: skip
        assert int(read.get(b"num-samples")) == COUNT
        for number, one in enumerate(EXPECTED, 1):
            assert read.get(b"label-%09d" % number).decode("utf-8") == one.text
            same(Image.open(io.BytesIO(read.get(b"image-%09d" % number))), one)
    assert names(made / "lmdb") == ["data.mdb"]
    stored = sum(len(file.read_bytes()) for file in (made / "images").glob("*.png"))
    assert (made / "lmdb/data.mdb").stat().st_size < 2 * stored + 2**18


def test_lmdb_grows_beyond_its_first_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lmdb = pytest.importorskip("lmdb", reason="the extra dev runs it")
    monkeypatch.setattr("digitsmith.numbers.annotations.lmdb._FIRST_SIZE", 2**15)
    monkeypatch.setattr("digitsmith.numbers.annotations.lmdb._AT_ONCE", 2**10)
    write_folder(Path("made"), a_job(lines(tmp_path / "texts.txt"), "lmdb", count=500), Told())
    assert names(Path("made")) == ["dataset.json", "lmdb", "preview.png"]
    with lmdb.open("made/lmdb", readonly=True, lock=False) as environment, environment.begin() as read:
        assert environment.stat()["entries"] == 2 * 500 + 1
        same(Image.open(io.BytesIO(read.get(b"image-000000500"))), expected(FIRST + 499))


def test_without_lmdb_it_is_said_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("digitsmith.numbers.annotations.lmdb.lmdb", None)
    with refused(DependencyError, "LMDB needs lmdb: pip install"):
        write_folder(Path("made"), a_job(lines(tmp_path / "texts.txt"), "lmdb"), Told())
    assert not Path("made").exists()


def test_hugging_face_reads_an_image_folder(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    datasets = pytest.importorskip("datasets", reason="the extra dev runs it")
    rows = datasets.load_dataset("imagefolder", data_dir=str(made / "images"), split="train", cache_dir=str(tmp_path))
    assert set(rows.column_names) == {"image", "text", "writer", "objects"}
    assert rows.num_rows == COUNT
    for row, one in zip(rows, EXPECTED, strict=True):
        assert (row["text"], row["writer"]) == (one.text, one.writer)
        assert row["objects"] == {"bbox": corners(one), "category": [box.text for box in one.boxes]}
        same(row["image"], one)


def test_tesseract_finds_text_and_boxes_beside_each_image(made: Path) -> None:
    """As its training tools read them: text without the end of line; boxes from the lower left corner up."""
    for index, one in enumerate(EXPECTED, FIRST):
        stem = made / f"images/{index:08d}"
        assert Path(f"{stem}.gt.txt").read_text(encoding="utf-8") == f"{one.text}\n"
        found = []
        for line in Path(f"{stem}.box").read_text(encoding="utf-8").splitlines():
            character, *numbers = line.rsplit(" ", 5)
            left, bottom, right, top, page = map(int, numbers)
            assert page == 0
            assert left < right
            assert bottom < top
            found.append((character, left, bottom, right, top))
        assert "".join(character for character, *_ in found) == f"{one.text}\t"
        inked = [each for each in found if each[0] not in (" ", "\t")]
        height = one.image.shape[0]
        assert [Box(c, l, height - t, r, height - b) for c, l, b, r, t in inked] == list(one.boxes)  # noqa: E741
        upright = np.flip(one.image.reshape(*one.image.shape[:2], -1)[..., 0], 0)  # the first row is the lowest
        for _, left, bottom, right, top in inked:
            assert (upright[bottom:top, left:right] <= 20).all()
        for before, space, after in zip(found, found[1:], found[2:], strict=False):
            if space[0] == " ":
                assert (space[1], space[3]) == (before[3], after[1])


@pytest.mark.parametrize("image_format", ["png", "jpeg"])
def test_webdataset(image_format: str, tmp_path: Path) -> None:
    webdataset = pytest.importorskip("webdataset", reason="the extra dev runs it")
    write_folder(Path("made"), a_job(lines(tmp_path / "texts.txt"), "webdataset", image_format=image_format), Told())
    assert names(Path("made")) == ["dataset.json", "numbers-000000.tar", "preview.png"]
    ending = {"png": "png", "jpeg": "jpg"}[image_format]
    shards = webdataset.WebDataset("made/numbers-{000000..000000}.tar", shardshuffle=False)
    samples = list(shards.decode("pil").to_tuple("__key__", ending, "txt", "json"))
    assert len(samples) == COUNT
    for index, ((key, image, text, about), one) in enumerate(zip(samples, EXPECTED, strict=True), FIRST):
        assert (key, text, about["text"], about["writer"]) == (f"{index:08d}", one.text, one.text, one.writer)
        assert [Box(**box) for box in about["boxes"]] == list(one.boxes)
        wanted = one.image if one.image.ndim == 3 else np.stack([one.image] * 3, -1)
        assert np.abs(np.asarray(image).astype(int) - wanted).max() <= (0 if image_format == "png" else 24)


def test_unknown_annotations_are_refused() -> None:
    assert check_annotations(["coco", "yolo", "coco"]) == ("coco", "yolo")
    assert check_annotations("coco") == ("coco",)
    with refused(ConfigError, r"there are no annotations 'voc': use labels, .*, webdataset\.", "annotations"):
        check_annotations(["coco", "voc"])
    with refused(ConfigError, "none are asked for: name at least one of labels", "annotations"):
        check_annotations([])


def test_lmdb_is_loaded_for_no_other_format() -> None:
    code = "import sys, digitsmith.numbers.folder; sys.exit('lmdb' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
