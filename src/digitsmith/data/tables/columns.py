"""Which columns of a table are files, labels and splits: by what is in them, then by their names."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from digitsmith.data.folders import is_image, look_like_digits
from digitsmith.data.names import FILES, FLAGS, LABELS, PARTS, SPLIT_COLUMNS, WEAK_LABELS, Part, part_in, plain
from digitsmith.data.reading import Column, Reading, listed, no_such
from digitsmith.data.tables.image_index import ImageIndex
from digitsmith.data.tables.text import Row, Table
from digitsmith.errors import DataError

_LABELS = LABELS - WEAK_LABELS | {"classname", "labelname"}
_MANY = 1000  # different values: no classes any more
_WIDE, _FEW_ROWS = 50, 20  # a table of so many columns is looked at in fewer rows


@dataclass(frozen=True)
class FileColumn:
    """The column that names files.

    Attributes:
        place: of it.
        passed: outer folders of its names that are passed over, as for `ImageIndex.find`.
    """

    place: int
    passed: int | None


@dataclass(frozen=True)
class SplitColumn:
    """The column that says which split a row is of.

    Attributes:
        place: of it.
        name: of it; empty without any.
    """

    place: int
    name: str = ""

    def part(self, row: Row) -> Part | None:
        """What it says of a row; None if nothing."""
        return part_in(self.name, row[self.place]) or None


@dataclass
class Values:
    """What is in a column.

    Attributes:
        different: values, up to more than `_MANY`.
        rows: how many there are.
    """

    different: set[str] = field(default_factory=set)
    rows: int = 0

    @classmethod
    def of_all(cls, table: Table) -> list["Values"]:
        """Of each column of a table, which is read once."""
        found = [cls() for _ in table.columns]
        for _, cells in table.rows():
            for values, cell in zip(found, cells, strict=True):
                values.rows += 1
                if len(values.different) <= _MANY:
                    values.different.add(str(cell).strip())
        return found

    @property
    def few(self) -> bool:
        """Whether they may be classes."""
        return len(self.different) <= _MANY

    @property
    def vary(self) -> bool:
        """Whether there are two."""
        return len(self.different) > 1

    @property
    def repeat(self) -> bool:
        """Whether there are two, and at least one comes twice."""
        return 1 < len(self.different) < self.rows

    def are_parts(self, name: str) -> bool:
        """Whether in a column of that name they tell splits, or are nothing."""
        return all(part_in(name, value) is not None for value in self.different)


def is_row(cells: Sequence[str], index: ImageIndex) -> bool:
    """Whether the first line of a table has no names of columns: it names an image, or has a number."""
    return any(cell.isdecimal() or (plain(cell) not in FILES | _LABELS and index.names_image(cell)) for cell in cells)


def find_files(table: Table, index: ImageIndex, named: str = "") -> FileColumn | None:
    """The column whose values name files; None if there is none.

    Args:
        table: of which some rows are looked at.
        index: of the files.
        named: the user says it.

    Raises:
        DataError: several columns do, or none is called `named`.
    """
    head = table.head(_FEW_ROWS if len(table.columns) > _WIDE else 10 * _FEW_ROWS)
    if named:
        place = _place(table, named, "image_column")
        return FileColumn(place, index.best_way(cells[place] for cells in head)[1])
    ways = [index.best_way(cells[place] for cells in head) for place in range(len(table.columns))]
    most = max((count for count, _ in ways), default=0)
    if not most:
        return next((FileColumn(i, 0) for i in range(len(table.columns)) if _look_like_files(head, i)), None)
    best = [i for i, (count, _) in enumerate(ways) if count * 10 >= most * 9]
    best = [i for i in best if plain(table.columns[i]) not in _LABELS | WEAK_LABELS] or best
    usual = [i for i in best if plain(table.columns[i]) in FILES]
    if len(best) > 1 and len(usual or best) > 1 and not _same_files(head, index, {i: ways[i][1] for i in best}):
        raise _unclear(table, "files", "image_column", [table.columns[i] for i in best])
    place = (usual or best)[0]
    numbers = not usual and not any(is_image(str(cells[place]).strip()) for cells in head)
    if numbers and table.has_names and len(head) < min(_FEW_ROWS, len(index.files) // 2):  # as epochs are
        return None
    if len(table.columns) == 1 and ways[place][0] * 2 < len(head):  # text, or labels, one in each line
        return None
    return FileColumn(place, ways[place][1])


def find_labels(
    table: Table, files: FileColumn, values: Sequence[Values], reading: Reading, folders: Sequence[str]
) -> int | None:
    """The column of the labels: that which the user names, else that of a usual name, else the only one that may be.

    Args:
        table: in which it is.
        files: another column of it.
        values: of all columns.
        reading: what is asked for; it is told what is guessed.
        folders: of the classes of each row; empty if files lie in no class folders. These come before columns of
            names that are not usual.

    Returns:
        Its place; None if there is none: the files are in class folders, or the table only lists them.

    Raises:
        DataError: several may be, or none; the message lists the columns.
    """
    if asked := reading.column("label_column"):
        return _place(table, asked, "label_column")
    split = find_split(table, values)
    others = [i for i in range(len(table.columns)) if i not in (files.place, split and split.place)]
    if not others or (len(others) == 1 and not table.has_names):
        return others[0] if others else None
    strong = [i for i in others if plain(table.columns[i]) in _LABELS]
    strong = [i for i in strong if values[i].vary] or ([] if folders else strong)
    weak = [i for i in others if _is_weak(table, i) and values[i].few and values[i].vary]
    if strong:
        return _first_of_alike(table, strong, weak, reading)
    if folders:
        _require_no_rival(table, others, values, folders)
        return None
    may_be = weak or [i for i in others if values[i].few and (values[i].repeat or len(others) == 1)]
    if len(may_be) != 1 and not weak:
        raise _unclear(table, "labels", "label_column", [table.columns[i] for i in may_be])
    place = _first_of_alike(table, may_be, [], reading)
    reading.note(f"{table.path}: the labels are taken from the column {table.columns[place]!r}.")
    return place


def _require_no_rival(table: Table, others: Sequence[int], values: Sequence[Values], folders: Sequence[str]) -> None:
    """Refuse a column that may as well have the labels as the folders: of digits, as many as folders, but others."""
    count = len(set(folders))
    for i in others:
        if values[i].repeat and len(values[i].different) >= count and look_like_digits(values[i].different):
            pairs = {(str(cells[i]), name) for (_, cells), name in zip(table.rows(), folders, strict=True) if name}
            if len(pairs) != count:
                raise DataError(
                    f"{table.path}: labels may be those of the column {table.columns[i]!r}, or the names of the "
                    f"folders that images lie in: say that it is the column, or take the table out of the folder.",
                    parameter="label_column",
                )


def _is_weak(table: Table, place: int) -> bool:
    """Whether a column has a name that labels may have, and others as well; y beside x is a place in an image."""
    name = plain(table.columns[place])
    return name in WEAK_LABELS and not (name == "y" and "x" in map(plain, table.columns))


def tells_split(table: Table) -> bool:
    """Whether a column is for splits, as it seems."""
    if table.has_names:
        return any(plain(name) in SPLIT_COLUMNS or plain(name) in FLAGS for name in table.columns)
    return any(map(_are_words_for_splits, zip(*table.head(), strict=True)))


def find_split(
    table: Table, values: Sequence[Values], note: Callable[[str], None] = lambda _: None
) -> SplitColumn | None:
    """The column that says which split a row is of; None if there is none. One that says something else is noted."""
    if not table.has_names:
        return next((SplitColumn(i) for i, some in enumerate(values) if _are_words_for_splits(some.different)), None)
    named = [SplitColumn(i, name) for i, name in enumerate(table.columns) if plain(name) in SPLIT_COLUMNS]
    named += [SplitColumn(i, name) for i, name in enumerate(table.columns) if plain(name) in FLAGS]
    found = [column for column in named if values[column.place].are_parts(column.name)]
    for column in named:
        if column not in found:
            why = "other values than yes and no" if plain(column.name) in FLAGS else "no names of splits"
            note(f"{table.path}: the column {column.name!r} is not used: it has {why}.")
    if found and plain(found[0].name) in FLAGS:
        note(f"{table.path}: the column {found[0].name!r} tells which images are for training and which for the test.")
    return next(iter(found), None)


def _are_words_for_splits(values: Iterable[object]) -> bool:
    return all(str(value).strip().lower() in PARTS for value in values)


def _first_of_alike(table: Table, usual: Sequence[int], weak: Sequence[int], reading: Reading) -> int:
    """The first of some columns if all say the same in other words; what is not used is named."""
    first, *more = usual
    for other in more:
        pairs = {(str(cells[first]), str(cells[other])) for _, cells in table.rows()}
        if not len({a for a, _ in pairs}) == len({b for _, b in pairs}) == len(pairs):
            raise _unclear(table, "labels", "label_column", [table.columns[i] for i in usual])
    if unused := [table.columns[i] for i in dict.fromkeys([*more, *weak]) if i != first]:
        reading.note(
            f"{table.path}: the labels are those of the column {table.columns[first]!r}; not used: {listed(unused)}."
        )
    return first


def _place(table: Table, name: str, parameter: Column) -> int:
    if name not in table.columns:
        raise no_such(table.path, "column", name, table.columns, parameter)
    return table.columns.index(name)


def _unclear(table: Table, what: str, parameter: str, may_be: Sequence[str]) -> DataError:
    why = f"may be {listed(may_be, 20)}" if may_be else f"is none of {listed(table.columns, 20)} as it seems"
    return DataError(f"{table.path}: the column of {what} {why}: say which it is.", parameter=parameter)


def _look_like_files(head: Sequence[Row], place: int) -> bool:
    named = sum(is_image(str(cells[place]).strip()) for cells in head)
    return named * 2 > len(head) > 0


def _same_files(head: Sequence[Row], index: ImageIndex, ways: dict[int, int | None]) -> bool:
    return all(len({index.find(cells[place], way) for place, way in ways.items()}) == 1 for cells in head)
