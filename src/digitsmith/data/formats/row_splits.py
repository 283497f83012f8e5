"""Which rows are of a split, where a column or an array has a word for each."""

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from digitsmith.data.folders import Split, chosen_part
from digitsmith.data.names import part_in
from digitsmith.errors import MissingSplitError


def rows_of_split(
    words: Sequence[object], column: str, split: Split, where: object, note: Callable[[str], None]
) -> NDArray[np.bool_] | None:
    """Which rows are of a split, bool[n]; None if a word is none for a split, which is noted.

    Args:
        words: of n rows, or a yes or no for each; rows with nothing are of the train split.
        column: that they are in.
        split: which one is asked for.
        where: the column is.
        note: told.

    Raises:
        MissingSplitError: no row is of the split.
    """
    texts = [word.decode() if isinstance(word, bytes) else str("" if word is None else word) for word in words]
    told = {text: part_in(column, text) for text in set(texts)}
    if None in told.values():
        note(f"{where}: {column} is not used: it has no names of splits.")
        return None
    parts = [told[text] or "train" for text in texts]
    counted = Counter(parts)
    wanted = chosen_part(split, dict(counted), "images", str(where), note)
    if wanted not in counted:
        raise MissingSplitError(f"{where} has no {split} split, only {', '.join(sorted(counted))}.")
    note(f"{where}: {counted[wanted]:,} of {len(parts):,} images are of the {split} split, as {column} says.")
    return np.array([part == wanted for part in parts])
