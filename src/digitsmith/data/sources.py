"""Where images come from: named data sets, downloaded once and checked, or any path."""

import gzip
import hashlib
import os
import shutil
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import get_args

import numpy as np
import platformdirs

from digitsmith.data import formats
from digitsmith.data.dataset import SIDES, Dataset, check_image_size, numbered_classes
from digitsmith.data.download import download
from digitsmith.data.formats import Split
from digitsmith.data.formats.idx import read_array
from digitsmith.errors import ConfigError, DataError, DownloadError
from digitsmith.files import staged_file


@dataclass(frozen=True)
class Remote:
    """A data set of IDX files on the web.

    Attributes:
        title: one line about it.
        mirrors: base addresses, tried in turn.
        images: file name of each split's images, on the mirror and in the cache.
        labels: file name of each split's labels.
        sha256: of the decompressed files, where it is known; gzip bytes differ between mirrors.
        md5: of the files as the mirrors serve them, where that is known instead.
        archive: name of the zip file that holds all of them, if they come in one.
        transposed: images lie on their side.
        label_column: the labels are int32[n, k], and this column is the class.
        classes: class names, if not 0, 1, ….
    """

    title: str
    mirrors: tuple[str, ...]
    images: Mapping[Split, str]
    labels: Mapping[Split, str]
    sha256: Mapping[str, str] = field(default_factory=dict)
    md5: Mapping[str, str] = field(default_factory=dict)
    archive: str = ""
    transposed: bool = False
    label_column: int | None = None
    classes: tuple[str, ...] = ()


_MNIST_IMAGES: dict[Split, str] = {"train": "train-images-idx3-ubyte.gz", "test": "t10k-images-idx3-ubyte.gz"}
_MNIST_LABELS: dict[Split, str] = {"train": "train-labels-idx1-ubyte.gz", "test": "t10k-labels-idx1-ubyte.gz"}

