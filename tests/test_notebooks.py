"""In a notebook: how a data set shows itself, and the notebooks of `examples`, which run from start to end."""

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import digitsmith


class TestInANotebook:
    def test_a_data_set_shows_a_contact_sheet_and_counts(self, digits) -> None:
        shown = digits._repr_html_()
        (picture,) = re.findall(r'src="data:image/png;base64,([^"]+)"', shown)
        with Image.open(io.BytesIO(base64.b64decode(picture))) as sheet:
            assert sheet.size == (10 * (28 + 2) + 2, 4 * (28 + 2) + 2)
        assert f"{len(digits):,} grey images of 28×28, 10 classes" in shown
        for name, count in zip(digits.classes, np.bincount(digits.labels), strict=True):
            assert f"<bdi>{name}</bdi>" in shown
            assert f"<td>{count}</td>" in shown

    def test_names_of_classes_are_text(self) -> None:
        names = ("<img src=x onerror=alert(1)>", "\"&'")
        shown = digitsmith.Dataset(np.zeros((2, 9, 9), np.uint8), np.array([0, -1]), names)._repr_html_()
        assert "<bdi>&lt;img src=x onerror=alert(1)&gt;</bdi>" in shown
        assert "<bdi>&quot;&amp;&#x27;</bdi>" in shown
        assert "<bdi>without a label</bdi>" in shown

    @pytest.mark.parametrize("shape", [(0, 28, 28), (3, 28, 28), (3, 400, 900, 3), (1, 1, 1)])
    def test_whatever_there_is_fits(self, shape) -> None:
        assert len(digitsmith.Dataset(np.zeros(shape, np.uint8))._repr_html_()) < 50_000
        many = tuple(map(str, range(300)))
        shown = digitsmith.Dataset(np.zeros(shape, np.uint8), np.zeros(shape[0], int), many)._repr_html_()
        assert len(shown) < 50_000
        assert shape[0] == 0 or "and 250 more" in shown


EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("*.ipynb"))


def test_there_are_examples() -> None:
    assert [path.stem for path in EXAMPLES] == ["does_it_help", "make_and_look", "your_own_digits"]


@pytest.mark.slow
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs_and_is_stored_without_output(path: Path, tmp_path: Path) -> None:
    nbformat = pytest.importorskip("nbformat", reason="the extra dev runs it")
    nbclient = pytest.importorskip("nbclient", reason="the extra dev runs it")
    book = nbformat.read(path, as_version=4)
    nbformat.validate(book)
    cells = [cell for cell in book.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in cells)
    nbclient.NotebookClient(book, timeout=600, resources={"metadata": {"path": tmp_path}}).execute()
    shown = {kind for cell in cells for output in cell.outputs for kind in output.get("data", {})}
    assert path.stem == "does_it_help" or "text/html" in shown
    said = "".join(output.text for cell in cells for output in cell.outputs if output.output_type == "stream")
    assert "Warning" not in said
