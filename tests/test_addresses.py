"""Addresses in the place of folders: in memory, without a server; `test_stores.py` has one."""

import pickle
import re
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

import fsspec
import numpy as np
import pytest

import digitsmith
from conftest import refused
from digitsmith.addresses import is_address
from digitsmith.data.copies import record_at
from digitsmith.errors import ConfigError, DataError, DependencyError, DigitsmithError, OutputError
from digitsmith.evaluation.images import open_subject
from digitsmith.evaluation.reference import choose_reference
from digitsmith.models.generator import Model
from digitsmith.progress import Silent
from digitsmith.shards.folder import begun
from digitsmith.shards.partition import partition
from digitsmith.shards.places import Place, place_of
from digitsmith.shards.verify import verify
from digitsmith.stores import Store
from test_cli import Runner, run
from test_shards import NAMES, OF, Deadly, Stop
from test_write import contents
from tiny_models import a_model

__all__ = ["run"]
MADE = "memory://made"


@pytest.fixture(autouse=True)
def _empty() -> Iterator[None]:
    yield
    memory = fsspec.filesystem("memory")
    memory.store.clear()
    memory.pseudo_dirs[:] = [""]


@pytest.fixture(scope="module")
def model() -> Model:
    return a_model()


def generate(where: str = MADE, **options: object) -> object:
    return digitsmith.generate(where, **OF | {"model": a_model(), "shards": 4} | options)


def there() -> dict[str, bytes]:
    return {path.removeprefix("/made/"): file.getvalue() for path, file in fsspec.filesystem("memory").store.items()}


def test_what_is_at_an_address_is_what_a_folder_holds(model: Model) -> None:
    here = generate("here", model=model)
    assert generate(model=model) == MADE
    assert there() == contents(here)
    assert verify(MADE, progress=False) == verify(here, progress=False)
    data, expected = (digitsmith.load_dataset(where, progress=False) for where in (MADE, "./here"))
    np.testing.assert_array_equal(data.images, expected.images)
    with refused(OutputError, "memory://made exists and is not empty"):
        generate(model=model)


def test_it_goes_on_where_it_was_stopped(model: Model) -> None:
    with pytest.raises(KeyboardInterrupt):
        generate(model=model, progress=Stop(after=2))
    with refused(OutputError, "memory://made exists, and 2 of its 4 shards are finished: resume it"):
        generate(model=model)
    with refused(DataError, "memory://made is not finished"):
        digitsmith.load_dataset(MADE, progress=False)
    stop = Stop(after=9)
    generate(model=model, resume=True, progress=stop)
    assert stop.notes[-1] == "2 of 4 shards were finished before."
    assert there() == contents(generate("here", model=model))


def test_of_two_who_make_the_same_shard_neither_removes_what_the_other_puts(model: Model) -> None:
    """Another program looks at a shard between the moments at which its files and its record are put."""
    put = Store.write

    def late(store: Store, name: str, content: bytes) -> None:
        if name == "dataset.json":
            assert not (place_of(store.address)).remove()
        put(store, name, content)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Store, "write", late)
        generate(model=model)
    assert verify(MADE, progress=False).shards == 4


def test_what_others_left_in_the_place_of_a_shard_is_removed_and_nothing_else(model: Model) -> None:
    with pytest.raises(KeyboardInterrupt):
        generate(model=model, progress=Stop(after=2))
    memory = fsspec.filesystem("memory")
    for name in ("odd", "[r]ecord", "*"):
        memory.pipe_file(f"/made/{NAMES[3]}/{name}", b"x")
    generate(model=model, resume=True)
    assert there() == contents(generate("here", model=model))


def test_a_second_program_leaves_the_plan_of_the_first(model: Model) -> None:
    with begun(place_of(MADE), Deadly(at=9, times=0), partition(6, 2), resume=False):
        with begun(place_of(MADE), Deadly(at=9, times=0), partition(6, 2), resume=True):
            pass
        assert list(there()) == ["shards.json"]
    assert not there()


