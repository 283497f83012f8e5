"""OCR engines as users have them, on written numbers: which share they read right, by layout and wear.

    python benchmarks/ocr_engines.py [--count N] [--seed S] [--rapidocr PYTHON] [--tesseract-training]

Tesseract is the command `tesseract` (Debian: `tesseract-ocr`, with its English model), told that an image is one line
of digits: `--psm 7 -c tessedit_char_whitelist=0123456789`. RapidOCR is named by the Python of an environment of its
own; its wheel has its models (PP-OCRv4). It is given the line, too, so that only its recogniser works; as it has no
list of characters, others than digits are taken out of what it says. One that is not there is left out.

    python -m venv rapid && rapid/bin/pip install rapidocr-onnxruntime==1.4.4

Each cell is of N numbers of five digits, the same strings in all, 64 pixels high. Right is what has the same digits in
the same order; spaces do not count. The first row is the same strings printed by a font: what the engines are made for.

`--tesseract-training` shows instead that Tesseract's own tools take the pairs of `--annotations tesseract`: it makes
.lstmf files of them, and Tesseract's English model is evaluated on these, and a new small one trained for some steps.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import digitsmith
from digitsmith.config.style import LAYOUTS, PRESETS
from digitsmith.numbers.compose import compose_many

Engine = Callable[[list[Path]], list[str]]
"""Reads images."""

_RAPID = """
import json, sys
from rapidocr_onnxruntime import RapidOCR
engine, said = RapidOCR(intra_op_num_threads=1), []
for path in json.load(sys.stdin):
    found, _ = engine(path, use_det=False, use_cls=False, use_rec=True)
    said.append(found[0][0] if found else "")
json.dump(said, sys.stdout)
"""


def run(*command: str | Path, cwd: Path | None = None, given: str = "") -> str:
    """What a command says on its standard output."""
    done = subprocess.run(command, cwd=cwd, input=given, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stderr[-2000:]}")
    return done.stdout


def tesseract(paths: list[Path]) -> list[str]:
    """Read images by Tesseract, all in one process; between their texts is a form feed."""
    names = paths[0].parent / "images.txt"
    names.write_text("".join(f"{path}\n" for path in paths), encoding="utf-8")
    digits = ["-c", "tessedit_char_whitelist=0123456789"]
    pages = run("tesseract", names, "stdout", "--psm", "7", "--dpi", "300", *digits).split("\f")
    assert len(pages) == len(paths)
    return pages


def rapidocr(python: Path) -> Engine:
    def read(paths: list[Path]) -> list[str]:
        return list(json.loads(run(python, "-c", _RAPID, given=json.dumps([str(path) for path in paths]))))

    return read


def printed(text: str) -> Image.Image:
    """A text by a font, as high as the digits of written numbers are."""
    font = ImageFont.load_default(52)
    image = Image.new("L", (round(font.getlength(text)) + 40, 64), 255)
    ImageDraw.Draw(image).text((20, 32), text, font=font, fill=30, anchor="lm")
    return image


def accuracy(engine: Engine, images: list[Image.Image], texts: list[str]) -> float:
    """Share of the images that are read right."""
    with tempfile.TemporaryDirectory() as place:
        paths = [Path(place) / f"{i}.png" for i in range(len(images))]
        for path, image in zip(paths, images, strict=True):
            image.save(path)
        said = ["".join(c for c in one if c in "0123456789") for one in engine(paths)]
    return float(np.mean([one == text for one, text in zip(said, texts, strict=True)]))


def table(engines: dict[str, Engine], count: int, seed: int) -> None:
    """Print the accuracy of each engine on each layout with each wear."""
    texts = [f"{number:05}" for number in np.random.default_rng(seed).integers(100_000, size=count)]
    print(f"{'':16}" + "".join(f"{name:>14}" for name in engines))

    def show(what: str, images: list[Image.Image]) -> None:
        shares = [accuracy(engine, images, texts) for engine in engines.values()]
        print(f"{what:16}" + "".join(f"{share:14.1%}" for share in shares), flush=True)

    show("printed", [printed(text) for text in texts])
    for layout in LAYOUTS:
        for wear in PRESETS:
            written = compose_many(texts, seed, style=digitsmith.Style(layout=layout, wear=wear))
            show(f"{layout}, {wear}", [Image.fromarray(number.image) for number in written])


def train_tesseract(count: int, seed: int) -> None:
    """Let Tesseract's tools make .lstmf files of written numbers, evaluate its model on these, and train a new one."""
    data = next(line for line in run("tesseract", "--list-langs").splitlines() if '"' in line).split('"')[1]
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        numbers = digitsmith.write(
            place / "numbers", pattern="#{5}", count=count, seed=seed, annotations="tesseract", progress=False
        )
        images = sorted((numbers / "images").glob("*.png"))
        for image in images:
            run("tesseract", image, image.with_suffix(""), "--psm", "13", "lstm.train")
        files = [path for path in sorted((numbers / "images").glob("*.lstmf")) if path.stat().st_size]
        (place / "list.txt").write_text("".join(f"{file}\n" for file in files))
        print(f"{len(files)} .lstmf files of {len(images)} images")
        run("combine_tessdata", "-u", Path(data) / "eng.traineddata", place / "eng.")
        print(last(["lstmeval", "--model", place / "eng.lstm", "--traineddata", Path(data) / "eng.traineddata",
                    "--eval_listfile", place / "list.txt", "--verbosity", "0"]))  # fmt: skip
        starter(images, place)
        print(last(["lstmtraining", "--traineddata", place / "digits" / "digits.traineddata", "--model_output",
                    place / "new", "--net_spec", "[1,36,0,1 Ct3,3,16 Mp3,3 Lfys32 Lfx64 O1c1]", "--train_listfile",
                    place / "list.txt", "--max_iterations", "100", "--learning_rate", "0.002"]))  # fmt: skip


def starter(images: list[Path], place: Path) -> None:
    """Make what a training starts from: the characters, by Tesseract's own tools."""
    boxes = [image.with_suffix(".box") for image in images]
    run("unicharset_extractor", "--output_unicharset", place / "unicharset", "--norm_mode", "1", *boxes)
    (place / "radical-stroke.txt").write_text("# none\n")  # of Chinese characters, which it wants to see
    run("combine_lang_model", "--input_unicharset", place / "unicharset", "--script_dir", place, "--output_dir", place,
        "--lang", "digits", "--pass_through_recoder")  # fmt: skip


def last(command: list[str | Path]) -> str:
    """The last line of what a tool says, on either output."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).strip().splitlines()[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rapidocr", type=Path, help="the Python of an environment with RapidOCR")
    parser.add_argument("--tesseract-training", action="store_true")
    arguments = parser.parse_args()
    if arguments.tesseract_training:
        train_tesseract(arguments.count, arguments.seed)
        return
    engines = dict[str, Engine]()
    if shutil.which("tesseract"):
        engines["Tesseract"] = tesseract
    if arguments.rapidocr:
        engines["RapidOCR"] = rapidocr(arguments.rapidocr.absolute())
    table(engines, arguments.count, arguments.seed)


if __name__ == "__main__":
    main()
