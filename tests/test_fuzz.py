"""Every reader of files that strangers send, given such files: it reads them, or says in a line why not."""

import sys
from collections.abc import Iterator
from random import Random

import pytest

from fuzz.mutations import mutated
from fuzz.past import past
from fuzz.readers import READERS
from fuzz.trials import Trials

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is measured as Linux tells it: run it there")


@pytest.fixture(scope="module")
def trials() -> Iterator[Trials]:
    with Trials() as made:
        yield made


@pytest.mark.parametrize("name", READERS)
def test_a_reader_reads_what_it_must_and_refuses_what_is_known_to_be_bad(name: str, trials: Trials) -> None:
    for files in READERS[name].seeds():
        assert trials.read(name, files, whole=True) is None
    for what, files in past(name).items():
        assert trials.read(name, files) is None, what


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_a_reader_reads_or_refuses_whatever_it_is_given(name: str, trials: Trials) -> None:
    """The same inputs each time; `tools/fuzz.py` tries more of them, for as long as you like."""
    reader, random = READERS[name], Random(name)
    seeds = [*reader.seeds(), *past(name).values()]
    for _ in range(reader.inputs):
        assert trials.read(name, mutated(random.choice(seeds), random)) is None
