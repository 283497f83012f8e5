"""Shards in a bucket of a real S3 server, which fails, is full, or refuses: what is there is whole, or is not there.

The libraries are in no other environment than that of `make remote`.
"""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import digitsmith
import s3
from conftest import refused
from digitsmith.data import formats
from digitsmith.errors import DataError, OutputError
from digitsmith.models.generator import Model
from digitsmith.shards.places import place_of
from digitsmith.shards.verify import verify
from s3 import Server
from test_cli import Runner, run
from test_shards import NAMES, OF, Stop
from test_write import contents
from tiny_models import a_model

__all__ = ["run"]
pytestmark = pytest.mark.remote
MADE = "s3://bucket/made"


@pytest.fixture(scope="session")
def moto() -> Iterator[int]:
    with s3.moto() as port:
        yield port


@pytest.fixture
def server(moto: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with s3.served(moto, monkeypatch) as server:
        yield server


@pytest.fixture(scope="module")
def model() -> Model:
    return a_model()


def generate(where: str, **options: object) -> str | Path:
    return digitsmith.generate(where, **OF | {"model": a_model(), "shards": 4} | options)


# What is there.


@pytest.mark.parametrize("format", formats.FORMATS)
def test_a_bucket_holds_the_same_bytes_as_a_folder(server: Server, model: Model, format: formats.Format) -> None:
    options = {"model": model, "format": format, "count": 1000 if format != "png" else 50}
    here = contents(generate("here", **options))
    assert generate(f"{MADE}/", **options) == MADE
    assert server.contents("made") == here
    assert verify(MADE, progress=False) == verify("here", progress=False)
    data, expected = (digitsmith.load_dataset(where, progress=False) for where in (MADE, "./here"))
    np.testing.assert_array_equal(data.images, expected.images)
    np.testing.assert_array_equal(data.labels, expected.labels)
    assert not list(Path().glob("s3*"))


def test_processes_ranks_and_numbers_on_paper_go_there_too(server: Server, model: Model) -> None:
    here = contents(generate("here", model=model))
    generate("s3://bucket/processes", model=model, workers=2)
    assert server.contents("processes") == here
    for rank in (2, 0, 1):
        generate("s3://bucket/ranks", model=model, rank=(rank, 3))
        if rank != 1:
            with refused(DataError, "s3://bucket/ranks is not finished: wait"):
                digitsmith.load_dataset("s3://bucket/ranks", progress=False)
            with refused(DataError, "s3://bucket/ranks is not finished"):
                verify("s3://bucket/ranks", progress=False)
    assert server.contents("ranks") == here
    numbers = {"pattern": "#-#", "count": 7, "model": model, "annotations": "labels,coco", "progress": False}
    digitsmith.write("s3://bucket/numbers", **numbers)
    assert server.contents("numbers") == contents(digitsmith.write("numbers", shards=1, **numbers))


def test_a_record_is_put_after_all_that_it_speaks_of(server: Server, model: Model) -> None:
    generate(MADE, model=model, format="webdataset")
    puts = [path.removeprefix("/bucket/made/") for method, path in server.seen if method == "PUT"][1:]
    assert puts[0] == "shards.json"
    assert puts[-2:] == ["preview.png", "dataset.json"]
    for i, shard in enumerate(NAMES):
        files = puts[1 + 3 * i : 4 + 3 * i]
        assert sorted(files) == [f"{shard}/{name}" for name in ("dataset.json", "preview.png", "train-000000.tar")]
        assert files[-1] == f"{shard}/dataset.json"


def test_webdataset_reads_shards_over_http(server: Server, model: Model) -> None:
    import webdataset

    generate(MADE, model=model, format="webdataset")
    keys = [{"Bucket": "bucket", "Key": f"made/{shard}/train-000000.tar"} for shard in NAMES]
    urls = [server.client().generate_presigned_url("get_object", key) for key in keys]
    samples = list(webdataset.WebDataset(urls, shardshuffle=False).decode("l8").to_tuple("png", "cls"))
    data = digitsmith.load_dataset(generate("here", model=model), progress=False)
    np.testing.assert_array_equal(np.stack([image for image, _ in samples]), data.images)
    assert [label for _, label in samples] == data.labels.tolist()


def test_pyarrow_reads_parquet_from_the_bucket(server: Server, model: Model) -> None:
    import pyarrow.dataset
    import pyarrow.fs

    generate(MADE, model=model, format="parquet")
    bucket = pyarrow.fs.S3FileSystem(endpoint_override=server.url, region="us-east-1")
    files = [f"bucket/made/{shard}/train.parquet" for shard in NAMES]
    table = pyarrow.dataset.dataset(files, filesystem=bucket).to_table()
    assert table["label"].to_pylist() == [i % 10 for i in range(1000)]


def test_commands_take_addresses(server: Server, run: Runner) -> None:
    done = run("generate", MADE, "--count", "300", "--shards", "2", "--seed", "3")
    assert done.code == 0, done.stderr
    assert f"300 images of 28x28, labels 0 1 2 3 4 5 6 7 8 9, in {MADE}\n  {MADE}/preview.png  the" in done.stdout
    assert (
        "2 of 2 shards were finished before"
        in run(*["generate", "--count", "300", "--shards", "2", "--seed", "3", "--resume"], MADE).stderr
    )
    assert run("data", MADE, "--verify").stdout.startswith(f"{MADE}: its 2 shards are all there")
    said = run("data", f"{MADE}:train").stdout
    assert "300 to train on" in said
    assert f"--data {MADE}:train --out runs/made" in said
    assert Path("made-sheet.png").is_file()
    done = run("train", "gan", "--data", MADE, "--out", "run", "--set", "steps=1", "--set", "batch_size=32")
    assert done.code == 0, done.stderr
    from digitsmith.records.run import Run

    assert Run(Path("run")).read_record().data.source == MADE
    done = run("evaluate", MADE, "--reference", "digits", "--count", "129", "--json", "result.json")
    assert done.code == 0, done.stderr
    assert not re.search(
        "AKIA|nobody", "".join(path.read_text("latin-1") for path in Path().rglob("*.*") if path.is_file())
    )


def test_a_single_file_and_a_folder_of_yours_are_read(server: Server, digits: formats.Dataset) -> None:
    formats.write(digits.take(slice(60)), Path("mine"), "png")
    client = server.client()
    for name, content in contents(Path("mine")).items():
        client.put_object(Bucket="bucket", Key=f"mine/{name}", Body=content)
    np.savez("some.npz", images=digits.images[:50], labels=digits.labels[:50])
    client.upload_file("some.npz", "bucket", "some.npz")
    assert len(digitsmith.load_dataset("s3://bucket/mine", progress=False)) == 60
    assert len(digitsmith.load_dataset("s3://bucket/some.npz:test", progress=False)) == 50
    client.put_object(Bucket="bucket", Key="mine/train/0/bad.png", Body=b"no image")
    with refused(DataError, "s3://bucket/mine/train/0/bad.png", "skip_bad"):
        digitsmith.load_dataset("s3://bucket/mine", progress=False)


# Going on.


def test_what_was_interrupted_goes_on_and_makes_nothing_again(server: Server, model: Model) -> None:
    with pytest.raises(KeyboardInterrupt):
        generate(MADE, model=model, progress=Stop(after=2))
    before = server.made("made")
    assert sorted(before) == NAMES[:2]
    with refused(OutputError, f"{MADE} exists, and 2 of its 4 shards are finished: resume it if no other"):
        generate(MADE, model=model)
    with refused(OutputError, "seed is 5 there, and 6 is asked for"):
        generate(MADE, model=model, resume=True, seed=6)
    generate(MADE, model=model, resume=True)
    after = server.made("made")
    assert {name: after[name] for name in before} == before
    assert server.contents("made") == contents(generate("here", model=model))


def test_a_driver_that_is_killed_goes_on(server: Server, model: Model) -> None:
    command = [sys.executable, "-m", "digitsmith.cli", "generate", MADE, "--count", "4096", "--shards", "8"]
    with subprocess.Popen([*command, "--workers", "1"], stderr=subprocess.PIPE) as driver:
        while len(server.made("made")) < 2 and driver.poll() is None:
            time.sleep(0.05)
        driver.send_signal(signal.SIGKILL)
        assert driver.stderr is not None
        driver.stderr.read()  # its worker has it, too, and ends after the shard that it is at
    before = server.made("made")
    assert 2 <= len(before) < 8
    done = subprocess.run([*command, "--resume"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"{len(before)} of 8 shards were finished before" in done.stderr
    assert {name: server.made("made")[name] for name in before} == before
    assert verify(MADE, progress=False).images == 4096


def test_missing_and_shortened_shards_are_made_again_and_changed_ones_are_seen(server: Server, model: Model) -> None:
    generate(MADE, model=model)
    whole, client = server.contents("made"), server.client()
    images = f"made/{NAMES[1]}/train-images-idx3-ubyte"
    client.put_object(Bucket="bucket", Key=images, Body=whole[images[5:]][:-1])
    client.delete_object(Bucket="bucket", Key=f"made/{NAMES[3]}/train-labels-idx1-ubyte")
    stop = Stop(after=9)
    generate(MADE, model=model, resume=True, progress=stop)
    assert server.contents("made") == whole
    assert stop.notes[-1] == "2 of 4 shards were finished before."
    client.put_object(Bucket="bucket", Key=images, Body=whole[images[5:]][:-1] + b"x")
    with refused(DataError, rf"{NAMES[1]} was changed\): remove these, and resume"):
        verify(MADE, progress=False)
    client.delete_object(Bucket="bucket", Key=images)
    generate(MADE, model=model, resume=True)
    assert server.contents("made") == whole


def test_of_two_who_begin_at_once_the_second_is_refused(server: Server, model: Model) -> None:
    place = place_of(MADE)
    assert place.save_new("shards.json", b"one plan")
    assert place.save_new("shards.json", b"one plan")  # the answer to the first was lost
    assert not place.save_new("shards.json", b"another")
    assert place.read("shards.json") == b"one plan"


# Servers that fail.


@pytest.mark.parametrize("workers", [None, 2])
def test_of_ten_requests_one_fails(server: Server, model: Model, workers: int | None) -> None:
    server.rule = s3.every_tenth
    generate(MADE, model=model, shards=12, format="webdataset", workers=workers)
    assert verify(MADE, progress=False).shards == 12
    assert len(digitsmith.load_dataset(MADE, progress=False)) == 1000
    server.rule = s3.well
    assert server.contents("made") == contents(generate("here", model=model, shards=12, format="webdataset"))


def test_a_full_server_loses_nothing_that_is_finished(server: Server, model: Model, run: Runner) -> None:
    server.rule = lambda _, method, path: 507 if method == "PUT" and NAMES[2] in path else None
    with refused(OutputError, rf"{MADE}/{NAMES[2]} cannot be written \(.*\): .* 2 of 4 shards are finished: resume"):
        generate(MADE, model=model)
    assert sorted(server.made("made")) == NAMES[:2]
    server.rule = s3.well
    generate(MADE, model=model, resume=True)
    assert verify(MADE, progress=False).shards == 4


def test_a_server_that_takes_only_the_first_files_leaves_no_record(server: Server, model: Model) -> None:
    server.rule = lambda _, method, path: 403 if method == "PUT" and "train-labels" in path else None
    with refused(OutputError, "cannot be written .*see whether the credentials"):
        generate(MADE, model=model)
    assert server.made("made") == {}
    server.rule = s3.well
    generate(MADE, model=model, resume=True)
    assert server.contents("made") == contents(generate("here", model=model))


def test_what_is_refused_is_one_line_without_secrets(
    server: Server, moto: int, run: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    import requests
    import s3fs

    def said(*words: str) -> str:
        s3fs.S3FileSystem.clear_instance_cache()
        done = run(*words)
        assert (done.code, done.stdout) == (2, "")
        assert done.stderr.startswith("digitsmith: ")
        assert done.stderr.count("\n") == 1
        assert not re.search("AKIA|nobody|pa55word", done.stderr)
        return done.stderr

    write, look = ("generate", MADE, "--count", "9"), ("data", MADE)
    for words in (("generate", "s3://none/made", "--count", "9"), ("data", "s3://none/made")):
        assert "(The specified bucket does not exist): see whether there is such a bucket" in said(*words)
    assert "there is no file or folder s3://bucket/made" in said(*look)
    with requests.post(f"http://127.0.0.1:{moto}/moto-api/reset-auth", data=b"0", timeout=9):
        pass
    try:
        for words in (write, look, (*look, "--verify")):
            assert "see whether the credentials in the environment, or in the library's own files" in said(*words)
    finally:
        with requests.post(f"http://127.0.0.1:{moto}/moto-api/reset-auth", data=b"inf", timeout=9):
            pass
    with monkeypatch.context() as patch:
        patch.delenv("AWS_ACCESS_KEY_ID")
        patch.delenv("AWS_SECRET_ACCESS_KEY")
        for words in (write, look):
            assert "(Unable to locate credentials): see whether the credentials in the environment" in said(*words)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://me:pa55word@127.0.0.1:9")
    monkeypatch.setattr(s3fs.S3FileSystem, "retries", 1)
    assert "cannot be read" in said(*write)
    assert not server.contents("made")


def test_names_that_lead_elsewhere_are_not_followed(server: Server) -> None:
    server.client().put_object(Bucket="bucket", Key="made/../../evil.png", Body=b"x")
    with refused(DataError, "s3://bucket/made holds '../../evil.png', which can be no file of a folder: remove it"):
        digitsmith.load_dataset(MADE, progress=False)


def test_a_temporary_folder_is_left_by_nobody(
    server: Server, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tempfile

    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    generate(MADE, model=model)
    digitsmith.load_dataset(MADE, progress=False)
    assert not [*place.iterdir()]
