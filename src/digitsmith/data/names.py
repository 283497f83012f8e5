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
_FILES = "file filename filepath image imagefile imagepath imagename imageid img path name id"

IMAGES = frozenset(_IMAGES.split())
"""Names of images."""

LABELS = frozenset(_LABELS.split())
"""Names of labels."""

FILES = frozenset(_FILES.split())
"""Names of columns of image files."""

CLASS_NAMES = frozenset(["classes", "classnames", "labelnames", "names"])
"""Names of the names of classes."""

Part = Literal["train", "test", "val"]
"""What others call a split. Theirs for validation stands for the test where they have none."""

PARTS: dict[str, Part] = {
    "training": "train", "train": "train", "testing": "test", "test": "test", "t10k": "test", "validation": "val",
    "valid": "val", "val": "val",
}  # fmt: skip
"""Words for splits."""
_KNOWN = IMAGES | LABELS | CLASS_NAMES | {""}


def plain(name: str) -> str:
    """A name without capitals and marks: `X_train` is `xtrain`."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def parts(name: str) -> tuple[str, Part | Literal[""]]:
    """What a name says, plainly, and of which split.

    Examples:
        >>> parts("x_train"), parts("testLabels"), parts("train/data"), parts("latest")
        (('x', 'train'), ('labels', 'test'), ('data', 'train'), ('latest', ''))
    """
    *folders, own = name.split("/")
    word = plain(own)
    for ending, split in PARTS.items():
        for rest in (word.removeprefix(ending), word.removesuffix(ending)):
            if rest != word and rest in _KNOWN:
                return rest, split
    above = [PARTS[plain(folder)] for folder in folders if plain(folder) in PARTS]
    return word, above[-1] if above else ""
