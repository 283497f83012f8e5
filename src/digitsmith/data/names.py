"""What people call images, labels and splits: the names of arrays, columns and files."""

import re
from typing import Literal

_IMAGES = (
    "image images img imgs x data pixels pixel features feature picture pictures png jpg jpeg bytes digits fea inputs "
    "input samples patterns"
)
_LABELS = (
    "label labels lbl lbls y target targets class classes cls digit digits category categories gnd truth labelid "
    "classid classlabel"
)

IMAGES = frozenset(_IMAGES.split())
"""Names of images."""

LABELS = frozenset(_LABELS.split())
"""Names of labels."""

CLASS_NAMES = frozenset(["classes", "classnames", "labelnames", "names"])
"""Names of the names of classes."""

_SPLITS: dict[str, Literal["train", "test", "other"]] = {
    "training": "train", "train": "train", "testing": "test", "test": "test", "t10k": "test", "validation": "other",
    "valid": "other", "val": "other",
}  # fmt: skip
_KNOWN = IMAGES | LABELS | CLASS_NAMES | {""}


def plain(name: str) -> str:
    """A name without capitals and marks: `X_train` is `xtrain`."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def parts(name: str) -> tuple[str, Literal["", "train", "test", "other"]]:
    """What a name says, plainly, and of which split; `other` is one of validation.

    Examples:
        >>> parts("x_train"), parts("testLabels"), parts("train/data"), parts("latest")
        (('x', 'train'), ('labels', 'test'), ('data', 'train'), ('latest', ''))
    """
    *folders, own = name.split("/")
    word = plain(own)
    for ending, split in _SPLITS.items():
        for rest in (word.removeprefix(ending), word.removesuffix(ending)):
            if rest != word and rest in _KNOWN:
                return rest, split
    above = [_SPLITS[plain(folder)] for folder in folders if plain(folder) in _SPLITS]
    return word, above[-1] if above else ""