REMOTES: dict[str, Remote] = {
    "mnist": Remote(
        "70,000 handwritten digits, 28x28 (LeCun, Cortes & Burges; CC BY-SA 3.0)",
        (
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
            "http://yann.lecun.com/exdb/mnist/",
        ),
        _MNIST_IMAGES,
        _MNIST_LABELS,
        sha256={
            "train-images-idx3-ubyte.gz": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "train-labels-idx1-ubyte.gz": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "t10k-images-idx3-ubyte.gz": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "t10k-labels-idx1-ubyte.gz": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        },
    ),
    "fashion-mnist": Remote(
        "70,000 pictures of clothes, 28x28 (Xiao, Rasul & Vollgraf 2017; MIT)",
        (
            "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        ),
        _MNIST_IMAGES,
        _MNIST_LABELS,
        md5={
            "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
            "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
            "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
        },
        classes=(
            "T-shirt",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ),
    ),
    "kmnist": Remote(
        "70,000 cursive Japanese characters of 10 classes, 28x28 (Clanuwat et al. 2018; CC BY-SA 4.0)",
        ("http://codh.rois.ac.jp/kmnist/dataset/kmnist/",),
        _MNIST_IMAGES,
        _MNIST_LABELS,
        md5={
            "train-images-idx3-ubyte.gz": "bdb82020997e1d708af4cf47b453dcf7",
            "train-labels-idx1-ubyte.gz": "e144d726b3acfaa3e44228e80efcd344",
            "t10k-images-idx3-ubyte.gz": "5c965bf0a639b31b8f53240b1b52f4d7",
            "t10k-labels-idx1-ubyte.gz": "7320c461ea6c1c855c0b718fb2a4b134",
        },
        classes=("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
    ),
    "emnist-digits": Remote(
        "280,000 handwritten digits, 28x28 (Cohen et al. 2017); a download of 540 MB",
        (
            "https://biometrics.nist.gov/cs_links/EMNIST/",
            "https://www.itl.nist.gov/iaui/vip/cs_links/EMNIST/",
        ),
        {
            "train": "emnist-digits-train-images-idx3-ubyte.gz",
            "test": "emnist-digits-test-images-idx3-ubyte.gz",
        },
        {
            "train": "emnist-digits-train-labels-idx1-ubyte.gz",
            "test": "emnist-digits-test-labels-idx1-ubyte.gz",
        },
        md5={"gzip.zip": "58c8d27c78d21e728a6bc7b3cc06412e"},
        archive="gzip.zip",
        transposed=True,
    ),
    "qmnist": Remote(
        "120,000 handwritten digits, MNIST's with 50,000 more to test on, 28x28 (Yadav & Bottou 2019; BSD)",
        ("https://raw.githubusercontent.com/facebookresearch/qmnist/master/",),
        {"train": "qmnist-train-images-idx3-ubyte.gz", "test": "qmnist-test-images-idx3-ubyte.gz"},
        {"train": "qmnist-train-labels-idx2-int.gz", "test": "qmnist-test-labels-idx2-int.gz"},
        md5={
            "qmnist-train-images-idx3-ubyte.gz": "ed72d4157d28c017586c42bc6afe6370",
            "qmnist-train-labels-idx2-int.gz": "0058f8dd561b90ffdd0f734c6a30e5e4",
            "qmnist-test-images-idx3-ubyte.gz": "1394631089c404de565df7b7aeaf9412",
            "qmnist-test-labels-idx2-int.gz": "5b5b05890a5e13444e108efe57b788aa",
        },
        label_column=0,
    ),
}

TITLES: dict[str, str] = {
    "digits": "1,797 handwritten digits that come with scikit-learn, scaled from 8x8 to 28x28; no download"
} | {name: remote.title for name, remote in REMOTES.items()}


def data_home() -> Path:
    """The folder of downloaded data sets: `DIGITSMITH_DATA_HOME`, or the user's cache folder."""
    return Path(os.environ.get("DIGITSMITH_DATA_HOME") or platformdirs.user_cache_dir("digitsmith"))


def at_hand(name: str) -> bool:
    """Whether a named data set that has to be downloaded already was."""
    remote, folder = REMOTES[name], data_home() / name
    files = [*remote.images.values(), *remote.labels.values()]
    return all((folder / file).is_file() or (folder / file.removesuffix(".gz")).is_file() for file in files)


def load_dataset(source: str | Path, split: Split = "train", *, resize: tuple[int, int] | None = None) -> Dataset:
    """Load one split of a data set.

    Args:
        source: a name from `TITLES`, or a path: a folder of IDX files, of PNG class folders or of tar shards, or an
            `.npz` or `.parquet` file. A path may end in `:train` or `:test` to choose the split.
        split: which split, if the source does not say.
        resize: scale the images to this height and width.

    Raises:
        DataError: no such source, a damaged one, or images of a size that models do not take.
        DownloadError: a named data set that could not be fetched.

    >>> import digitsmith
    >>> digits = digitsmith.load_dataset("digits", "test")
    >>> len(digits), digits.image_size, digits.classes[3]
    (359, (28, 28), '3')
    """
    name, split = part_source(str(source), split)
    if name == "digits":
        data = _load_embedded(split)
    elif name in REMOTES:
        data = _load_remote(name, split)
    else:
        looks_like_a_name = not any(mark in name for mark in "/\\.")
        if looks_like_a_name and (len(name) > 255 or not Path(name).exists()):
            known, _, ending = name.partition(":")
            if ending and known in TITLES:
                raise DataError(f"{known} has no split {ending!r}: use {known}:train or {known}:test.")
            raise DataError(f"there is no data set {name!r}: use {', '.join(TITLES)}, or the path of a folder or file.")
        data = formats.read(Path(name), split)
    if resize is not None:
        if any(side not in SIDES for side in resize):
            raise ConfigError(
                f"--resize {resize[0]}x{resize[1]}: use sides from {SIDES.start} to {SIDES.stop - 1} pixels."
            )
        data = data.resize(resize)
    check_image_size(data, name)
    return data


def part_source(source: str, split: Split = "train") -> tuple[str, Split]:
    """The name or path of a source, and the split that it names, if it ends in one; else `split`.

    >>> part_source("mnist:test"), part_source("scans")
    (('mnist', 'test'), ('scans', 'train'))
    """
    for ending in get_args(Split):
        if source.endswith(f":{ending}"):
            return source.removesuffix(f":{ending}"), ending
    return source, split


def _load_embedded(split: Split) -> Dataset:
    """Scikit-learn's scans of 1797 digits (Alpaydin & Kaynak 1998); every fifth one is for the test."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise DataError("the data set digits comes with scikit-learn: pip install 'digitsmith[train]'.") from error
    bunch = load_digits()
    is_test = np.arange(len(bunch.target)) % 5 == 4
    chosen = is_test if split == "test" else ~is_test
    levels = np.round(bunch.images[chosen] * (255 / 16)).astype(np.uint8)  # 17 levels, 0 to 16
    return Dataset(levels, bunch.target[chosen], tuple("0123456789")).resize((28, 28))


def _load_remote(name: str, split: Split) -> Dataset:
    remote = REMOTES[name]
    images_path, labels_path = (_fetch(name, remote, files[split]) for files in (remote.images, remote.labels))
    images = read_array(images_path, 3).astype(np.uint8, copy=False)
    if remote.transposed:
        images = images.swapaxes(1, 2).copy()
    if remote.label_column is None:
        labels = read_array(labels_path, 1).astype(np.int64)
    else:
        labels = read_array(labels_path, 2)[:, remote.label_column].astype(np.int64)
    return Dataset(images, labels, remote.classes or numbered_classes(labels))


def _fetch(name: str, remote: Remote, file: str) -> Path:
    """The path of a file in the cache, downloaded if it is not there."""
    folder = data_home() / name
    for present in (folder / file, folder / file.removesuffix(".gz")):
        if present.is_file():
            _verify(present, file, replace(remote, md5={}))  # an md5 is that of a download
            return present
    wanted = remote.archive or file
    fetched = folder / wanted  # an archive that was not unpacked any more
    try:
        if not fetched.is_file():
            fetched = download(remote.mirrors, wanted, folder, lambda path: _verify(path, wanted, remote))
    except DownloadError as error:
        raise DownloadError(
            f"{name} could not be downloaded:\n{error}\nWithout a connection: get {file} elsewhere, "
            f"and put it into {folder} (the folder {name} under DIGITSMITH_DATA_HOME)."
        ) from error
    if remote.archive:
        try:
            for member in (*remote.images.values(), *remote.labels.values()):
                _extract(fetched, member, folder)
        finally:
            fetched.unlink()  # its files are there, or it is of no use
    return folder / file


def _extract(archive: Path, member: str, folder: Path) -> None:
    """Take one file out of a zip archive, in whichever of its folders it lies."""
    try:
        with zipfile.ZipFile(archive) as zipped:
            names = [name for name in zipped.namelist() if Path(name).name == member]
            if not names:
                raise DataError(f"{archive} holds no {member}.")
            with (
                zipped.open(names[0]) as content,
                staged_file(folder / member) as staged,
                staged.open("wb") as file,
            ):
                shutil.copyfileobj(content, file)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise DataError(f"{archive} is damaged ({error}): try again, to have it fetched afresh.") from error


def _verify(path: Path, file: str, remote: Remote) -> None:
    """Check a file's hash where it is known, and that it decompresses whole."""
    if file in remote.md5:
        with path.open("rb") as content:
            if hashlib.file_digest(content, "md5").hexdigest() != remote.md5[file]:
                raise DataError(
                    f"{path} is not what it should be (its MD5 is wrong): remove it, to have it fetched again."
                )
    if file in remote.sha256:
        digest = hashlib.sha256()
        try:
            with path.open("rb") as content:
                zipped = content.read(2) == b"\x1f\x8b"
            with gzip.open(path) if zipped else path.open("rb") as content:
                while chunk := content.read(2**20):
                    digest.update(chunk)
        except (EOFError, OSError, zlib.error) as error:
            raise DataError(
                f"{path} is cut short or corrupt ({error}): remove it, to have it fetched again."
            ) from error
        if digest.hexdigest() != remote.sha256[file]:
            raise DataError(
                f"{path} is not what it should be (its SHA-256 is wrong): remove it, to have it fetched again."
            )
