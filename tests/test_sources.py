"""Named data sets: fetched once, whole and checked, from the first mirror that has them. Paths, splits and sizes."""

import contextlib
import gzip
import hashlib
import io
import socket
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import sklearn.datasets

import digitsmith
import digitsmith.cli
from digitsmith.data import formats
from digitsmith.data.dataset import Dataset
from digitsmith.data.downloads import cache
from digitsmith.data.downloads.catalogue import REMOTES, Remote
from digitsmith.data.sources import Source, load_dataset
from digitsmith.errors import ConfigError, DataError, DownloadError, ModelError, OutputError
from digitsmith.progress import Silent

TRAIN = Dataset(
    np.random.default_rng(0).integers(0, 256, (1500, 12, 16), dtype=np.uint8), np.arange(1500) % 3, ("0", "1", "2")
)
TEST = Dataset(TRAIN.images[:30] ^ 255, TRAIN.labels[:30][::-1].copy(), TRAIN.classes)
SPLITS: dict[formats.Split, Dataset] = {"train": TRAIN, "test": TEST}
IMAGES = {"train": "train-images-idx3-ubyte.gz", "test": "t10k-images-idx3-ubyte.gz"}
LABELS = {"train": "train-labels-idx1-ubyte.gz", "test": "t10k-labels-idx1-ubyte.gz"}


