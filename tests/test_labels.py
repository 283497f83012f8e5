"""Labels as people keep them: what they mean, what is said of it, and what is refused."""

import numpy as np
import pytest

from digitsmith.data.labels import class_titles, index_labels, natural

DIGITS = tuple("0123456789")
NO_FIVE = tuple("012346789")


def indexed(labels, names=(), **options):
    """Indices and names, and the notes."""
    notes: list[str] = []
    indices, classes = index_labels(labels, names, notes.append, **options)
    return None if indices is None else indices.tolist(), classes, notes


def quiet(labels, names=(), **options):
    """Indices and names of labels that nothing is to be said of."""
    indices, classes, notes = indexed(labels, names, **options)
    assert notes == []
    return indices, classes


class TestNumbers:
    @pytest.mark.parametrize("kind", [np.uint8, np.int32, np.dtype(">i4"), np.uint64, np.float64, str, "S1", object])
    def test_count_classes_from_0_in_whatever_type(self, kind) -> None:
        assert quiet(np.array([0, 2, 1, 2]).astype(kind)) == ([0, 2, 1, 2], ("0", "1", "2"))

    def test_a_number_that_does_not_occur_is_no_class(self) -> None:
        assert quiet(np.array([9, 3, 3])) == ([1, 0, 0], ("3", "9"))

    def test_1_to_10_are_digits_of_which_10_is_0_and_this_is_said(self) -> None:
        indices, classes, notes = indexed(np.arange(1, 11))
        assert (indices, classes) == ([*range(1, 10), 0], DIGITS)
        assert notes == ["Labels run from 1 to 10, without 0: 10 is taken for the digit 0, as in SVHN."]

    def test_1_to_26_are_no_digits(self) -> None:
        assert quiet(np.arange(1, 27)) == ([*range(26)], tuple(map(str, range(1, 27))))

    def test_they_index_the_names_that_there_are_and_none_is_lost_that_has_no_image(self) -> None:
        assert quiet([0, 2], ("a", "b", "c")) == ([0, 2], ("a", "b", "c"))

    def test_by_value_they_are_the_digits_themselves(self) -> None:
        assert quiet(np.array([6, 9, 0]), NO_FIVE, by_value=True) == ([5, 8, 0], NO_FIVE)
        assert quiet(np.array([6, 8, 0]), NO_FIVE) == ([6, 8, 0], NO_FIVE)
        assert quiet(np.array([1, 0]), ("b", "7"), by_value=True) == ([1, 0], ("b", "7"))

    def test_codes_may_be_large(self) -> None:
        assert quiet([10_000, 2**31 - 1, 10_000]) == ([0, 1, 0], ("10000", "2147483647"))

    @pytest.mark.parametrize("nothing", [-1, np.nan, None, "", "  "])
    def test_the_unlabelled(self, nothing) -> None:
        assert quiet([3, nothing, 5]) == ([0, -1, 1], ("3", "5"))
        assert quiet([nothing, nothing]) == (None, ())
        assert quiet([nothing, nothing], ("a",)) == ([-1, -1], ("a",))

    @pytest.mark.parametrize(
        ("labels", "message"),
        [
            ([0.5, 1.0], "one is 0.5"),
            ([np.inf, 1.0], "one is inf"),
            ([-2, 0], "from -2 to 0"),
            ([0, 2**31], "from 0 to 2147483648"),
            (np.arange(10_001), "10,001 different labels"),
            (np.array([1 + 2j]), "complex128"),
            (np.zeros((2, 3, 4)), r"shape \[2, 3, 4\]"),
            (np.array([[0, 2], [1, 0]]), "no one-hot rows"),
            (np.array([[1, 1], [1, 0]]), "no one-hot rows"),
        ],
    )
    def test_what_counts_no_classes_is_refused(self, labels, message) -> None:
        with pytest.raises(ValueError, match=message):
            indexed(labels)

    def test_one_without_a_name_is_refused(self) -> None:
        with pytest.raises(ValueError, match="a label of 2, but the classes are a b"):
            indexed([0, 2], ("a", "b"))
        with pytest.raises(ValueError, match="a label of 5, but the classes are 0 1 2 3 4 6 7 8 9"):
            indexed([0, 5], NO_FIVE, by_value=True)


