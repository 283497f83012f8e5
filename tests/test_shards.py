"""Shards: a plan that anybody can carry out, in any order; however often it is killed, the same bytes come of it."""

import os
import shutil
import signal
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import digitsmith
from conftest import Told, refused
from digitsmith.data import formats
from digitsmith.errors import ConfigError, DataError, DigitsmithError, ModelError, OutputError, WorkerError
from digitsmith.files import staged_folder
from digitsmith.generation.work import Images
from digitsmith.models.generator import Model
from digitsmith.models.noise import BLOCK
from digitsmith.progress import Progress
from digitsmith.records.dataset import DatasetRecord, GenerationRecord, ShardRecord
from digitsmith.shards.content import content_of
from digitsmith.shards.folder import begun
from digitsmith.shards.partition import Partition, Shard, partition
from digitsmith.shards.places import place_of
from digitsmith.shards.processes import TRIES, in_processes
from digitsmith.shards.ranks import rank_of
from digitsmith.shards.verify import verify
from digitsmith.shards.work import Job, Made
from test_cli import Runner, run
from test_write import contents
from tiny_models import a_model

__all__ = ["run"]

OF = {"count": 1000, "seed": 5, "progress": False}
NAMES = [f"shard-{i:05d}-of-00004" for i in (1, 2, 3, 4)]


@pytest.fixture(scope="module")
def model() -> Model:
    return a_model()


def generate(folder: str = "made", **options: object) -> Path:
    return digitsmith.generate(folder, **OF | {"model": a_model()} | options)


def stamps(folder: Path) -> dict[str, int]:
    """When each shard was made."""
    return {path.name: path.stat().st_ctime_ns for path in folder.glob("shard-*")}


# The plan.


