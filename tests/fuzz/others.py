"""Data sets as other programs write them, whole files to start from: arrays, tables of pixels, shards."""

import io
import tarfile

import h5py
import numpy as np
import scipy.io

from fuzz import corpus
from fuzz.mutations import Files


def arrays() -> list[Files]:
    """NPZ without names, and with floats in rows."""
    data = corpus.images()
    return [
        {"train.npz": _npz(arr_0=data.images, arr_1=data.labels)},
        {"some.npz": _npz(X=data.images.reshape(corpus.N, -1) / 255, y=np.eye(2)[data.labels])},
        {"some.npz": _npz(train_images=data.images[..., None], train_labels=np.array(["a", "b"])[data.labels])},
    ]


def _npz(**named: np.ndarray | None) -> bytes:
    content = io.BytesIO()
    np.savez(content, **named)
    return content.getvalue()


def mat() -> list[Files]:
    """MATLAB's: packed, plain, of version 4, with an array for each class."""
    grey, colour = corpus.images(), corpus.images(colour=True)
    svhn = {"X": colour.images.transpose(1, 2, 3, 0), "y": grey.labels[:, None] + 1}
    flat = {"data": grey.images.reshape(corpus.N, -1).T.astype(float), "label": grey.labels[None].astype(float)}
    by_class = {f"train{i}": flat["data"].T[i::2] for i in range(2)}
    return [
        *(
            {"train.mat": _mat(arrays, do_compression=packed)}
            for arrays in (svhn, by_class)
            for packed in (True, False)
        ),
        {"train.mat": _mat(flat, format="4")},
    ]


def _mat(arrays: dict, **options) -> bytes:
    content = io.BytesIO()
    scipy.io.savemat(content, arrays, **options)
    return content.getvalue()


def hdf5() -> list[Files]:
    """HDF5: plain, packed, in groups, with names as labels."""
    data = corpus.images()
    names = np.array([b"one", b"two"])[data.labels]
    return [
        {"train.h5": _hdf5({"x": data.images, "y": data.labels})},
        {"train.h5": _hdf5({"x": data.images / 255, "y": names}, compression="gzip", chunks=True)},
        {
            "usps.h5": _hdf5(
                {"train/data": data.images.reshape(corpus.N, -1), "train/target": data.labels}, shuffle=True
            )
        },
        {"latest.h5": _hdf5({"images": data.images, "labels": data.labels}, libver="latest")},
    ]


def _hdf5(arrays: dict, libver: str = "earliest", **options) -> bytes:
    content = io.BytesIO()
    with h5py.File(content, "w", libver=libver) as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array, **options)
    return content.getvalue()


def pixel_tables() -> list[Files]:
    """CSV with names and without, TSV of floats."""
    data = corpus.images()
    rows = np.column_stack([data.labels, data.images.reshape(corpus.N, -1)])
    names = ",".join(["label", *(f"pixel{i}" for i in range(rows.shape[1] - 1))])
    texts = [[",".join(map(str, row)) for row in rows], ["\t".join(map(str, row / 255)) for row in rows[:, 1:]]]
    return [
        {"train.csv": "\n".join([names, *texts[0]]).encode()},
        {"train.csv": "\n".join(texts[0]).encode()},
        {"train.tsv": "\n".join(texts[1]).encode()},
    ]


def shards() -> list[Files]:
    """WebDataset with labels in JSON, text and numbers, and twins of macOS."""
    (picture,) = corpus.pictures()[:1]
    labels = {"json": b'{"label": 1}', "txt": b"one", "cls": b"1"}
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for i, (ending, label) in enumerate(labels.items()):
            for name, part in ((f"{i}.{ending}", label), (f"._{i}.PNG", b"\0\5"), (f"{i}.PNG", picture["image"])):
                member = tarfile.TarInfo(name)
                member.size = len(part)
                tar.addfile(member, io.BytesIO(part))
    return [{"train-00000-of-00001.tar": content.getvalue()}]
