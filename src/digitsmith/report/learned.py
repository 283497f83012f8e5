"""What a report says of a reader: what it learned from, and which images are the hardest for it."""

import base64
import io

import numpy as np
from PIL import Image

from digitsmith.data.images.grid import GAP, png_text, untile
from digitsmith.records.learning import HARDEST_COLUMNS, Learning, Mistake, Tested
from digitsmith.report.formatting import setting


def learning_facts(result: Learning) -> dict[str, str]:
    """By name: its data, network and training."""
    training = result.training
    of_all = f" of {training.data.images:,} images" if training.drawn or training.unlabelled else " images"
    facts = {
        "Learned from": f"{training.data.title}: labels of {training.labelled:,}{of_all}, {len(result.classes)} classes"
    }
    if training.unlabelled:
        facts["Without labels"] = f"{training.unlabelled:,} images"
    if training.generated:
        facts["Generated"] = f"{training.generated.images:,} digits of the model {training.generated.model}"
    settings = [setting(name, value) for name, value in training.classifier]
    then = f", then {training.rounds} rounds of self-training" if training.rounds else ""
    return facts | {
        "Network": ", ".join(settings),
        "Done": f"{training.steps:,} steps{then}, seed {training.seed}, on {training.device}",
        "Data, sha256": training.data.sha256,
        "Reader, sha256": result.reader_sha256,
        "Versions": str(training.versions),
    }


def hardest_images(tested: Tested) -> list[tuple[str, Mistake]]:
    """Each of the hardest images as a PNG in base64, and what it is read as.

    None if there is no picture of them, or one that has not a cell for each.
    """
    if tested.picture is None:
        return []
    with Image.open(io.BytesIO(base64.b64decode(tested.picture))) as picture:
        sheet = np.asarray(picture.convert("L" if picture.mode == "L" else "RGB"))
    rows = max(1, -(-len(tested.hardest) // HARDEST_COLUMNS))
    (h, beside), (w, beneath) = divmod(sheet.shape[0] - GAP, rows), divmod(sheet.shape[1] - GAP, HARDEST_COLUMNS)
    if beside or beneath or min(h, w) <= GAP:
        return []
    images = untile(sheet, (h - GAP, w - GAP))
    return list(zip(map(png_text, images.reshape(-1, *images.shape[2:])), tested.hardest, strict=False))