def test_a_file_is_read_with_what_lies_beside_it(model: Model) -> None:
    generate(model=model)
    images = f"{MADE}/{NAMES[0]}/train-images-idx3-ubyte"
    assert digitsmith.load_dataset(images, progress=False).labels is not None
    assert record_at(images) == record_at(f"{MADE}/{NAMES[0]}")


def test_a_record_of_others_is_no_error_or_one(model: Model) -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe_file("/other/dataset.json", b'{"labels": [["a.png", 1]]}')  # StyleGAN's
    assert record_at("memory://other") is None
    memory.pipe_file("/large/dataset.json", b" " * (2**25 + 1))
    with refused(DataError, "memory://large/dataset.json cannot be read"):
        record_at("memory://large")


def test_an_address_is_no_path() -> None:
    for where in (Path("s3://bucket/made"), "s3:/bucket/made"):
        with refused(OutputError, "s3:/bucket/made looks like an address"):
            digitsmith.generate(where, 9, progress=False)
    assert not list(Path().iterdir())


@pytest.mark.parametrize(
    "error",
    [
        OSError("x" * 175 + " http://me:hidden-of-many-letters@host"),
        OSError(5, "Authorization: Bearer hidden"),
        ValueError("passwd=hidden, and more"),
        ValueError("password: 'two hidden words'"),
        ValueError("first line\nhttp://me:hidden@host"),
        OSError(5, "I/O error", "http://me:hidden@host"),
    ],
)
def test_what_a_library_says_is_shown_without_secrets(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(type(fsspec.filesystem("memory")), "find", fails)
    with pytest.raises(DataError) as caught:
        Store.at(MADE, DataError).sizes()
    assert "hidden" not in "".join(traceback.format_exception(caught.value))


def test_where_nothing_is_made_nothing_is_left() -> None:
    with begun(place_of(MADE), Deadly(at=9, times=0), partition(6, 2), resume=False):
        assert list(there()) == ["shards.json"]
    assert not there()


def test_at_an_address_all_is_in_shards(model: Model) -> None:
    generate(model=model, shards=None)
    assert sorted({name.partition("/")[0] for name in there()}) == [
        "dataset.json", "preview.png", "shard-00001-of-00001",
    ]  # fmt: skip
    with refused(ConfigError, "at memory://made all parts are made, each as a shard: leave it out", "shard"):
        generate(model=model, shards=None, shard=(1, 2))
    for option in ({"workers": 2}, {"ray": "local"}):
        with refused(ConfigError, "memory://made is in the memory of this process alone: leave it out", *option):
            generate(model=model, **option)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("s3://AKIA:secret@bucket/made", "an address of s3:// has a name or a password before an @: leave it out"),
        ("s3://AKIA:sec/ret@bucket/made", "an address of s3:// has a name or a password before an @: leave it out"),
        ("sftp://me:secret@host/made", "an address of sftp:// has a name or a password before an @: leave it out"),
        ("hf://secret@datasets/made", "an address of hf:// has a name or a password before an @: leave it out"),
        ("s3://AKIA:12/secret@bucket/made", "an address of s3:// has a name or a password before an @: leave it out"),
        ("az://container/made?sig=secret", "az://container/made is no address of one place"),
        ("memory://made*", r"memory://made\* is no address of one place"),
        ("memory://made[1]", r"memory://made\[1\] is no address of one place"),
        ("memory://made//x", "memory://made//x is no address of one place"),
        ("s5://bucket/made", "s5:// is no kind of address that is known: use s3://, gs://"),
        ("https://host/made?X-Amz-Signature=secret", "folders cannot be listed at https://: download the files"),
        ("file:///made", "file:///made is on this machine: give the path itself"),
        ("simplecache::memory://made", "simplecache::memory://made is no address of one place"),
        ("memory://made::x", "memory://made::x is no address of one place"),
        ("memory://", "memory:// is no address of one place"),
        ("memory://made/../x", "memory://made/../x is no address of one place"),
    ],
)
def test_what_is_no_address_is_refused_and_keeps_its_secret(run: Runner, address: str, message: str) -> None:
    for command in (["data", address], ["data", address, "--verify"], ["generate", address, "--count", "9"]):
        done = run(*command)
        assert (done.code, done.stdout) == (2, "")
        assert re.search(message, done.stderr), done.stderr
        assert "secret" not in done.stderr
        assert "Traceback" not in done.stderr
    assert not list(Path().iterdir())


