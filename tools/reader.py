"""The reader in the box, made again: `python tools/reader.py FOLDER`, or `make reader`.

It learns from MNIST's training split and as many digits of the model in the box. MNIST's test split is read once, at
the end, and so are the data sets that `--also` names, whole: no training and no choice saw them.
"""

import argparse
from pathlib import Path

from digitsmith.answers.examine import examine
from digitsmith.data.sources import load_dataset
from digitsmith.training.readers.learn import USUAL, learn

EPOCHS = 24


def main() -> None:
    """Train, test, export."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where to write reader.onnx and learning.json")
    parser.add_argument("--also", nargs="*", default=[], metavar="SOURCE", help="data sets to test it on")
    arguments = parser.parse_args()
    reader = learn("mnist", arguments.folder, generated="mnist", epochs=EPOCHS).reader
    for measured in reader.record.measured:
        print(f"{measured.title}: {measured.accuracy:.2%} of {measured.images:,} right")
    for source in arguments.also:
        images = load_dataset(source, **USUAL.model_dump(exclude_defaults=True), progress=False)
        found = examine(reader, images, source, judged=True)
        right = sum(found.counts[i][i] for i in range(len(images.classes)))
        accepted = found.accepted_right / max(found.verdicts.get("read", 0), 1)
        print(f"{source}: {right / len(images):.2%} of {len(images):,} right if none is refused;")
        print(f"  {found.verdicts}; of those that are read, {accepted:.2%} right")


if __name__ == "__main__":
    main()
