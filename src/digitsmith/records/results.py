"""Result files: the JSON of an evaluation or a study, and whether several can be compared."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field, TypeAdapter

from digitsmith.errors import ResultError
from digitsmith.records.classifiers import Classifiers
from digitsmith.records.evaluation import Evaluation
from digitsmith.records.learning import Learning
from digitsmith.records.scarce import Scarce
from digitsmith.records.study import Study
from digitsmith.records.written_numbers import WrittenNumbers
from digitsmith.untrusted import read_bytes, reading

Result = Evaluation | Study | Scarce | Classifiers | Learning | WrittenNumbers

_FORMAT = 1
_MOST = 2**26  # bytes of a file


class _Stamp(BaseModel):
    """What results of all versions say of themselves."""

    kind: Literal["evaluation", "study", "scarce", "classifiers", "learning", "numbers"]
    format: int = 0


def load_result(path: Path) -> Result:
    """Load a result.

    Raises:
        ResultError: the file is not there, is no result, or one of another version.
    """
    with reading(path, ResultError, "give the JSON file of a `digitsmith evaluate`, `study` or `learn`"):
        content = read_bytes(path, _MOST)
        stamp = _Stamp.model_validate_json(content)
        if stamp.format != _FORMAT:
            raise ResultError(
                f"{path} was measured by another version of Digitsmith (its format is {stamp.format}, this version "
                f"takes {_FORMAT}): measure again."
            )
        adapter = TypeAdapter[Result](Annotated[Result, Field(discriminator="kind")])
        return adapter.validate_json(content, strict=True)


def require_comparable(results: Sequence[Evaluation]) -> None:
    """Refuse to lay results side by side that were measured differently.

    Raises:
        ResultError: other features, real images, mix of digits or number of images.
    """
    for result in results[1:]:
        first = results[0]
        different = [
            f"{what}: {before} and {after}"
            for what, before, after in (
                ("features", first.protocol.features_sha256, result.protocol.features_sha256),
                ("digit-net", first.protocol.digitnet_sha256, result.protocol.digitnet_sha256),
                ("autoencoder", *_unlike_if_both(first, result)),
                ("reference", *_unlike(first, result, "reference")),
                ("held-out images", *_unlike(first, result, "held_out")),
                ("mix of digits", first.protocol.mix, result.protocol.mix),
                ("images", first.protocol.images, result.protocol.images),
            )
            if before != after
        ]
        if different:
            raise ResultError(
                f"{first.subject} and {result.subject} cannot be compared, they were measured differently:\n  "
                + "\n  ".join(different)
                + "\nEvaluate both again, in the same way."
            )


def _unlike_if_both(a: Evaluation, b: Evaluation) -> tuple[str, str]:
    """The autoencoders of two results; the same twice where one has none."""
    one, other = (result.protocol.independent_sha256 for result in (a, b))
    return one or other, other or one


def _unlike(first: Evaluation, second: Evaluation, which: Literal["reference", "held_out"]) -> tuple[str, str]:
    """What tells the real images of two results apart: content and restriction, whatever the path."""
    a, b = (getattr(result, which) for result in (first, second))
    same = (a.sha256, a.digits) == (b.sha256, b.digits)
    return ("", "") if same else (f"{a.title} ({a.sha256[:8]})", f"{b.title} ({b.sha256[:8]})")