def idx(array: np.ndarray, kind: int = 8) -> bytes:
    return bytes([0, 0, kind, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


PLAIN = {IMAGES[split]: idx(data.images) for split, data in SPLITS.items()} | {
    LABELS[split]: idx(data.labels.astype(np.uint8)) for split, data in SPLITS.items()
}
FILES = {name: gzip.compress(content, mtime=0) for name, content in PLAIN.items()}
SHA256 = {name: hashlib.sha256(content).hexdigest() for name, content in PLAIN.items()}
IMAGE_FILE, LABEL_FILE = IMAGES["train"], LABELS["train"]
CHUNK = 2**16  # bytes that are written to disk at a time


@dataclass
class Mirror:
    """A web server on this machine, and what it saw.

    Attributes:
        files: what it serves.
        ranges: whether it can go on in the middle of a file.
        length: whether it says how long a file is.
        cuts: for each file, after how many bytes it hangs up, request by request.
        requests: the name and Range header of each request.
        sent: how many bytes it sent of each file.
    """

    files: dict[str, bytes]
    ranges: bool = True
    length: bool = True
    cuts: dict[str, list[int]] = field(default_factory=dict)
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    sent: dict[str, int] = field(default_factory=dict)
    url: str = ""

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        name, asked = request.path.removeprefix("/"), request.headers["Range"]
        self.requests.append((name, asked))
        if name not in self.files:
            return request.send_error(404)
        content = self.files[name]
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and self.ranges else 0
        if start and start >= len(content):
            return request.send_error(416)
        request.send_response(206 if start else 200)
        if self.length:
            request.send_header("Content-Length", str(len(content) - start))
        if start:
            request.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        request.end_headers()
        cuts = self.cuts.get(name)
        part = content[start : start + cuts.pop(0)] if cuts else content[start:]
        request.wfile.write(part)
        self.sent[name] = self.sent.get(name, 0) + len(part)
        return None


class Heard(Silent):
    """A listener that remembers what it is told."""

    def __init__(self) -> None:
        self.updates: list[tuple[str, int, int]] = []
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def update(self, work: str, done: int, total: int, detail: str = "") -> None:
        assert detail.endswith(" MB") or done == total == 1
        self.updates.append((work, done, total))


@pytest.fixture
def serve() -> Iterator[Callable[..., Mirror]]:
    """Start a mirror: `serve(files, ranges=…, cuts=…)`."""
    with contextlib.ExitStack() as stack:

        def start(files: dict[str, bytes], **options) -> Mirror:
            mirror = Mirror(files, **options)

            class Handler(BaseHTTPRequestHandler):
                def do_GET(self) -> None:
                    mirror.answer(self)

                def log_message(self, *_: object) -> None:
                    pass

            server = stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
            thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.shutdown)
            mirror.url = f"http://127.0.0.1:{server.server_port}/"
            return mirror

        yield start


@pytest.fixture
def closed_port() -> Iterator[str]:
    """The address of a mirror that is away: the port is taken, and nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch) -> Path:
    """An empty cache and current folder, and no proxy between us and the loopback."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DIGITSMITH_DATA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path / "home"


@pytest.fixture
def offer(monkeypatch) -> Callable[..., None]:
    """Offer a data set `tiny` from some mirrors: `offer(url, …, sha256=…)`."""

    def put(*mirrors: str, **changes) -> None:
        remote = Remote("tiny", mirrors, IMAGES, LABELS, sha256=SHA256)
        monkeypatch.setitem(REMOTES, "tiny", replace(remote, **changes))

    return put


def assert_same(read: Dataset, expected: Dataset) -> None:
    assert np.array_equal(read.images, expected.images)
    assert np.array_equal(read.labels, expected.labels)
    assert read.classes == expected.classes


class TestDownload:
    def test_each_split_is_fetched_once(self, serve, offer, home) -> None:
        mirror = serve(FILES)
        offer(mirror.url)
        for _ in range(2):
            assert_same(load_dataset("tiny", "train"), TRAIN)
            assert_same(load_dataset("tiny", "test"), TEST)
        assert sorted(mirror.requests) == [(name, None) for name in sorted(FILES)]
        assert {file.name: file.read_bytes() for file in (home / "tiny").iterdir()} == FILES

    def test_a_split_that_is_not_asked_for_is_not_fetched(self, serve, offer) -> None:
        mirror = serve(FILES)
        offer(mirror.url)
        load_dataset("tiny", "test")
        assert {name for name, _ in mirror.requests} == {IMAGES["test"], LABELS["test"]}

    def test_class_names_of_the_data_set_are_used(self, serve, offer) -> None:
        offer(serve(FILES).url, classes=("o", "ki", "su"))
        assert load_dataset("tiny").classes == ("o", "ki", "su")

    def test_the_next_mirror_stands_in_for_one_that_is_away(self, serve, offer, closed_port) -> None:
        offer(closed_port, serve(FILES).url)
        assert_same(load_dataset("tiny"), TRAIN)

    def test_the_next_mirror_stands_in_for_one_that_lacks_the_file(self, serve, offer) -> None:
        first = serve({})
        offer(first.url, serve(FILES).url)
        assert_same(load_dataset("tiny"), TRAIN)
        assert first.requests == [(IMAGE_FILE, None), (LABEL_FILE, None)]  # asked once: the file will not turn up

    def test_a_broken_transfer_goes_on_where_it_broke_off(self, serve, offer) -> None:
        mirror = serve(FILES, cuts={IMAGE_FILE: [2 * CHUNK, CHUNK]})
        offer(mirror.url)
        assert_same(load_dataset("tiny"), TRAIN)
        assert mirror.requests == [
            (IMAGE_FILE, None),
            (IMAGE_FILE, f"bytes={2 * CHUNK}-"),
            (IMAGE_FILE, f"bytes={3 * CHUNK}-"),
            (LABEL_FILE, None),
        ]
        assert mirror.sent[IMAGE_FILE] == len(FILES[IMAGE_FILE])  # no byte twice

    def test_a_transfer_broken_inside_a_chunk_repeats_no_byte(self, serve, offer) -> None:
        mirror = serve(FILES, cuts={IMAGE_FILE: [2 * CHUNK + 1234]})
        offer(mirror.url)
        assert_same(load_dataset("tiny"), TRAIN)
        assert mirror.sent[IMAGE_FILE] == len(FILES[IMAGE_FILE])

    def test_a_broken_transfer_goes_on_at_the_next_mirror_and_in_the_next_session(self, serve, offer, home) -> None:
        broken = serve(FILES, cuts={IMAGE_FILE: [CHUNK, CHUNK, CHUNK]})
        offer(broken.url)
        with pytest.raises(DownloadError, match="the connection broke off"):
            load_dataset("tiny")
        assert not (home / "tiny" / IMAGE_FILE).exists()
        good = serve(FILES)
        offer(good.url)
        assert_same(load_dataset("tiny"), TRAIN)
        assert good.requests[0] == (IMAGE_FILE, f"bytes={3 * CHUNK}-")

    def test_a_server_that_cannot_go_on_sends_it_all_again(self, serve, offer) -> None:
        mirror = serve(FILES, ranges=False, cuts={IMAGE_FILE: [CHUNK]})
        offer(mirror.url)
        assert_same(load_dataset("tiny"), TRAIN)
        assert mirror.sent[IMAGE_FILE] == CHUNK + len(FILES[IMAGE_FILE])

    def test_a_transfer_killed_after_its_last_byte_needs_no_other(self, serve, offer, home) -> None:
        (home / "tiny").mkdir(parents=True)
        (home / "tiny" / f"{IMAGE_FILE}.part").write_bytes(FILES[IMAGE_FILE])
        mirror = serve(FILES)
        offer(mirror.url)
        assert_same(load_dataset("tiny"), TRAIN)
        assert IMAGE_FILE not in mirror.sent

    def test_the_next_mirror_stands_in_for_one_with_wrong_content(self, serve, offer) -> None:
        wrong = serve({**FILES, IMAGE_FILE: gzip.compress(idx(TRAIN.images ^ 1))})
        right = serve(FILES)
        offer(wrong.url, right.url)
        assert_same(load_dataset("tiny"), TRAIN)
        assert right.requests == [(IMAGE_FILE, None)]  # from the start, not on top of what was wrong

    @pytest.mark.parametrize(
        ("changes", "content"),
        [
            ({}, gzip.compress(idx(TRAIN.images ^ 1))),
            ({}, gzip.compress(PLAIN[IMAGE_FILE])[:-20]),
            ({}, b"<html>Log in to this network</html>"),
            ({}, b""),
            ({"sha256": {}, "md5": {IMAGE_FILE: hashlib.md5(b"another").hexdigest()}}, FILES[IMAGE_FILE]),
        ],
        ids=["other pixels", "cut short", "a page", "empty", "another md5"],
    )
    def test_wrong_content_everywhere_is_no_data_set(self, serve, offer, home, changes, content) -> None:
        first, second = serve({**FILES, IMAGE_FILE: content}), serve({**FILES, IMAGE_FILE: content})
        offer(first.url, second.url, **changes)
        with pytest.raises(DownloadError) as caught:
            load_dataset("tiny")
        for part in (first.url, second.url, str(home / "tiny"), IMAGE_FILE, "DIGITSMITH_DATA_HOME"):
            assert part in str(caught.value)
        assert not list((home / "tiny").iterdir())

    def test_progress_is_told_of_every_byte(self, serve, offer) -> None:
        offer(serve(FILES, cuts={IMAGE_FILE: [2 * CHUNK]}).url)
        heard = Heard()
        load_dataset("tiny", progress=heard)
        size = len(FILES[IMAGE_FILE])
        images = [(done, total) for work, done, total in heard.updates if work == f"downloading {IMAGE_FILE}"]
        assert images == [(min(end, size), size) for end in range(CHUNK, size + CHUNK, CHUNK)]
        assert heard.updates[-1] == (f"downloading {LABEL_FILE}", len(FILES[LABEL_FILE]), len(FILES[LABEL_FILE]))

    def test_progress_ends_where_the_server_does_not_say_how_long_a_file_is(self, serve, offer) -> None:
        offer(serve(FILES, length=False).url)
        heard = Heard()
        assert_same(load_dataset("tiny", progress=heard), TRAIN)
        assert heard.updates[0] == (f"downloading {IMAGE_FILE}", 0, 1)
        assert heard.updates[-1] == (f"downloading {LABEL_FILE}", 1, 1)

    def test_silence_on_request(self, serve, offer, capsys) -> None:
        offer(serve(FILES).url)
        load_dataset("tiny", progress=False)
        assert capsys.readouterr() == ("", "")

    def test_right_content_by_md5_is_taken(self, serve, offer) -> None:
        offer(
            serve(FILES).url, sha256={}, md5={name: hashlib.md5(content).hexdigest() for name, content in FILES.items()}
        )
        assert_same(load_dataset("tiny"), TRAIN)

    def test_without_a_connection_the_message_says_what_to_do(self, offer, home, closed_port) -> None:
        offer(closed_port)
        with pytest.raises(DownloadError, match="no connection") as caught:
            load_dataset("tiny")
        assert f"get {IMAGE_FILE} elsewhere, and put it into {home / 'tiny'}" in str(caught.value)


class TestCache:
    @pytest.fixture(params=["gzip", "plain"])
    def folder(self, request, home) -> Path:
        """Files that somebody else put there, as MNIST has them or unpacked."""
        folder = home / "tiny"
        folder.mkdir(parents=True)
        for name in FILES:
            if request.param == "gzip":
                (folder / name).write_bytes(FILES[name])
            else:
                (folder / name.removesuffix(".gz")).write_bytes(PLAIN[name])
        return folder

    def test_what_is_there_is_not_fetched(self, folder, serve, offer) -> None:
        mirror = serve(FILES)
        offer(mirror.url)
        assert_same(load_dataset("tiny", "train"), TRAIN)
        assert_same(load_dataset("tiny", "test"), TEST)
        assert not mirror.requests

    def test_an_md5_of_downloads_is_checked_as_long_as_they_are_not_unpacked(self, folder, offer, closed_port) -> None:
        heard = Heard()
        offer(closed_port, sha256={}, md5=dict.fromkeys(FILES, "0" * 32))
        if any(folder.glob("*.gz")):
            with pytest.raises(DataError, match=r"its MD5 is wrong.*remove it.*unpack it"):
                load_dataset("tiny", progress=heard)
        else:
            assert_same(load_dataset("tiny", progress=heard), TRAIN)
            assert heard.notes == [f"tiny is used as it lies in {folder}: no hash is known to check it with."]

    def test_a_read_only_cache_is_only_read(self, folder, offer, closed_port) -> None:
        def state() -> list[tuple[str, int]]:
            return sorted((str(path), path.stat().st_mtime_ns) for path in [folder.parent, folder, *folder.iterdir()])

        for path in (*folder.iterdir(), folder, folder.parent):
            path.chmod(0o555 if path.is_dir() else 0o444)
        before = state()
        offer(closed_port)
        try:
            assert_same(load_dataset("tiny"), TRAIN)
            assert state() == before  # root may write in spite of the mode, so look
        finally:
            folder.parent.chmod(0o755)
            folder.chmod(0o755)

    def test_a_damaged_file_is_named_and_not_used(self, folder, offer, closed_port) -> None:
        offer(closed_port)
        for file in folder.iterdir():
            file.write_bytes(file.read_bytes()[:-9])
        with pytest.raises(DataError, match="remove it, to have it fetched again") as caught:
            load_dataset("tiny")
        assert str(folder / "train-images-idx3-ubyte") in str(caught.value)

    def test_the_users_cache_folder_is_the_default(self, monkeypatch) -> None:
        monkeypatch.delenv("DIGITSMITH_DATA_HOME")
        assert cache.data_home().name == "digitsmith"


class TestLayouts:
    def zipped(self, files: dict[str, bytes]) -> bytes:
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            for name, file in files.items():
                archive.writestr(f"gzip/{name}", file)
        return content.getvalue()

    def test_an_archive_of_images_on_their_side(self, serve, offer, home) -> None:
        """As EMNIST comes."""
        names = {split: f"emnist-digits-{split}-images-idx3-ubyte.gz" for split in SPLITS}
        sides = {names[split]: gzip.compress(idx(data.images.swapaxes(1, 2).copy())) for split, data in SPLITS.items()}
        labels = {name: FILES[name] for name in LABELS.values()}
        archive = self.zipped({"other-file.gz": b"", **labels, **sides})
        mirror = serve({"all.zip": archive})
        offer(mirror.url, images=names, sha256={}, md5={"all.zip": hashlib.md5(archive).hexdigest()}, archive="all.zip")
        assert_same(load_dataset("tiny", "train"), TRAIN)
        assert_same(load_dataset("tiny", "test"), TEST)
        assert mirror.requests == [("all.zip", None)]
        assert {file.name for file in (home / "tiny").iterdir()} == {*labels, *sides, "SHA256SUMS"}
        (home / "tiny" / names["train"]).write_bytes(FILES[IMAGE_FILE])  # as someone might replace it
        with pytest.raises(DataError, match="its SHA-256 is wrong"):
            load_dataset("tiny", "train")
        assert_same(load_dataset("tiny", "test"), TEST)

    def test_an_archive_that_lacks_a_file_or_is_none(self, serve, offer) -> None:
        offer(serve({"all.zip": self.zipped({IMAGE_FILE: FILES[IMAGE_FILE]})}).url, sha256={}, archive="all.zip")
        with pytest.raises(DataError, match=r"all.zip holds no t10k"):
            load_dataset("tiny")
        offer(serve({"all.zip": b"no zip"}).url, sha256={}, archive="all.zip")
        with pytest.raises(DataError, match=r"all.zip cannot be read"):
            load_dataset("tiny", "test")

    def test_labels_in_a_column_of_a_table(self, serve, offer) -> None:
        """As QMNIST comes: int32[n, 8], the class first, then writer and so on."""
        table = np.full((1500, 8), 70_000, ">i4")
        table[:, 0] = TRAIN.labels
        labels = {"train": "train-labels-idx2-int.gz", "test": "test-labels-idx2-int.gz"}
        files = {IMAGE_FILE: FILES[IMAGE_FILE], labels["train"]: gzip.compress(idx(table, kind=12))}
        offer(serve(files).url, sha256={}, labels=labels, label_column=0)
        assert_same(load_dataset("tiny"), TRAIN)


def test_every_named_data_set_has_a_check_for_each_file_that_it_fetches() -> None:
    for remote in REMOTES.values():
        fetched = [remote.archive] if remote.archive else [*remote.images.values(), *remote.labels.values()]
        assert set(fetched) <= set(remote.sha256) | set(remote.md5)
        assert all(mirror.endswith("/") for mirror in remote.mirrors)


class TestDigits:
    def test_sizes_and_classes(self) -> None:
        train, test = load_dataset("digits"), load_dataset("digits", "test")
        assert (len(train), len(test)) == (1438, 359)
        assert train.image_size == test.image_size == (28, 28)
        assert train.classes == test.classes == tuple("0123456789")
        assert set(np.unique(train.labels)) == set(np.unique(test.labels)) == set(range(10))

    def test_ink_is_white_on_black(self) -> None:
        images = load_dataset("digits").images
        assert images.max() == 255
        assert images[:, :, 0].mean() < 10 < images.mean()

    def test_they_are_those_of_scikit_learn_and_need_none(self, monkeypatch) -> None:
        digits = sklearn.datasets.load_digits()
        monkeypatch.setitem(sys.modules, "sklearn", None)
        is_test = np.arange(1797) % 5 == 4
        for split, chosen in (("train", ~is_test), ("test", is_test)):
            levels = np.round(digits.images[chosen] * (255 / 16)).astype(np.uint8)
            expected = Dataset(levels, digits.target[chosen], tuple("0123456789")).resize((28, 28))
            assert_same(load_dataset("digits", split), expected)

    def test_no_test_image_is_in_the_training_set(self) -> None:
        train, test = load_dataset("digits"), load_dataset("digits", "test")
        assert not {image.tobytes() for image in train.images} & {image.tobytes() for image in test.images}

    def test_it_is_always_the_same(self) -> None:
        assert load_dataset("digits").sha256() == load_dataset("digits:train", "test").sha256()


class TestPaths:
    @pytest.fixture
    def folder(self, tmp_path) -> Path:
        for split, data in SPLITS.items():
            (tmp_path / "mine").mkdir(exist_ok=True)
            writer = formats.format_module("idx").Writer(tmp_path / "mine", formats.Header.of(data, split))
            writer.write(data.images, data.labels)
            writer.close()
        return tmp_path / "mine"

    def test_a_path_is_read_as_string_or_path(self, folder) -> None:
        assert_same(load_dataset(folder), TRAIN)
        assert_same(load_dataset(str(folder)), TRAIN)
        assert_same(load_dataset("mine"), TRAIN)  # in the current folder

    def test_an_ending_chooses_the_split(self, folder) -> None:
        assert_same(load_dataset(f"{folder}:test"), TEST)
        assert_same(load_dataset(f"{folder}:train", "test"), TRAIN)
        assert len(load_dataset("digits:test")) == 359

    def test_a_source_is_a_name_and_a_split(self) -> None:
        assert Source.parse("mnist") == Source("mnist", "train")
        assert Source.parse("mnist", "test") == Source("mnist", "test")
        assert Source.parse("a:b/scans:test", "train") == Source("a:b/scans", "test")
        assert Source.parse("scans:tset") == Source("scans:tset", "train")
        assert str(Source("scans", "test")) == "scans:test"
        assert Source("scans", "test").other == Source("scans", "train")
        assert Source("scans").other.other == Source("scans")

    def test_an_unknown_split_is_refused(self) -> None:
        with pytest.raises(ConfigError, match="no split 'val': use train or test") as caught:
            load_dataset("digits", "val")
        assert caught.value.parameter == "split"
        with pytest.raises(DataError, match=r"mnist has no split 'val': use mnist:train or mnist:test"):
            load_dataset("mnist:val")

    def test_a_path_that_is_not_there(self, tmp_path) -> None:
        with pytest.raises(DataError, match="there is no file or folder"):
            load_dataset(tmp_path / "nowhere")
        with pytest.raises(DataError, match="there is no file or folder"):
            load_dataset("./nowhere:test")

    def test_an_unknown_name_lists_the_known_ones(self) -> None:
        with pytest.raises(DataError, match=r"no data set 'minst': use digits, mnist") as caught:
            load_dataset("minst")
        assert caught.value.parameter == "source"


class TestNames:
    """A name of a data set, or of a shipped model, where a file or folder has that name, too."""

    def test_the_data_set_is_meant_and_that_is_said(self, tmp_path) -> None:
        formats.write(TRAIN, tmp_path / "digits", "npz")
        heard = Heard()
        assert len(load_dataset("digits", progress=heard)) == 1438
        assert heard.notes == [
            "digits is the data set of that name, not the folder here: write ./digits for the folder."
        ]
        heard.notes.clear()
        assert_same(load_dataset("./digits", progress=heard), TRAIN)
        assert not any("is the data set" in note for note in heard.notes)

    def test_a_folder_that_is_made_with_such_a_name_is_said(self) -> None:
        heard = Heard()
        heard.update = lambda *_: None
        digitsmith.generate("digits", 10, progress=heard)
        assert heard.notes == ["digits is also the name of a data set: write ./digits where the folder is meant."]

    def test_the_folder_of_downloads_is_no_other(self, serve, offer, monkeypatch) -> None:
        monkeypatch.setenv("DIGITSMITH_DATA_HOME", ".")
        heard = Heard()
        offer(serve(FILES).url)
        for _ in range(2):
            assert_same(load_dataset("tiny", progress=heard), TRAIN)
        assert not heard.notes

    @pytest.mark.parametrize("file", ["mnist", "mnist/config.toml", "mnist/model.onnx"])
    def test_a_model_here_and_a_shipped_one_are_not_chosen_between(self, tmp_path, file) -> None:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).touch()
        with pytest.raises(ModelError, match=r"write \./mnist for that one") as caught:
            digitsmith.load("mnist")
        assert caught.value.parameter == "model"
        assert digitsmith.load().name == "mnist"  # where none is named, none here is meant
        for here in ("./mnist", Path("mnist")):
            with pytest.raises(ModelError, match="model"):
                digitsmith.load(here)

    def test_a_folder_that_is_no_run_is_no_model(self, tmp_path) -> None:
        (tmp_path / "mnist").mkdir()  # of images, say
        assert digitsmith.load("mnist").name == "mnist"


