"""The plan of a reader's training, which is in its folder until the training ends."""

from pathlib import Path

from digitsmith.data.reading import listed
from digitsmith.errors import OutputError
from digitsmith.records.learning import PLAN
from digitsmith.records.reader import ReaderTraining
from digitsmith.untrusted import read_bytes, reading

_MOST = 2**22  # bytes of a plan

_OPTIONS = {
    "labelled": "per_class", "drawn": "per_class", "unlabelled_data": "unlabelled", "classifier": "epochs",
    "steps": "epochs",
}  # fmt: skip
"""What the user gives, where a part of a plan has another name."""


def plan_in(folder: Path) -> ReaderTraining | None:
    """What is to be done of a training that was stopped in the folder; None if there is none.

    Raises:
        OutputError: it cannot be read.
    """
    place = folder / PLAN
    if not place.exists():
        return None
    with reading(place, OutputError, "remove the folder, or choose another"):
        return ReaderTraining.model_validate_json(read_bytes(place, _MOST), strict=True)


def require_same(plan: ReaderTraining, asked: ReaderTraining, folder: Path) -> None:
    """Refuse to go on with another training than the one that was stopped, if perhaps in other versions and ranks.

    Raises:
        OutputError: it is another.
    """
    compared = ReaderTraining.model_fields.keys() - {"versions", "ranks"}
    changed = sorted(name for name in compared if getattr(plan, name) != getattr(asked, name))
    if changed:
        options = listed(list(dict.fromkeys(_OPTIONS.get(name, name) for name in changed)))
        raise OutputError(
            f"{folder} holds a reader in training, of other images or settings ({options}): go on with those, or "
            f"choose another folder.",
            parameter="out",
        )
