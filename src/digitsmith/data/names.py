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

WEAK_LABELS = frozenset(["y", "number", "value", "text"])
"""Names of columns of labels where none has one of `LABELS` that is not among these."""

CLASS_NAMES = frozenset(["classes", "classnames", "labelnames", "names"])
"""Names of the names of classes."""

Part = Literal["train", "test", "val"]
"""What others call a split. Theirs for validation stands for the test where they have none."""

PARTS: dict[str, Part] = {
    "training": "train", "train": "train", "testing": "test", "test": "test", "t10k": "test", "validation": "val",
    "valid": "val", "val": "val", "dev": "val",
}  # fmt: skip
"""Words for splits."""

SPLIT_COLUMNS = frozenset(["split", "set", "subset", "partition", "usage", "fold", "phase"])
"""Names of columns, or arrays, with a word for the split of each image."""

FLAGS: dict[str, tuple[Part, Part]] = {
    "train": ("train", "test"), "istrain": ("train", "test"), "istraining": ("train", "test"),
    "test": ("test", "train"), "istest": ("test", "train"), "istesting": ("test", "train"),
}  # fmt: skip
"""Names of such with a yes or a no for each image, and the splits that these stand for."""

_YES, _NO = frozenset(["1", "1.0", "true", "yes"]), frozenset(["0", "0.0", "false", "no"])
_BESIDE = frozenset(["set", "data", "image", "images", "img", "imgs"])
_KNOWN = IMAGES | LABELS | CLASS_NAMES | {""}


def plain(name: str) -> str:
    """A name without capitals and marks: `X_train` is `xtrain`."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def words(name: str) -> list[str]:
    """The words of a name, in lower case.

    Examples:
        >>> words("MNIST - JPG - training"), words("testSet"), words("trainset")
        (['mnist', 'jpg', 'training'], ['test', 'set'], ['train', 'set'])
    """
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()
    return re.findall(r"[a-z0-9]+?(?=set(?![a-z0-9]))|[a-z0-9]+", spaced)


def part_of(name: str) -> Part | None:
    """The split that the name of a file or folder tells; None if it tells none, or several.

    Examples:
        >>> part_of("Train"), part_of("mnist_test.csv"), part_of("t10k-images-idx3-ubyte"), part_of("trainingSet")
        ('train', 'test', 'test', 'train')
    """
    found = {PARTS[word] for word in words(name) if word in PARTS}
    return found.pop() if len(found) == 1 else None


def part_in(column: str, value: object) -> Part | Literal[""] | None:
    """The split that a value in a column tells; empty if there is no value, None if it is something else.

    Examples:
        >>> part_in("Split", "Training"), part_in("is_train", 0), part_in("split", ""), part_in("split", "a")
        ('train', 'test', '', None)
    """
    text = str(value).strip().lower()
    if flag := FLAGS.get(plain(column)):
        return flag[0] if text in _YES else flag[1] if text in _NO else None
    return part_of(text) or (None if text else "")


def is_of_split(name: str) -> bool:
    """Whether a name says which split it is of, and nothing else: `Test`, `train_images`, `testSet`."""
    return part_of(name) is not None and all(word in PARTS or word in _BESIDE for word in words(name))


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
