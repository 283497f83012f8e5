"""With the real MNIST at hand: it is loaded right, and a classifier learns it from digits of the shipped model."""

from pathlib import Path

import numpy as np
import pytest

import digitsmith
from digitsmith.data.downloads.cache import at_hand

pytestmark = pytest.mark.skipif(
    not at_hand("mnist"),
    reason="needs MNIST: `digitsmith train cgan --data mnist` downloads it, or set DIGITSMITH_DATA_HOME",
)


def test_mnist_is_what_it_should_be() -> None:
    for split, count in (("train", 60000), ("test", 10000)):
        data = digitsmith.load_dataset("mnist", split)
        assert data.images.shape == (count, 28, 28)
        assert data.classes == tuple("0123456789")
    assert data.labels is not None
    assert data.labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert data.images.mean() == pytest.approx(33.79, abs=0.01)


def read_mnist_file(path: Path) -> np.ndarray:
    """The reader that every MNIST program has."""
    content = path.read_bytes()
    shape = np.frombuffer(content, ">i4", content[3], offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * content[3]).reshape(shape)


def test_another_program_learns_real_digits_from_generated_ones() -> None:
    from sklearn.linear_model import LogisticRegression

    folder = digitsmith.generate("made", 3000, seed=1, progress=False)
    images, labels = (read_mnist_file(folder / f"train-{kind}-ubyte") for kind in ("images-idx3", "labels-idx1"))
    classifier = LogisticRegression(max_iter=60, C=0.01).fit(images.reshape(-1, 784) / 255, labels)
    real = digitsmith.load_dataset("mnist", "test")
    assert classifier.score(real.images.reshape(-1, 784) / 255, real.labels) > 0.8
