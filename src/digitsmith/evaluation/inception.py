"""Inception v3, whose features the Fréchet Inception Distance is defined on: by torch-fidelity, with its weights.

Wants the extra `inception`, and torch: both are imported only where a network is made.
"""

import hashlib
import io
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitsmith.data.downloads.cache import data_home
from digitsmith.data.downloads.download import alone, download
from digitsmith.data.images.pixels import to_planes
from digitsmith.errors import DataError, DependencyError, DownloadError, install, reason
from digitsmith.progress import Progress, Silent
from digitsmith.untrusted import read_bytes

VARIABLE = "DIGITSMITH_INCEPTION"
"""The environment variable that names a file of weights."""

WEIGHTS = "weights-inception-2015-12-05-6726825d.pth"
"""The file of the published weights: those of TensorFlow's FID network, as converted for PyTorch."""

WEIGHTS_SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"

_MIRRORS = ("https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/",)
_FEATURES = 2048
_MOST = 2**28  # bytes of a file of weights, of which the published ones have 95 million
_BATCH = 32


def to_rgb(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Colour images, uint8[n, h, w, 3], or grey ones, uint8[n, h, w], repeated three times, as uint8[n, 3, h, w]."""
    planes = to_planes(images)
    return np.repeat(planes, 3, axis=1) if planes.shape[1] == 1 else planes


class InceptionV3:
    """The network of the FID (Heusel et al. 2017) up to its last pooling, on a GPU where torch finds one.

    Scaling to 299x299 and all layers are those of TensorFlow's network of 2015-12-05, as torch-fidelity rebuilds it.

    Attributes:
        name: of the features, in results.
        sha256: of the file of weights.
        dimensions: of a feature.
    """

    def __init__(self, weights: Path | None = None, progress: Progress | None = None) -> None:
        """Load the network.

        Args:
            weights: a state dict of torch-fidelity's `FeatureExtractorInceptionV3`, saved by `torch.save`. Default: the
                file that `DIGITSMITH_INCEPTION` names; else the published weights (95 MB), downloaded once into the
                folder `inception` of `DIGITSMITH_DATA_HOME`.
            progress: is told of the download.

        Raises:
            DependencyError: torch-fidelity, torchvision or torch is missing or broken.
            DataError: the file is not there, or does not hold the weights.
            DownloadError: the published weights could not be fetched.
        """
        network = _import_network()
        given = weights or os.environ.get(VARIABLE)
        self._path = Path(given) if given else _published(progress or Silent())
        try:
            content = read_bytes(self._path, _MOST)
        except (OSError, ValueError) as error:
            raise DataError(
                f"the Inception weights {self._path} cannot be read ({reason(error)}): correct the path, or the "
                f"environment variable {VARIABLE}; without either, the published ones are downloaded.",
                parameter="inception_weights" if weights else "",
            ) from error
        self.name, self.dimensions = "inception", _FEATURES
        self.sha256 = hashlib.sha256(content).hexdigest()
        self._network = _load(network, content, self._path)

    def extract(self, images: NDArray[np.uint8], progress: Progress) -> NDArray[np.float32]:
        """Features of images, each of which depends on its own image alone (but for the rounding of float32).

        Args:
            images: uint8[n, h, w] or uint8[n, h, w, 3], of any size.
            progress: is told after each batch.

        Returns:
            float32[n, 2048], the means of the last feature maps; none is below zero.

        Raises:
            DataError: weights that give no finite numbers.
        """
        import torch

        device = "cuda" if torch.cuda.is_available() else "cpu"
        network = self._network.to(device)
        features = np.empty((len(images), _FEATURES), np.float32)
        for start in range(0, len(images), _BATCH):
            batch = torch.from_numpy(to_rgb(images[start : start + _BATCH])).to(device)
            with torch.inference_mode():
                (pooled,) = network(batch)
            features[start : start + len(batch)] = pooled.cpu().numpy()
            progress.update("Inception v3 features", start + len(batch), len(images))
        if not np.isfinite(features).all():
            raise DataError(f"{self._path}: with these Inception weights, features are no finite numbers: use others.")
        return features


def _import_network() -> Any:
    try:
        from torch_fidelity import FeatureExtractorInceptionV3
    except Exception as error:  # torchvision raises what it likes where it does not fit torch
        raise DependencyError(
            f"Inception v3 needs torch-fidelity, with a torch and a torchvision that fit each other, and they do not "
            f"import here ({reason(error)}): {install('inception')}, best in an environment of its own.",
            parameter="features",
        ) from error
    return FeatureExtractorInceptionV3


def _load(network: Any, content: bytes, path: Path) -> Any:
    """Make the network. It unpickles what it is given, so it is given what was read safely and written afresh."""
    import torch

    clean = io.BytesIO()
    try:
        torch.save(torch.load(io.BytesIO(content), map_location="cpu", weights_only=True), clean)
        clean.seek(0)
        return network("inception", [str(_FEATURES)], feature_extractor_weights_path=clean)
    except Exception as error:  # from torch.load: whatever the bytes lead to
        reason = str(error).strip().partition("\n")[0]
        raise DataError(
            f"{path} does not hold weights of Inception v3 ({type(error).__name__}: {reason}): give a state dict "
            f"of torch-fidelity's FeatureExtractorInceptionV3, or none, and the published ones are downloaded."
        ) from error


def _published(progress: Progress) -> Path:
    """The path of the published weights, downloaded if they are not there, and right."""
    folder = data_home() / "inception"
    path = folder / WEIGHTS
    if path.is_file():
        _check(path)
        return path
    try:
        with alone(folder, progress):
            return download(_MIRRORS, WEIGHTS, folder, _check, progress, most_bytes=2**27)
    except DownloadError as error:
        raise DownloadError(
            f"the weights of Inception v3 could not be downloaded:\n{error}\nWithout a connection: get {WEIGHTS} "
            f"elsewhere, and put it into {folder}, or name it in the environment variable {VARIABLE}."
        ) from error


def _check(path: Path) -> None:
    with path.open("rb") as content:
        if hashlib.file_digest(content, "sha256").hexdigest() != WEIGHTS_SHA256:
            raise DataError(
                f"{path} is not what it should be (its SHA-256 is wrong): remove it, to have it fetched again."
            )
