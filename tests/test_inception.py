"""Inception features: what the network is shown, the weights that it takes, and what a user without them is told.

torch-fidelity is not in the default environment. Here a stand-in with its interface is called; that features and
distance are the library's own is what `benchmarks/inception_parity.py` says, in an environment that has it.
"""

import hashlib
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from conftest import Told
from digitsmith.errors import DataError, DependencyError, DownloadError
from digitsmith.evaluation import inception
from digitsmith.evaluation.extractors import DigitNetFeatures, FeatureExtractor, features_of
from digitsmith.evaluation.inception import VARIABLE, WEIGHTS, WEIGHTS_SHA256, InceptionV3, to_rgb
from digitsmith.evaluation.samples import Sample
from digitsmith.models.digitnet import digit_net
from digitsmith.progress import Progress, Silent


class StandIn(nn.Module):
    """As torch-fidelity's network from outside: feature j of an image is its mean grey level times weight j."""

    def __init__(self, name: str, features_list: list[str], feature_extractor_weights_path: Any) -> None:
        super().__init__()
        assert features_list == ["2048"]
        self.register_buffer("weight", torch.empty(2048))
        self.load_state_dict(torch.load(feature_extractor_weights_path, weights_only=False))  # unsafe, as the library

    def forward(self, images: Tensor) -> tuple[Tensor]:
        assert images.dtype == torch.uint8
        assert images.shape[1] == 3
        return (images.float().mean((1, 2, 3))[:, None] * self.weight,)


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("torch_fidelity")
    module.FeatureExtractorInceptionV3 = StandIn  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch_fidelity", module)
    monkeypatch.delenv(VARIABLE, raising=False)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.save({"weight": torch.arange(2048.0)}, tmp_path / "weights.pth")
    return tmp_path / "weights.pth"


def test_grey_is_repeated_as_red_green_and_blue_and_colour_is_not() -> None:
    rgb = to_rgb(np.array([[[1, 2, 3], [4, 5, 6]], [[7, 8, 9], [0, 255, 128]]], np.uint8))
    assert rgb.dtype == np.uint8
    assert rgb.tolist() == [[[[1, 2, 3], [4, 5, 6]]] * 3, [[[7, 8, 9], [0, 255, 128]]] * 3]
    assert (to_rgb(rgb.transpose(0, 2, 3, 1)) == rgb).all()  # colour is taken as it is


def test_importing_the_module_imports_no_torch() -> None:
    spy = "import sys, digitsmith.evaluation.inception; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", spy], check=True)


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("n", [0, 1, 3, 70])  # less than a batch, and more than two
def test_features_of_each_image_in_order(weights: Path, n: int) -> None:
    images = np.full((n, 12, 10), 0, np.uint8) + np.arange(n, dtype=np.uint8)[:, None, None]
    told = Told()
    features = InceptionV3(weights).extract(images, told)
    assert features.dtype == np.float32
    np.testing.assert_allclose(features, np.outer(np.arange(n), np.arange(2048)), rtol=1e-6)
    assert [update[1:] for update in told.updates[-1:]] == [(n, n)] * (n > 0)


@pytest.mark.usefixtures("library")
def test_the_argument_goes_before_the_environment_variable_and_the_hash_is_the_files(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = weights.with_name("other.pth")
    torch.save({"weight": torch.ones(2048)}, other)
    monkeypatch.setenv(VARIABLE, str(other))
    for network, file in ((InceptionV3(), other), (InceptionV3(weights), weights)):
        assert network.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert InceptionV3().extract(np.full((1, 8, 8), 9, np.uint8), Silent()).tolist() == [[9.0] * 2048]


def test_without_the_library_the_error_says_how_to_install_it(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch_fidelity", None)
    with pytest.raises(DependencyError, match=r"torch-fidelity.*pip install '\.\[inception\]'"):
        InceptionV3(weights)


def test_a_torchvision_that_does_not_fit_torch_is_such_an_error_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "torch_fidelity.py").write_text("raise RuntimeError('operator torchvision::nms does not exist')")
    monkeypatch.delitem(sys.modules, "torch_fidelity", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(DependencyError, match=r"that fit each other.*nms does not exist.*\.\[inception\]"):
        InceptionV3()


@pytest.mark.usefixtures("library")
def test_a_file_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for missing in (tmp_path / "no.pth", tmp_path):  # a folder is no file either
        monkeypatch.setenv(VARIABLE, str(missing))
        with pytest.raises(DataError, match=rf"{missing} cannot be read .*{VARIABLE}"):
            InceptionV3()


def wrong_network(path: Path) -> None:
    torch.save({"other": torch.ones(3)}, path)


def wrong_shape(path: Path) -> None:
    torch.save({"weight": torch.ones(3)}, path)


def no_state_dict(path: Path) -> None:
    torch.save([1, 2], path)


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:2000])


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("spoil", [wrong_network, wrong_shape, no_state_dict, cut_short, empty])
def test_a_file_without_the_weights_is_refused(weights: Path, spoil: Callable[[Path], None]) -> None:
    spoil(weights)
    with pytest.raises(DataError, match=f"{weights} does not hold weights of Inception v3"):
        InceptionV3(weights)


