"""What studies have in common: cells that are done one by one, kept as they come, and taken up again.

A cell is a network that is trained once and tested once: of studies of classifiers, on so many examples of each class.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from digitsmith.data.reading import listed
from digitsmith.data.sheet import counts
from digitsmith.errors import ConfigError, DataError, OutputError
from digitsmith.evaluation.reference import RealData
from digitsmith.files import require_new
from digitsmith.models.noise import whole
from digitsmith.progress import Progress
from digitsmith.records.cells import ArmKey, CellStudy, SeedsStudy
from digitsmith.records.results import load_result

Key = tuple[int, int, ArmKey]
"""Of a classifier: the number of examples of each class, the seed and the arm."""

_S = TypeVar("_S", bound=SeedsStudy)


class Pool:
    """Labelled images to draw examples from, and others to test on.

    Attributes:
        images: to draw from.
        without_labels: others of the same split, uint8[n, h, w] or uint8[n, h, w, 3].
        test: to test on.
        notes: what a reader should know of both.
    """

    def __init__(self, data: RealData) -> None:
        self.images, self.test = data.reference.labelled(), data.held_out.labelled()
        labels = data.reference.labels
        self.without_labels = data.reference.images[:0] if labels is None else data.reference.images[labels < 0]
        if not len(self.images) or self.images.classes != self.test.classes:
            raise DataError(
                f"{data.record.title} and {data.held_out_record.title} must be labelled, with the same classes.",
                parameter="source",
            )
        halved = data.record.part != "whole"
        self._kept = ", as half of all are kept to test on" if halved else ""
        notes = []
        if halved:
            notes = [
                f"{data.record.source} has no test split: examples are drawn from one half, and tested on the other."
            ]
        if missing := [name for name, count in counts(data.held_out).items() if not count]:
            notes.append(f"No image to test on is of class {listed(missing)}: accuracy says nothing of it.")
        self.notes = tuple(notes)

    def numbers(
        self, asked: int | Sequence[int] | None, usual: Sequence[int], *, least: int = 1, leaves: bool = False
    ) -> tuple[int, ...]:
        """The numbers of examples of each class to study.

        Args:
            asked: by the user; None is the usual ones, as far as there are so many images.
            usual: these.
            least: of a number.
            leaves: whether some images must be left over, to be learned from without their labels.
        """
        of_class = counts(self.images)
        fewest = min(of_class.values())
        if asked is None:
            asked = [number for number in usual if number <= fewest and (not leaves or self._left(number))] or usual[:1]
        numbers = tuple(
            sorted({whole(number, "per_class") for number in ([asked] if isinstance(asked, int) else asked)})
        )
        if not numbers or numbers[0] < least:
            raise ConfigError("give numbers of examples of each class, such as 5 and 50.", parameter="per_class")
        if numbers[-1] > fewest:
            name = min(of_class, key=of_class.__getitem__)
            there = f"of the {len(self.images):,} images to draw from{self._kept}, {fewest} are of class {name}"
            mend = f"Use {fewest} at most" if fewest else "Add images of it, or a test split"
            raise DataError(f"{numbers[-1]} of each class are too many: {there}. {mend}.", parameter="per_class")
        if leaves and not self._left(numbers[-1]):
            raise DataError(
                f"{numbers[-1]} of each class are all of the {len(self.images):,} images to draw from{self._kept}: "
                f"none is left to learn from without its label. Use fewer, or leave out the arms that do.",
                parameter="per_class",
            )
        return numbers

    def _left(self, number: int) -> int:
        """How many images are left when so many of each class are drawn."""
        return len(self.images) + len(self.without_labels) - number * len(self.images.classes)


def check_seeds(seeds: int) -> int:
    """Refuse too few for a spread."""
    if (seeds := whole(seeds, "seeds")) < 2:
        raise ConfigError(f"{seeds} is too few for a spread: use 5.", parameter="seeds")
    return seeds


def check_arms(arms: Sequence[str], known: Iterable[str], parameter: str) -> None:
    """Refuse what is none of the known ones."""
    known = list(known)
    if not arms or isinstance(arms, str) or not set(arms) <= set(known):
        raise ConfigError(f"choose among {', '.join(known)}.", parameter=parameter)


def take_up(
    asked: _S, place: Path, of_one_arm: Mapping[str, ArmKey] = MappingProxyType({}), progress: Progress | None = None
) -> _S:
    """A study with what was done of it before; its numbers, seeds and arms are those of both.

    An arm that is done in another way than before begins anew.

    Args:
        asked: the study, without any cell.
        place: its file.
        of_one_arm: fields of its protocol that concern one arm only, and that arm.
        progress: told of what begins anew.

    Raises:
        OutputError: the folder holds another study.
    """
    if not place.exists():
        require_new(place.parent)
        return asked
    before = load_result(place)
    if not isinstance(before, type(asked)) or _identity(before, of_one_arm) != _identity(asked, of_one_arm):
        message = f"{place.parent} holds a study of other images, settings or versions: choose another folder."
        raise OutputError(message, parameter="out")
    new, old = asked.protocol, before.protocol
    changed = {arm for name, arm in of_one_arm.items() if arm in new.arms and getattr(old, name) != getattr(new, name)}
    cells = tuple(cell for cell in before.cells if cell.arm not in changed)
    if progress and len(cells) < len(before.cells):
        progress.note(f"{place.parent}: {listed(sorted(changed))} was done in another way before, and begins anew.")
    kept = {name: getattr(old, name) for name, arm in of_one_arm.items() if arm not in new.arms}
    return before.model_copy(update={"cells": cells, "protocol": new.joined(old).model_copy(update=kept)})


def _identity(study: SeedsStudy, of_one_arm: Iterable[str]) -> tuple[object, ...]:
    """What must be the same for cells to be of one study; a commit of other code may come between them."""
    may_differ: dict[str, Any] = dict.fromkeys(("per_class", "seeds", "arms", *of_one_arm), True)
    fixed = study.protocol.model_dump(exclude=may_differ | {"versions": {"git"}})
    return study.reference.sha256, study.held_out.sha256, fixed


def plan_of(study: CellStudy) -> list[Key]:
    """All cells of a study, in the order in which they are done: the first seed of all comes first."""
    protocol = study.protocol
    return [
        (number, seed, arm)
        for seed in range(protocol.seeds)
        for number in protocol.per_class
        for arm in protocol.arms
    ]  # fmt: skip


def do_missing(
    study: _S,
    plan: Sequence[tuple[Any, ...]],
    place: Path,
    do: Callable[..., Any],
    conclude: Callable[[Sequence[Any]], Mapping[str, tuple[Any, ...]]],
    progress: Progress,
    *,
    work: str,
    name: Callable[..., str] = lambda number, seed, arm: f"{number} of each class, seed {seed}, {arm}",
) -> _S:
    """Do the cells that are missing, and keep each as it comes.

    Args:
        study: with the cells that were done before.
        plan: the keys of all cells.
        place: the file of the study.
        do: one cell, of what its key holds.
        conclude: the `rows` and `verdicts` of cells.
        progress: told of each.
        work: what the progress calls it.
        name: of a cell for the progress, of what its key holds.
    """
    done = {cell.key: cell for cell in study.cells}
    for key in [key for key in plan if key not in done]:
        progress.update(work, len(done), len(plan), name(*key))
        done[key] = do(*key)
        cells = tuple(done[key] for key in plan if key in done)
        found = {"cells": cells, "complete": len(cells) == len(plan), **conclude(cells)}
        study = study.model_copy(update=found)
        study.save(place)
    progress.update(work, len(plan), len(plan))
    return study