@pytest.mark.parametrize(
    ("count", "shards", "block"), [(1, 1, 256), (700, 7, 256), (50_000, 11, 256), (20_000, 3, 4096)]
)
def test_shards_follow_each_other_and_none_is_empty(count: int, shards: int, block: int) -> None:
    parts = list(partition(count, shards, block))
    assert [part.start for part in parts] == [0, *(part.stop for part in parts[:-1])]
    assert (len(parts), parts[-1].stop) == (shards, count)
    assert min(map(len, parts)) > 0
    assert all(abs(len(part) - count / shards) <= (block if count // shards >= 4096 else 1) for part in parts)
    if count // shards >= 4096:
        assert not any(part.start % block for part in parts)
    assert parts[-1].name == f"shard-{shards:05d}-of-{shards:05d}"


def test_where_nothing_is_said_shards_have_some_thousand_images() -> None:
    assert partition(100) == Partition(100, 1, 1)
    assert len(partition(10**8)) == 12_208
    assert len(partition(4 * 10**9)) == 100_000


@pytest.mark.parametrize(
    ("options", "kind", "message", "parameter"),
    [
        ({"shards": 0}, ConfigError, "0 is too few: ask for at least one", "shards"),
        ({"shards": 1001}, ConfigError, "1,001 of 1,000 images would leave some empty: ask for 1,000", "shards"),
        ({"shards": 200_000, "count": 10**6}, ConfigError, "are too many: 100,000 are the most", "shards"),
        ({"shards": 2.5}, ConfigError, "2.5 is no whole number", "shards"),
        ({"shards": 2, "count": 0}, ModelError, "0 is too few", "count"),
        ({"workers": 0}, ConfigError, "0 is too few: use one at least", "workers"),
        ({"workers": "2"}, ConfigError, "'2' is no whole number", "workers"),
        ({"workers": 2, "shard": (1, 2)}, ConfigError, "together with shard", "workers"),
        ({"shards": 2, "shard": (1, 2)}, ConfigError, "together with shard", "shards"),
        ({"rank": (0, 2), "workers": 2}, ConfigError, "together with rank", "workers"),
        ({"rank": (2, 2)}, ConfigError, "no rank 2 of 2: they are counted from 0 to 1", "rank"),
        ({"rank": 1}, ConfigError, "1 is no pair such as", "rank"),
        ({"shards": 2, "count": 9, "min_confidence": 0.999}, ModelError, "none is recognised", "min_confidence"),
    ],
)
def test_plans_that_cannot_be_are_refused_and_leave_nothing(
    options: dict[str, object], kind: type[DigitsmithError], message: str, parameter: str
) -> None:
    with refused(kind, message, parameter):
        generate(**options)
    assert not list(Path().iterdir())


# What comes of it.


@pytest.mark.parametrize("format", formats.FORMATS)
def test_the_shards_of_every_format_are_read_as_the_whole(model: Model, format: formats.Format) -> None:
    whole = formats.read(generate("whole", model=model, format=format))
    parts = generate("parts", model=model, format=format, shards=4)
    assert sorted(path.name for path in parts.iterdir()) == ["dataset.json", "preview.png", *NAMES]
    data = formats.read(parts)
    order = np.argsort(whole.labels, kind="stable") if format == "png" else slice(None)
    again = data.take(np.argsort(data.labels, kind="stable")) if format == "png" else data
    np.testing.assert_array_equal(again.images, whole.images[order])
    np.testing.assert_array_equal(again.labels, whole.labels[order])
    assert data.classes == whole.classes
    assert verify(parts, progress=False).shards == 4


def test_a_shard_is_what_is_made_alone_of_that_part(model: Model) -> None:
    generate("parts", model=model, shards=4)
    generate("alone", model=model, shard=(3, 4))
    assert contents(Path("parts", NAMES[2])) == contents(Path("alone"))


def test_processes_and_ranks_make_the_same_bytes(model: Model) -> None:
    here = contents(generate("here", model=model, shards=4))
    assert contents(generate("processes", model=model, shards=4, workers=2)) == here
    for rank in (2, 0, 1):
        folder = generate("ranks", model=model, shards=4, rank=(rank, 3))
        assert (folder / "dataset.json").exists() == (rank == 1)
        if rank != 1:
            with refused(DataError, "ranks is not finished: wait for what writes it, or resume it"):
                digitsmith.load_dataset(folder)
            with refused(DataError, "ranks is not finished"):
                verify(folder, progress=False)
    assert contents(Path("ranks")) == here


def test_each_rank_has_a_shard_where_nothing_is_said(model: Model) -> None:
    for rank in (0, 1):
        generate(model=model, rank=(rank, 2))
    assert sorted(stamps(Path("made"))) == ["shard-00001-of-00002", "shard-00002-of-00002"]


def test_the_manifest_says_what_there_is() -> None:
    told = Told()
    told.note = lambda _: None
    digitsmith.generate("made", 600, min_confidence=0.9, shards=2, progress=told)
    record = formats.read_record(Path("made"))
    assert [(shard.first, shard.count) for shard in record.shards] == [(0, 300), (300, 300)]
    parts = [formats.read_record(Path("made", shard.name)) for shard in record.shards]
    assert [part.content.sha256 for part in parts] == [shard.sha256 for shard in record.shards]
    assert record.generated.refused == sum(part.generated.refused for part in parts) > 0
    assert (record.generated.first, record.generated.count) == (0, 600)
    assert told.updates == [("making images", 300, 600), ("making images", 600, 600)]


def test_the_hash_of_a_folder_can_be_had_with_usual_tools() -> None:
    """The recipe is in docs/scale.md."""
    import subprocess

    folder = generate(format="png", count=30)
    command = (
        "find . -type f ! -name dataset.json ! -name preview.png | cut -c3- | LC_ALL=C sort | xargs -d '\\n' sha256sum"
    )
    found = subprocess.run(f"{command} | sha256sum", shell=True, cwd=folder, capture_output=True, text=True, check=True)
    assert found.stdout.split()[0] == formats.read_record(folder).content.sha256


def test_numbers_on_paper_are_divided_as_well() -> None:
    options = {"pattern": "#-#", "count": 7, "model": a_model(), "annotations": "labels,coco", "progress": False}
    whole = contents(digitsmith.write("whole", **options))
    here = contents(digitsmith.write("here", shards=3, **options))
    images = {name.partition("/")[2]: content for name, content in here.items() if "/images/" in name}
    assert images == {name: content for name, content in whole.items() if "images/" in name}
    record = formats.read_record(Path("here"))
    assert [shard.count for shard in record.shards] == [2, 2, 3]
    assert (record.numbers.first, record.numbers.count) == (0, 7)
    with refused(DataError, "here holds images of whole numbers"):
        digitsmith.load_dataset("./here", progress=False)
    assert contents(digitsmith.write("processes", shards=3, workers=1, **options)) == here
    with refused(OutputError, "pattern is #-# there, and ## is asked for"):
        digitsmith.write("here", shards=3, resume=True, **options | {"pattern": "##"})
    Path("papers").mkdir()
    for colour in ("ivory", "white"):  # the same file, with another content when it is resumed
        Image.new("RGB", (900, 200), colour).save("papers/one.png")
        if colour == "ivory":
            digitsmith.write("on-paper", shards=3, style={"paper": "papers"}, **options)
            shutil.rmtree("on-paper/shard-00002-of-00003")
            continue
        with refused(OutputError, r"paper_sha256 is \w+ there, and \w+ is asked for"):
            digitsmith.write("on-paper", shards=3, resume=True, style={"paper": "papers"}, **options)


# Going on.


class Stop(Told):
    """Interrupts after some shards, as Ctrl-C does."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.after, self.notes = after, list[str]()

    def update(self, work: str, done: int, total: int, detail: str = "") -> None:
        super().update(work, done, total, detail)
        if len(self.updates) == self.after:
            raise KeyboardInterrupt

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.mark.parametrize("workers", [None, 1])
def test_what_was_interrupted_goes_on_and_makes_nothing_again(model: Model, workers: int | None) -> None:
    whole = contents(generate("whole", model=model, shards=4))
    stop = Stop(after=2)
    with pytest.raises(KeyboardInterrupt):
        generate(model=model, shards=4, workers=workers, progress=stop)
    assert stop.notes[-1] == "2 of 4 shards are finished: resume, and the others are made."
    made = Path("made")
    assert not list(made.glob(".*"))
    before = stamps(made)
    assert len(before) == 2
    with refused(
        OutputError,
        "made exists, and 2 of its 4 shards are finished: resume it if no other program fills it, choose another place",
    ):
        generate(model=model, shards=4)
    generate(model=model, shards=4, resume=True)
    after = stamps(made)
    assert {name: after[name] for name in before} == before
    assert contents(made) == whole


def test_another_request_is_not_gone_on_with(model: Model) -> None:
    with pytest.raises(KeyboardInterrupt):
        generate(model=model, shards=4, progress=Stop(after=1))
    before = contents(Path("made"))
    for options, message in (
        ({"seed": 6}, "seed is 5 there, and 6 is asked for"),
        ({"shards": 5}, "shards is 4 there, and 5 is asked for"),
        ({"shards": None}, "shards is 4 there, and 0 is asked for"),
        ({"count": 999}, "count is 1000 there, and 999 is asked for"),
        ({"format": "npz"}, "format is idx there, and npz is asked for"),
        ({"labels": [1]}, r"labels is \('0', .* there, and \('1',\) is asked for"),
        ({"model": a_model(z_dim=7)}, "model_sha256 is .* there, and .* is asked for"),
    ):
        with refused(OutputError, message):
            generate(**{"model": model, "shards": 4, "resume": True} | options)
    assert contents(Path("made")) == before


def test_damaged_and_missing_shards_are_found_and_made_again(model: Model) -> None:
    folder = generate(model=model, shards=4)
    whole, before = contents(folder), stamps(folder)
    images = folder / NAMES[1] / "train-images-idx3-ubyte"
    images.write_bytes(images.read_bytes()[:-1] + b"x")
    shutil.rmtree(folder / NAMES[3])
    with refused(DataError, r"shard-00002-of-00004 was changed, shard-00004-of-00004 is missing\): resume"):
        verify(folder, progress=False)
    with refused(DataError, "made lacks shard-00004-of-00004: resume it"):
        digitsmith.load_dataset(folder)
    stop = Stop(after=9)
    generate(model=model, shards=4, resume=True, progress=stop)
    assert [note.partition("/")[2] for note in stop.notes if "damaged" in note]
    assert stop.notes[-1] == "2 of 4 shards were finished before."
    assert contents(folder) == whole
    after = stamps(folder)
    assert [name for name in NAMES if after[name] != before[name]] == [NAMES[1], NAMES[3]]


def test_what_is_complete_is_left_alone(model: Model) -> None:
    for options in ({}, {"shards": 4}):
        folder = generate("-".join(["made", *options]), model=model, **options)
        before = contents(folder)
        generate(folder, model=model, resume=True, **options)
        assert contents(folder) == before
    (Path("made") / "train-labels-idx1-ubyte").write_bytes(b"")
    with refused(OutputError, "made was changed since it was made"):
        generate(model=model, resume=True)
    generate("new", model=model, resume=True)
    assert verify("new", progress=False).images == 1000


def test_a_full_disk_loses_nothing_that_is_finished(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    make = Images.make

    def full(self: Images, shard: Shard, folder: Path, threads: int, progress: Progress) -> None:
        with staged_folder(folder):
            if shard.number == 2:
                raise OSError(28, "No space left on device")
        folder.rmdir()
        make(self, shard, folder, threads, progress)

    with monkeypatch.context() as patch:
        patch.setattr(Images, "make", full)
        with refused(OutputError, r"No space left on device; free some space.* 2 of 4 shards are finished: resume"):
            generate(model=model, shards=4)
    before = stamps(Path("made"))
    assert len(before) == 2
    generate(model=model, shards=4, resume=True)
    assert {name: stamps(Path("made"))[name] for name in before} == before


def test_two_programs_do_not_fill_one_folder(model: Model) -> None:
    class Meanwhile(Stop):
        def update(self, work: str, done: int, total: int, detail: str = "") -> None:
            for rank in (None, (0, 2)):
                with refused(OutputError, "another program fills made at this moment"):
                    generate(model=model, shards=4, resume=True, rank=rank)

    generate(model=model, shards=4, progress=Meanwhile(after=9))
    assert verify("made", progress=False).shards == 4


def test_a_folder_of_something_else_is_left_alone(model: Model) -> None:
    Path("made").mkdir()
    Path("made/mine.txt").write_text("mine")
    for resume in (False, True):
        with refused(OutputError, "made exists and is not empty"):
            generate(model=model, shards=4, resume=resume)
    assert contents(Path("made")) == {"mine.txt": b"mine"}
    generate("other", model=model)
    with refused(OutputError, "shards is 0 there, and 4 is asked for"):
        generate("other", model=model, shards=4, resume=True)


def test_a_machine_that_sees_another_folder_says_so(model: Model) -> None:
    with begun(place_of("made"), an_images(model), partition(1000, 4, BLOCK), resume=False) as (job, _):
        Path("made/shards.json").rename("shards.json")
        answer = job.do(partition(1000, 4, BLOCK)[0], 1)
        assert isinstance(answer, WorkerError)
        assert "choose a place that all machines share" in str(answer)
        assert not list(Path("made").iterdir())


def an_images(model: Model) -> Images:
    from digitsmith.generation.batches import plan
    from digitsmith.generation.request import Request
    from digitsmith.records.dataset import FilesRecord

    return Images(model, plan(model, Request(1000, seed=5)), FilesRecord(format="idx"))


# Processes that are killed.


@dataclass(frozen=True)
class Deadly:
    """Work whose process is killed, as by a lack of memory, at one of the shards, so many times."""

    at: int
    times: int
    graves: str = "."
    name: str = "dying"
    count: int = 6
    block: int = 1

    def make(self, shard: Shard, folder: Path, threads: int, progress: Progress) -> None:
        with staged_folder(folder) as staged:
            (staged / "data").write_text(str(shard.number))
            if shard.number == self.at and len(list(Path(self.graves).glob("died-*"))) < self.times:
                Path(self.graves, f"died-{os.getpid()}").touch()
                os.kill(os.getpid(), signal.SIGKILL)
            self.record(shard.start, shard.stop).model_copy(update={"content": content_of(staged)}).save(
                staged / "dataset.json"
            )

    def record(self, start: int, stop: int) -> DatasetRecord:
        made = GenerationRecord(model="deadly", model_sha256="", seed=0, first=start, count=stop - start)
        return DatasetRecord(classes=(), generated=made)

    def total(self, refused: int) -> DatasetRecord:
        return self.record(0, self.count)


@pytest.fixture
def job() -> Job:
    Path("made").mkdir()
    return Job(Deadly(at=1, times=1), place_of("made").absolute(), "")


def test_a_process_that_is_killed_costs_its_shard_once(job: Job) -> None:
    parts = list(partition(6, 6))
    made = list(in_processes(job, parts, 2))
    assert all(isinstance(one, Made) for one in made)
    assert sorted(one.number for one in made) == [0, 1, 2, 3, 4, 5]
    assert len(list(Path().glob("died-*"))) == 1
    assert [Path("made", part.name, "data").read_text() for part in parts] == list("012345")


def test_a_shard_that_kills_its_processes_is_given_up(job: Job) -> None:
    made = in_processes(replace(job, work=Deadly(at=0, times=9)), partition(6, 6), 1)
    with refused(WorkerError, f"{TRIES} processes that were to make shard-00001-of-00006 ended before"):
        list(made)
    assert len(list(Path().glob("died-*"))) == TRIES


def test_processes_end_with_the_one_that_started_them() -> None:
    """The shard that they are at is finished; no other is begun."""
    import subprocess
    import sys

    script = (
        "import digitsmith, sys\n"
        "class Tell:\n"
        "    def update(self, work, done, total, detail=''): print(done, flush=True)\n"
        "    def note(self, text): pass\n"
        "if __name__ == '__main__':\n"
        "    digitsmith.generate('made', 40960, shards=40, workers=1, progress=Tell())\n"
    )
    Path("script.py").write_text(script)
    with subprocess.Popen([sys.executable, "script.py"], stdout=subprocess.PIPE, text=True) as driver:
        assert driver.stdout.readline() == "1024\n"
        driver.kill()
        driver.stdout.read()  # until its worker, which has the same output, has ended as well
    finished = [path for path in Path("made").glob("shard-*") if (path / "dataset.json").exists()]
    assert 1 <= len(finished) < 40
    with refused(OutputError, f"{len(finished)} of its 40 shards are finished: resume it"):
        digitsmith.generate("made", 40960, shards=40, progress=False)


# What launchers say.


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        ({"RANK": "1", "WORLD_SIZE": "4"}, (1, 4)),
        ({"RANK": "0", "WORLD_SIZE": "1"}, None),
        ({"RANK": "3"}, None),
        ({"SLURM_PROCID": "2", "SLURM_NTASKS": "8"}, (2, 8)),
        ({"SLURM_PROCID": "2", "SLURM_STEP_NUM_TASKS": "3", "SLURM_NTASKS": "8"}, (2, 3)),
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "8", "SLURM_JOB_ID": "7"}, None),
        ({"SLURM_PROCID": "1", "SLURM_NTASKS": "8", "SLURM_JOB_ID": "7", "SLURM_STEP_ID": "0"}, (1, 8)),
        ({"RANK": "1", "WORLD_SIZE": "2", "SLURM_PROCID": "5", "SLURM_NTASKS": "8"}, (1, 2)),
    ],
)
def test_the_rank_of_a_process(environment: dict[str, str], expected: tuple[int, int] | None) -> None:
    rank = rank_of(environment)
    assert (rank and (rank.number, rank.of)) == expected


@pytest.mark.parametrize("environment", [{"RANK": "4", "WORLD_SIZE": "4"}, {"RANK": "one", "WORLD_SIZE": "4"}])
def test_a_rank_that_makes_no_sense_is_refused(environment: dict[str, str]) -> None:
    with refused(ConfigError, r"the environment says RANK=.*, WORLD_SIZE=4, which is no process of several"):
        rank_of(environment)


def test_the_command_takes_its_share_and_says_so(run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ["generate", "made", "--count", "6", "--seed", "3"]
    monkeypatch.setenv("SLURM_NTASKS", "2")
    for process, said in ((0, "The shards of this process are finished"), (1, "2 shards; to check their files: ")):
        monkeypatch.setenv("SLURM_PROCID", str(process))
        done = run(*command)
        assert f"SLURM_PROCID={process}, SLURM_NTASKS=2: this is process {process + 1} of 2, which share" in done.stderr
        assert said in done.stdout
    assert run("data", "made", "--verify").stdout == (
        "made: its 2 shards are all there, and as they were made: 6 images, 4,758 bytes.\n"
    )
    assert "SLURM" not in run("generate", "alone", *command[2:], "--shard", "1/1").stderr
    whole, made = (digitsmith.load_dataset(f"./{name}", progress=False) for name in ("alone", "made"))
    np.testing.assert_array_equal(made.images, whole.images)
    assert "exists and is not empty" in run(*command).stderr
    assert "1 of 1 shards were finished before" in run(*command, "--resume").stderr
    monkeypatch.setenv("SLURM_PROCID", "2")
    done = run(*command)
    assert (done.code, done.stdout) == (2, "")
    assert "SLURM_PROCID=2, SLURM_NTASKS=2, which is no process of several" in done.stderr


# Folders of strangers.


def test_what_says_nothing_of_its_content_cannot_be_verified() -> None:
    Path("made").mkdir()
    with refused(DataError, "there is no folder none"):
        verify("none")
    with refused(DataError, r"made has no dataset\.json: only what"):
        verify("made")
    Path("made/dataset.json").write_text('{"classes": ["a"]}')
    with refused(DataError, r"made/dataset\.json does not say what its files hold"):
        verify("made")


def test_files_that_are_added_removed_or_changed_are_seen() -> None:
    folder = generate(format="png", count=20)
    for change, undo in (
        (lambda: (folder / "more.txt").touch(), lambda: (folder / "more.txt").unlink()),
        (
            lambda: (folder / "train/3").rename(folder / "train/33"),
            lambda: (folder / "train/33").rename(folder / "train/3"),
        ),
    ):
        change()
        with refused(
            DataError, r"made is not what its dataset\.json says \(files were changed, added or taken away\): take out"
        ):
            verify(folder, progress=False)
        undo()
    (folder / "preview.png").unlink()
    (folder / ".DS_Store").touch()
    assert verify(folder, progress=False).images == 20


@pytest.mark.parametrize("name", ["../other", "shard-1-of-2", "shard-00001-of-00002/..", "/tmp"])
def test_shards_lie_in_the_folder_itself(name: str) -> None:
    record = DatasetRecord(classes=(), shards=[ShardRecord(name=NAMES[0], first=0, count=1, bytes=1)])
    Path("made").mkdir()
    Path("made/dataset.json").write_text(record.model_dump_json().replace(NAMES[0], name))
    for read in (verify, digitsmith.load_dataset):
        with refused(DataError, r"dataset\.json cannot be read \(shards\.0\.name: String should match"):
            read("./made")


def test_shards_that_do_not_fit_each_other_are_refused(model: Model) -> None:
    folder = generate(model=model, shards=4)
    for other, message in (
        (a_model(image_size=(16, 16)), "has images of another kind than the shards before it"),
        (a_model(classes=("0", "1")), "has images of another kind"),
        (a_model(classes=()), "has images of another kind"),
    ):
        shutil.rmtree(folder / NAMES[1])
        generate(folder / NAMES[1], model=other, shard=(2, 4))
        with refused(DataError, message):
            digitsmith.load_dataset(folder, progress=False)
    shutil.rmtree(folder / NAMES[1])
    generate(folder / NAMES[1], model=model, shard=(2, 5))
    with refused(DataError, "has 200 images, not 250: resume made, or make it again"):
        digitsmith.load_dataset(folder, progress=False)
    with refused(DataError, "^made has no test split"):
        digitsmith.load_dataset(folder, "test", progress=False)


def test_ranks_may_run_at_the_same_time(model: Model) -> None:
    threads = [
        threading.Thread(target=generate, kwargs={"model": model, "shards": 8, "rank": (i, 3)}) for i in range(3)
    ]
    for thread in threads:
        thread.start()
        time.sleep(0.01)
    for thread in threads:
        thread.join()
    assert verify("made", progress=False).shards == 8
    assert {path.name for path in Path("made").iterdir()} == {
        "dataset.json", "preview.png", *(f"shard-{i:05d}-of-00008" for i in range(1, 9))
    }  # fmt: skip
