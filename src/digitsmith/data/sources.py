"""Where images come from: named data sets, downloaded once and checked, or any path."""

import gzip
import hashlib
import os
import shutil
import zipfile
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import platformdirs

from digitsmith.data import formats
from digitsmith.data.catalogue import REMOTES, TITLES, Remote
from digitsmith.data.dataset import SIDES, Dataset, check_image_size, numbered_classes
from digitsmith.data.download import download
from digitsmith.data.formats import SPLITS, Split, check_split
from digitsmith.data.formats.idx import read_array
from digitsmith.errors import ConfigError, DataError, DependencyError, DownloadError, install
from digitsmith.files import staged_file
from digitsmith.progress import Progress, listening


@dataclass(frozen=True)
class Source:
    """One split of a data set.

    Attributes:
        name: of the catalogue, or a path.
        split: train or test.

    Raises:
        ConfigError: another split.

    Examples:
        >>> Source.parse("mnist:test"), str(Source("scans").other)
        (Source(name='mnist', split='test'), 'scans:test')
    """

    name: str
    split: Split = "train"

    def __post_init__(self) -> None:
        check_split(self.split)

    @classmethod
    def parse(cls, text: str, split: Split = "train") -> "Source":
        """What a user writes: a name or path, which may end in `:train` or `:test`; else `split` is meant."""
        name, _, ending = text.rpartition(":")
        return next((cls(name, named) for named in SPLITS if ending == named and name), cls(text, split))

    @property
    def other(self) -> "Source":
        """The other split."""
        return Source(self.name, "test" if self.split == "train" else "train")

    def __str__(self) -> str:
        return f"{self.name}:{self.split}"


def data_home() -> Path:
    """The folder of downloaded data sets: `DIGITSMITH_DATA_HOME`, or the user's cache folder."""
    return Path(os.environ.get("DIGITSMITH_DATA_HOME") or platformdirs.user_cache_dir("digitsmith"))


def at_hand(name: str) -> bool:
    """Whether a named data set that has to be downloaded already was."""
    remote, folder = REMOTES[name], data_home() / name
    files = [*remote.images.values(), *remote.labels.values()]
    return all((folder / file).is_file() or (folder / file.removesuffix(".gz")).is_file() for file in files)


def load_dataset(
    source: str | Path,
    split: Split = "train",
    *,
    resize: tuple[int, int] | None = None,
    progress: Progress | bool = True,
) -> Dataset:
    """Load one split of a data set.

    Args:
        source: a name from `digitsmith data`, or a path: a folder of IDX files, of PNG class folders or of tar shards,
            or an `.npz` or `.parquet` file. Either may end in `:train` or `:test` to choose the split.
        split: which split, if the source does not say.
        resize: scale the images to this height and width, 8 to 128 pixels.
        progress: True shows a download's progress, False shows nothing; or a `Progress` to report it to.

    Returns:
        Images, uint8[n, h, w] or uint8[n, h, w, 3], with labels and class names if there are any.

    Raises:
        ConfigError: a split or a size that cannot be asked for.
        DataError: no such source, a damaged one, or images of a size that models do not take.
        DownloadError: a named data set that could not be fetched.
        DependencyError: a source that needs an optional library.

    Examples:
        >>> import digitsmith
        >>> digits = digitsmith.load_dataset("digits", "test")
        >>> len(digits), digits.image_size, digits.classes[3]
        (359, (28, 28), '3')
    """
    if resize is not None and any(side not in SIDES for side in resize):
        raise ConfigError(
            f"{resize[0]}x{resize[1]}: use sides from {SIDES.start} to {SIDES.stop - 1} pixels.", parameter="resize"
        )
    chosen = Source.parse(str(source), split)
    with listening(progress) as progress:
        data = _load(chosen, progress)
    if resize is not None:
        data = data.resize(resize)
    check_image_size(data, chosen.name)
    return data


def _load(source: Source, progress: Progress) -> Dataset:
    name, split = source.name, source.split
    if name == "digits":
        return _load_embedded(split)
    if name in REMOTES:
        return _load_remote(name, split, progress)
    looks_like_a_name = not any(mark in name for mark in "/\\.")
    if looks_like_a_name and (len(name) > 255 or not Path(name).exists()):
        known, _, ending = name.partition(":")
        if ending and known in TITLES:
            raise DataError(f"{known} has no split {ending!r}: use {known}:train or {known}:test.")
        raise DataError(f"there is no data set {name!r}: use {', '.join(TITLES)}, or the path of a folder or file.")
    return formats.read(Path(name), split)


def _load_embedded(split: Split) -> Dataset:
    """Scikit-learn's scans of 1797 digits (Alpaydin & Kaynak 1998); every fifth one is for the test."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise DependencyError(f"the data set digits comes with scikit-learn: {install('train')}.") from error
    bunch = load_digits()
    is_test = np.arange(len(bunch.target)) % 5 == 4
    chosen = is_test if split == "test" else ~is_test
    levels = np.round(bunch.images[chosen] * (255 / 16)).astype(np.uint8)  # 17 levels, 0 to 16
    return Dataset(levels, bunch.target[chosen], tuple("0123456789")).resize((28, 28))


def _load_remote(name: str, split: Split, progress: Progress) -> Dataset:
    remote = REMOTES[name]
    images_path, labels_path = (_fetch(name, files[split], progress) for files in (remote.images, remote.labels))
    images = read_array(images_path, 3).astype(np.uint8, copy=False)
    if remote.transposed:
        images = images.swapaxes(1, 2).copy()
    if remote.label_column is None:
        labels = read_array(labels_path, 1).astype(np.int64)
    else:
        labels = read_array(labels_path, 2)[:, remote.label_column].astype(np.int64)
    return Dataset(images, labels, remote.classes or numbered_classes(labels))


def _fetch(name: str, file: str, progress: Progress) -> Path:
    """The path of a file in the cache, downloaded if it is not there."""
    remote, folder = REMOTES[name], data_home() / name
    for present in (folder / file, folder / file.removesuffix(".gz")):
        if present.is_file():
            _verify(present, file, replace(remote, md5={}))  # an md5 is that of a download
            return present
    wanted = remote.archive or file
    fetched = folder / wanted  # an archive that was not unpacked any more
    try:
        if not fetched.is_file():
            fetched = download(remote.mirrors, wanted, folder, lambda path: _verify(path, wanted, remote), progress)
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
    with path.open("rb") as content:
        if file in remote.md5 and hashlib.file_digest(content, "md5").hexdigest() != remote.md5[file]:
            raise DataError(f"{path} is not what it should be (its MD5 is wrong): remove it, to have it fetched again.")
    if file in remote.sha256 and _unzipped_sha256(path) != remote.sha256[file]:
        raise DataError(f"{path} is not what it should be (its SHA-256 is wrong): remove it, to have it fetched again.")


def _unzipped_sha256(path: Path) -> str:
    try:
        with path.open("rb") as content:
            zipped = content.read(2) == b"\x1f\x8b"
        with gzip.open(path) if zipped else path.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    except (EOFError, OSError, zlib.error) as error:
        raise DataError(f"{path} is cut short or corrupt ({error}): remove it, to have it fetched again.") from error