def test_missing_libraries_are_named_with_the_command_that_installs_them(monkeypatch: pytest.MonkeyPatch) -> None:
    with refused(DependencyError, "abfs:// needs another library: Install adlfs"):
        place_of("abfs://container/made")
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with refused(DependencyError, r"gs:// needs another library: pip install '\.\[remote\]'"):
        place_of("gs://bucket/made")
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with refused(DependencyError, r"memory:// needs fsspec: pip install '\.\[remote\]'"):
        digitsmith.load_dataset(MADE, progress=False)


def test_what_libraries_say_is_shown_without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = fsspec.filesystem("memory")
    for said in (
        "http://me:secret@host cannot be reached",
        "GET http://host/made?X-Amz-Signature=secret&x=1 failed",
        "aws_secret_access_key = secret",
        "{'Token': 'secret'}",
    ):

        def refuse(*_: object, said: str = said, **__: object) -> bytes:
            raise OSError(said)

        monkeypatch.setattr(type(memory), "cat_file", refuse)
        monkeypatch.setattr(type(memory), "size", refuse)
        with pytest.raises(DigitsmithError, match="memory://made cannot be read") as caught:
            generate()
        assert "secret" not in f"{caught.value} {caught.value.__cause__}"


def test_what_a_model_or_a_data_set_says_of_addresses_is_not_fetched(model: Model) -> None:
    """Only who works here says what is read."""
    generate(model=model)
    record = place_of(MADE).record()
    text = record.model_copy(
        update={"generated": record.generated.model_copy(update={"trained_on": "s3://theirs/made"})}
    ).as_file()
    place_of(MADE).save("dataset.json", text)
    with refused(ConfigError, "was trained on s3://theirs/made, which is not to be found here: say what", "reference"):
        choose_reference(open_subject(MADE, Silent()), None)


@pytest.mark.parametrize("address", [True, False])
def test_a_place_is_the_same_wherever_it_is(address: bool) -> None:
    place: Place = place_of(MADE if address else "made")
    assert (place.exists(), place.record(), place.read("a.json"), place.has("a.json"), place.planned) == (
        False, None, None, False, "",
    )  # fmt: skip
    place.require_new()
    place.begin()
    place.save("a.json", b"")
    assert (place.exists(), place.read("a.json"), place.has("a.json")) == (True, b"", True)
    with refused(OutputError, "exists and is not empty"):
        place.require_new()
    again = pickle.loads(pickle.dumps(place / NAMES[0]))
    again.begin()
    again.save("data/b.bin" if address else "b.bin", b"bytes")
    assert str(again) == f"{place}/{NAMES[0]}"
    assert again.content() == (place / NAMES[0]).content()
    assert again.keeps(again.content())
    assert place.count([NAMES[0]]) == 0
    again.save("dataset.json", b"{}")
    assert place.count([*NAMES]) == 1
    assert again.remove()
    assert not again.remove()
    place.delete("a.json")
    place.delete("a.json")
    assert not place.has("a.json")


def test_what_is_an_address() -> None:
    assert [is_address(text) for text in ("s3://b", "memory://a", "a/b", "C:/a", "a:test", "://a", Path("s3://b"))] == [
        True, True, False, False, False, False, False,
    ]  # fmt: skip
    store = Store.at("memory://made/a/", DataError)
    assert (str(store), store.name, str(store / "b")) == ("memory://made/a", "a", "memory://made/a/b")