class Bomb:
    """A pickle that makes a file when it is read carelessly."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.mark.usefixtures("library")
def test_a_file_of_weights_cannot_run_code(tmp_path: Path) -> None:
    for i, save in enumerate((torch.save, lambda bomb, path: path.write_bytes(pickle.dumps(bomb, 2)))):
        file, traces = tmp_path / f"{i}.pth", tmp_path / f"traces{i}"
        save({"weight": Bomb(traces)}, file)
        with pytest.raises(DataError, match="does not hold weights"):
            InceptionV3(file)
        assert not traces.exists()


@pytest.mark.usefixtures("library")
def test_weights_that_lead_to_no_finite_numbers_are_refused(weights: Path) -> None:
    torch.save({"weight": torch.full((2048,), torch.nan)}, weights)
    with pytest.raises(DataError, match=f"{weights}: .*no finite numbers"):
        InceptionV3(weights).extract(np.ones((1, 8, 8), np.uint8), Silent())


@pytest.mark.usefixtures("library")
def test_the_published_weights_are_fetched_once_and_checked(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGITSMITH_DATA_HOME", str(tmp_path / "home"))
    assert WEIGHTS_SHA256.startswith(WEIGHTS.removesuffix(".pth").rpartition("-")[2])
    monkeypatch.setattr(inception, "WEIGHTS_SHA256", hashlib.sha256(weights.read_bytes()).hexdigest())
    fetched: list[str] = []

    def download(
        mirrors: tuple[str, ...], file: str, folder: Path, check: Callable[[Path], None], _: Progress, most_bytes: int
    ) -> Path:
        assert most_bytes > 100e6  # it has 96 MB
        fetched.append(mirrors[0] + file)
        target = folder / file
        target.write_bytes(b"an error page")
        with pytest.raises(DataError, match="SHA-256 is wrong"):
            check(target)
        target.write_bytes(weights.read_bytes())
        check(target)
        return target

    monkeypatch.setattr(inception, "download", download)
    assert InceptionV3().sha256 == InceptionV3().sha256 == inception.WEIGHTS_SHA256
    assert fetched == [
        "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth"
    ]
    kept = tmp_path / "home" / "inception" / WEIGHTS
    kept.write_bytes(b"spoilt since")
    with pytest.raises(DataError, match=f"{kept} is not what it should be .*remove it"):
        InceptionV3()


@pytest.mark.usefixtures("library")
def test_without_a_connection_the_error_says_where_the_file_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGITSMITH_DATA_HOME", str(tmp_path))
    monkeypatch.setattr(inception, "_MIRRORS", ("http://127.0.0.1:9/",))  # where nothing listens
    with pytest.raises(DownloadError) as raised:
        InceptionV3()
    for part in (WEIGHTS, "no connection", str(tmp_path / "inception"), VARIABLE):
        assert part in str(raised.value)


@pytest.mark.usefixtures("library")
def test_extractors_are_interchangeable(weights: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 28, 28), np.uint8)
    sample = Sample(images, digit_net().predict(images), None)
    extractors: tuple[FeatureExtractor, ...] = (DigitNetFeatures(), InceptionV3(weights))
    for extractor in extractors:
        features = features_of(sample, extractor, Silent())
        assert features.shape == (5, extractor.dimensions)
        np.testing.assert_allclose(features, extractor.extract(images, Silent()), rtol=1e-6)
    unseen = Sample(None, sample.predictions, None)
    assert features_of(unseen, extractors[0], Silent()).shape == (5, 128)  # known from the predictions
    with pytest.raises(DataError, match=r"fetch: .*can be downloaded \(11 MB\)"):
        features_of(unseen, extractors[1], Silent())
