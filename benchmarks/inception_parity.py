"""Whether our Fréchet Inception Distance is torch-fidelity's own, end to end, on the same weights and images.

    python -m venv inception-venv
    inception-venv/bin/pip install -e '.[inception]' scikit-learn
    inception-venv/bin/python benchmarks/inception_parity.py [--count N] [--weights FILE]

In an environment of its own, because torchvision wants the torch that it was built with. No default test runs it. No
network is needed: without --weights the network's weights are random (seeded, of a variance that keeps the scale
through the layers); the published ones can be given too. The images are scans (`digits`) and as many from the model in
the box. torch-fidelity loads them as PNG files, turns them to RGB, and takes the distance by its own means. Ends with
exit code 1 if the two distances, or features of one image alone and in a batch, differ by more than one in a thousand.
"""

import argparse
import io
import sys
import tempfile
import time
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch_fidelity import FeatureExtractorInceptionV3, calculate_metrics

import digitsmith
from digitsmith.evaluation.inception import InceptionV3
from digitsmith.evaluation.metrics import frechet_distance, moments
from digitsmith.progress import Silent

TOLERANCE = 1e-3


def write_random_weights(path: Path) -> None:
    """Save seeded weights of variance 2 / fan-in (He et al. 2015), with which features are of the images' scale."""
    state = {}
    torch.manual_seed(0)
    for name, tensor in _untrained().state_dict().items():
        if tensor.ndim > 1:  # a convolution or the last layer: [out, in, ...]
            tensor = torch.randn(tensor.shape) * (2 / tensor[0].numel()) ** 0.5
        state[name] = tensor
    torch.save(state, path)


def _untrained() -> FeatureExtractorInceptionV3:
    """The library's network as its constructor makes it, with nothing loaded: without a file it would download one."""
    nothing = io.BytesIO()
    torch.save({}, nothing)
    nothing.seek(0)
    with mock.patch.object(FeatureExtractorInceptionV3, "load_state_dict"):
        return FeatureExtractorInceptionV3("untrained", ["2048"], feature_extractor_weights_path=nothing)


def write_pngs(images: NDArray[np.uint8], folder: Path) -> str:
    folder.mkdir()
    for i, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{i:05}.png")
    return str(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=256, help="images of each kind; at most 1438")
    parser.add_argument("--weights", type=Path, help="a file of weights; default: random ones")
    arguments = parser.parse_args()

    scans = digitsmith.load_dataset("digits").images[: arguments.count]
    generated = digitsmith.load().sample(np.arange(len(scans)) % 10, seed=0)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        weights = arguments.weights or folder / "random.pth"
        if not arguments.weights:
            write_random_weights(weights)

        start = time.perf_counter()
        network = InceptionV3(weights)
        features = [network.extract(images, Silent()) for images in (scans, generated)]
        ours = frechet_distance(*map(moments, features))
        of_us = time.perf_counter() - start

        start = time.perf_counter()
        theirs = calculate_metrics(
            input1=write_pngs(scans, folder / "scans"),
            input2=write_pngs(generated, folder / "generated"),
            fid=True,
            feature_extractor_weights_path=str(weights),
            cuda=torch.cuda.is_available(),
            cache=False,
            save_cpu_ram=True,
            verbose=False,
        )["frechet_inception_distance"]
        of_them = time.perf_counter() - start

    alone = network.extract(scans[:1], Silent())
    apart = float(np.abs(alone - features[0][:1]).max() / np.abs(alone).max())
    differ = abs(ours - theirs) / abs(theirs)
    print(f"weights {network.sha256[:12]}, {len(scans)} scans, {len(generated)} generated digits")
    print(f"ours            {ours:.8g}  ({of_us:.0f} s)")
    print(f"torch-fidelity  {theirs:.8g}  ({of_them:.0f} s)")
    print(f"relative difference {differ:.1e}; of the features of one image, alone and in a batch, {apart:.1e}")
    sys.exit(max(differ, apart) > TOLERANCE)


if __name__ == "__main__":
    main()