class TestHome:
    def forget(self, monkeypatch) -> None:
        """As in a container with a user of whom the system knows nothing."""

        def unknown(_: str) -> str:
            raise RuntimeError("Could not determine home directory.")

        monkeypatch.delenv("DIGITSMITH_DATA_HOME")
        monkeypatch.setattr("platformdirs.user_cache_dir", unknown)

    def test_without_one_what_needs_it_says_so(self, monkeypatch) -> None:
        self.forget(monkeypatch)
        with pytest.raises(DataError, match="let DIGITSMITH_DATA_HOME name a folder"):
            load_dataset("mnist")
        monkeypatch.setattr("platformdirs.user_cache_dir", lambda _: "~/.cache/digitsmith")  # as older versions say
        with pytest.raises(DataError, match="let DIGITSMITH_DATA_HOME name a folder"):
            load_dataset("mnist")

    def test_without_one_all_else_works(self, monkeypatch, capsys) -> None:
        self.forget(monkeypatch)
        Path("digits").mkdir()
        assert len(load_dataset("digits")) == 1438
        assert not cache.at_hand("mnist")
        with pytest.raises(SystemExit) as ended:
            digitsmith.cli.main(["data"])
        assert not ended.value.code
        assert "let DIGITSMITH_DATA_HOME name a folder" in capsys.readouterr().out

    def test_one_that_cannot_be_written(self, offer, closed_port, monkeypatch, tmp_path) -> None:
        offer(closed_port)
        (tmp_path / "file").touch()
        monkeypatch.setenv("DIGITSMITH_DATA_HOME", str(tmp_path / "file"))
        with pytest.raises(OutputError, match=r"cannot write .*Or let DIGITSMITH_DATA_HOME name another folder"):
            load_dataset("tiny")


