"""The named data sets: a new one is one entry in `REMOTES`."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from digitsmith.data.formats import Split


@dataclass(frozen=True)
class Remote:
    """A data set of IDX files on the web."""

    title: str  # one line about it
    mirrors: tuple[str, ...]  # base addresses, tried in turn
    images: Mapping[Split, str]  # file names, on the mirror and in the cache
    labels: Mapping[Split, str]
    sha256: Mapping[str, str] = field(default_factory=dict)  # of files, decompressed: mirrors differ in gzip bytes
    md5: Mapping[str, str] = field(default_factory=dict)  # of files as the mirrors serve them, where only that is known
    most_bytes: int = 2**26  # that a download can have
    archive: str = ""  # the zip file that holds all of them, if they come in one
    label_column: int | None = None  # of labels that are int32[n, k], which one is the class
    classes: tuple[str, ...] = ()  # names, if not 0 to 9
    shares: Mapping[Split, tuple[str, ...]] = field(default_factory=dict)  # splits of others that are in its own, too
    framed: bool = False  # as MNIST is: nothing is to be done for the frame of that name


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
        framed=True,
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
        classes=("T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
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
        ("https://biometrics.nist.gov/cs_links/EMNIST/", "https://www.itl.nist.gov/iaui/vip/cs_links/EMNIST/"),
        {"train": "emnist-digits-train-images-idx3-ubyte.gz", "test": "emnist-digits-test-images-idx3-ubyte.gz"},
        {"train": "emnist-digits-train-labels-idx1-ubyte.gz", "test": "emnist-digits-test-labels-idx1-ubyte.gz"},
        md5={"gzip.zip": "58c8d27c78d21e728a6bc7b3cc06412e"},
        most_bytes=2**30,
        archive="gzip.zip",
        shares=dict.fromkeys(("train", "test"), ("mnist:train", "mnist:test")),  # all of NIST's Special Database 19
        framed=True,
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
        shares={"train": ("mnist:train",), "test": ("mnist:test",)},
        framed=True,
    ),
}

TITLES: dict[str, str] = {
    "digits": "1,797 handwritten digits that come with Digitsmith, scaled from 8x8 to 28x28 (Alpaydin & Kaynak 1998; "
    "CC BY 4.0)"
} | {name: remote.title for name, remote in REMOTES.items()}
