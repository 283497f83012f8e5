"""The Bayes classifier: the most probable class, if the images of each class were normally distributed."""

import numpy as np
from numpy.typing import NDArray

from digitsmith.data.dataset import Dataset

COMPONENTS = 30
_RIDGE = 0.1  # of the mean variance of a component, so that none is without variance within classes


def bayes(train: Dataset, images: NDArray[np.uint8], components: int = COMPONENTS) -> NDArray[np.int64]:
    r"""Classify images by Bayes' rule, with a normal density for each class.

    The features x are the first principal components of the training images. The class is

        argmax_c  log P(c) - (log |S_c| + (x - m_c)^T S_c^-1 (x - m_c)) / 2,

    where m_c is the mean of the n_c training images of the class, and P(c) their share. The covariance S_c is
    (n_c C_c + d C) / (n_c + d): that of the class, C_c, drawn toward the mean C of all classes, as if there were d
    more images (d components; Friedman 1989). So few images of a class share one shape, and many have their own.

    Args:
        train: labelled images, of every class one or more.
        images: to classify, uint8[n, h, w] or uint8[n, h, w, 3].
        components: d, or fewer if there are fewer training images.

    Returns:
        int64[n], places in `train.classes`.
    """
    assert train.labels is not None
    flat = train.images.reshape(len(train), -1) / 255.0
    mean = flat.mean(0)
    axes = np.linalg.svd(flat - mean, full_matrices=False)[2][:components]  # [d, pixels]
    x, asked = (flat - mean) @ axes.T, (images.reshape(len(images), -1) / 255.0 - mean) @ axes.T
    of_class = [x[train.labels == label] for label in range(len(train.classes))]
    scatters = [(own - own.mean(0)).T @ (own - own.mean(0)) for own in of_class]  # n_c C_c
    shared = sum(scatters) / len(x) + _RIDGE * x.var(0).mean() * np.eye(len(axes))
    scores = []
    for own, scatter in zip(of_class, scatters, strict=True):
        covariance = (scatter + len(axes) * shared) / (len(own) + len(axes))
        away = asked - own.mean(0)
        distance = (away * np.linalg.solve(covariance, away.T).T).sum(1)
        scores.append(np.log(len(own) / len(x)) - (np.linalg.slogdet(covariance)[1] + distance) / 2)
    found: NDArray[np.int64] = np.argmax(scores, axis=0)
    return found