class TestSizes:
    @pytest.mark.parametrize("size", [(7, 28), (28, 129), (200, 200)])
    def test_images_that_models_do_not_take_are_refused_with_the_mend(self, tmp_path, size) -> None:
        data = Dataset(np.zeros((2, *size), np.uint8))
        formats.write(data, tmp_path / "mine", "npz")
        with pytest.raises(DataError, match=rf"frame: mine: images of {size[0]}x{size[1]}.*for example to 28x28"):
            load_dataset("mine")
        assert load_dataset("mine", resize=(28, 20)).image_size == (28, 20)

    @pytest.mark.parametrize("size", [(8, 8), (17, 128)])
    def test_images_that_models_take_are_left_alone(self, tmp_path, size) -> None:
        data = Dataset(np.full((2, *size), 7, np.uint8))
        formats.write(data, tmp_path / "mine", "npz")
        assert_same(load_dataset("mine"), data)

    @pytest.mark.parametrize("size", [(7, 28), (28, 129), (0, 0)])
    def test_a_size_out_of_range_cannot_be_asked_for(self, size) -> None:
        with pytest.raises(ConfigError, match=rf"{size[0]}x{size[1]}: use sides from 8 to 128") as caught:
            load_dataset("digits", resize=size)
        assert caught.value.parameter == "resize"

    def test_resize_keeps_the_labels(self) -> None:
        data, small = load_dataset("digits:test"), load_dataset("digits:test", resize=(8, 8))
        assert small.image_size == (8, 8)
        assert np.array_equal(small.labels, data.labels)