class TestShapes:
    def test_a_column(self) -> None:
        assert quiet(np.array([[2], [0]])) == ([1, 0], ("0", "2"))

    def test_one_hot_rows_of_minus_1_and_1(self) -> None:
        assert quiet(np.eye(3)[[2, 0, 1]] * 2 - 1) == ([2, 0, 1], ("0", "1", "2"))

    @pytest.mark.parametrize("kind", [np.uint8, np.float32, bool])
    def test_one_hot_rows(self, kind) -> None:
        assert quiet(np.eye(3)[[2, 0, 2]].astype(kind), ("a", "b", "c")) == ([2, 0, 2], ("a", "b", "c"))


class TestNames:
    def test_are_classes_in_natural_order(self) -> None:
        assert quiet(["ten", "9 b", "10 b", "ten"]) == ([2, 0, 1, 2], ("9 b", "10 b", "ten"))
        assert natural("9") < natural("10") < natural("a9") < natural("a10")

    def test_have_the_order_of_the_source(self) -> None:
        assert quiet(["a", "c"], ("c", "b", "a")) == ([2, 0], ("c", "b", "a"))

    def test_bytes_are_text(self) -> None:
        assert quiet(np.array([b"one", b"two"])) == ([0, 1], ("one", "two"))

    def test_numbers_as_text_are_numbers(self) -> None:
        assert quiet(["7", "10", "9.0"]) == ([0, 2, 1], ("7", "9", "10"))

    @pytest.mark.parametrize("labels", [["1e3", "7"], ["\u0660", "\u0661"], ["\u00b2", "2"]])
    def test_other_spellings_of_numbers_are_names_as_they_are_written(self, labels) -> None:
        assert set(quiet(labels)[1]) == set(labels)

    def test_zeros_before_numbers_go_and_this_is_said(self) -> None:
        indices, classes, notes = indexed(["07", "10", "7"])
        assert (indices, classes) == ([0, 1, 0], ("7", "10"))
        assert notes == ["Labels such as 07 are taken for numbers: 7."]

    def test_marks_for_nothing_among_numbers_are_unlabelled_and_this_is_said(self) -> None:
        indices, classes, notes = indexed(["3", "NA", "", "?"])
        assert (indices, classes) == ([0, -1, -1, -1], ("3",))
        assert notes == ["Labels ?, NA stand among numbers, and are taken for none."]
        assert quiet(["a", "NA", "?"])[1] == ("?", "NA", "a")

    def test_numbers_as_text_are_names_where_there_are_such(self) -> None:
        assert quiet(["6", "9"], NO_FIVE) == ([5, 8], NO_FIVE)
        assert quiet(np.array(["2", "10"]), ("1", "2", "10")) == ([1, 2], ("1", "2", "10"))
        assert quiet(["6.0", "9.0"], NO_FIVE) == ([5, 8], NO_FIVE)
        assert quiet(["1", "0"], ("a", "b")) == ([1, 0], ("a", "b"))

    def test_one_that_the_source_does_not_have_is_refused(self) -> None:
        with pytest.raises(ValueError, match="a label 'd', but the classes are a b"):
            indexed(["a", "d"], ("a", "b"))


class TestTitles:
    def test_a_word_before_all_numbers_goes_and_this_is_said(self) -> None:
        notes: list[str] = []
        assert class_titles(["digit_10", "digit_9"], notes.append) == {"digit_9": "9", "digit_10": "10"}
        assert notes == ["Classes digit_9 to digit_10 are called 9 to 10."]

    def test_zeros_before_all_numbers_go_and_this_is_said(self) -> None:
        notes: list[str] = []
        assert class_titles(["01", "09", "10"], notes.append) == {"01": "1", "09": "9", "10": "10"}
        assert notes == ["Classes 01 to 09 are called 1 to 9."]

    def test_the_codes_of_nist_are_digits_and_this_is_said(self) -> None:
        notes: list[str] = []
        titles = class_titles([f"3{i}" for i in range(10)], notes.append)
        assert (titles["37"], len(notes)) == ("7", 1)

    @pytest.mark.parametrize("names", [["a1", "b2"], ["a1", "b"], ["a1"], ["a1", "a01"], [], ["30", "31"]])
    def test_other_names_stay(self, names) -> None:
        notes: list[str] = []
        assert class_titles(names, notes.append) == {name: name for name in names}
        assert notes == []
