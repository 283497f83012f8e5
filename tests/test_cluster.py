"""Shards on a real Ray cluster: three nodes on this machine, which are killed, as are their processes and the driver.

Ray is in no other environment than that of `make cluster`, and starting a cluster takes seconds.
"""

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

import digitsmith
import s3
from conftest import refused
from digitsmith.errors import WorkerError
from digitsmith.models.generator import Model
from digitsmith.shards.cluster import on_cluster
from digitsmith.shards.partition import partition
from digitsmith.shards.places import place_of
from digitsmith.shards.work import Job, Made, Notes
from test_shards import Deadly, stamps
from test_write import contents
from tiny_models import a_model

pytestmark = pytest.mark.cluster

RAY = str(Path(sys.executable).parent / "ray")
SHARDS, COUNT = 48, 48 * 512
ENVIRONMENT = {
    "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "ab" * 32, "RAY_USAGE_STATS_ENABLED": "0", "OMP_NUM_THREADS": "1",
    "RAY_NUM_REDIS_GET_RETRIES": "2",
}  # fmt: skip


class Cluster:
    """A head and other nodes, with one core each, in processes of this machine."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._nodes = folder, list[psutil.Popen]()
        (self._port,) = free_ports(1)
        self.address = f"127.0.0.1:{self._port}"
        self.add(f"--head --port={self._port} --include-dashboard=false --temp-dir={folder}")

    def add(self, role: str = "", **environment: str) -> None:
        """Start a node, and wait until it is there. On a busy machine it may give up, and is started again."""
        there = self.alive() if self._nodes else 0
        for _ in range(5):
            self._start(role, environment)
            until = time.monotonic() + 60
            while self._nodes[-1].poll() is None and time.monotonic() < until:
                if self.alive() > there:
                    return
                time.sleep(0.5)
            self.kill()
        raise AssertionError((self._folder / "log").read_text(errors="replace"))

    def _start(self, role: str, environment: dict[str, str]) -> None:
        names = ("node-manager", "object-manager", "dashboard-agent-grpc", "dashboard-agent-listen", "metrics-export",
                 "runtime-env-agent")  # fmt: skip
        words = [RAY, "start", "--block", "--num-cpus=1", "--object-store-memory=80000000", "--disable-usage-stats",
                 *(role.split() or [f"--address={self.address}"]),
                 *(f"--{name}-port={port}" for name, port in zip(names, free_ports(6), strict=True))]  # fmt: skip
        with (self._folder / "log").open("ab") as log:
            self._nodes.append(psutil.Popen(words, stdout=log, stderr=log, env=os.environ | environment))

    def alive(self) -> int:
        """How many nodes are there, as one sees who connects to it."""
        import ray

        try:
            ray.init(address=self.address, log_to_driver=False, logging_level="ERROR")
            return sum(node["Alive"] for node in ray.nodes())
        except ConnectionError:
            return 0
        finally:
            ray.shutdown()

    def wait(self, nodes: int) -> None:
        """Until so many nodes are there."""
        while self.alive() != nodes:
            time.sleep(0.5)

    def kill(self, node: int = -1) -> None:
        """Kill all processes of a node at once."""
        started = self._nodes.pop(node)
        with contextlib.suppress(psutil.NoSuchProcess):
            every = [*started.children(recursive=True), started]
            for process in every:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
        started.wait()

    def stop(self) -> None:
        while self._nodes:
            self.kill()


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens at, below those that connections get."""
    found = list[int]()
    while len(found) < count:
        port = random.SystemRandom().randrange(20_000, 32_000)
        with contextlib.suppress(OSError), socket.socket() as one:
            one.bind(("", port))
            found.append(port)
    return found


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory(prefix="ray") as folder:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        patch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]))
        cluster = Cluster(Path(folder))
        try:
            cluster.add()
            cluster.add()
            yield cluster
        finally:
            cluster.stop()


@pytest.fixture
def connected(cluster: Cluster) -> Iterator[str]:
    """The address of the cluster, to which this process is connected."""
    import ray

    ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
    yield cluster.address
    assert ray.is_initialized(), "a connection that was there is left alone"
    ray.shutdown()


@pytest.fixture(scope="module")
def model() -> Model:
    return a_model()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What one process makes."""
    folder = tmp_path_factory.mktemp("whole") / "made"
    return contents(digitsmith.generate(folder, COUNT, seed=5, shards=SHARDS, progress=False))


@contextlib.contextmanager
def driver(address: str, *options: str) -> Iterator[subprocess.Popen[str]]:
    """A command that makes the same on a cluster."""
    command = [sys.executable, "-m", "digitsmith.cli", "generate", "made", "--count", str(COUNT), "--seed", "5"]
    command += ["--shards", str(SHARDS), "--ray", address, *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for(shards: int) -> None:
    while len([path for path in Path("made").glob("shard-*") if (path / "dataset.json").exists()]) < shards:
        time.sleep(0.02)


def ends_well(process: subprocess.Popen[str]) -> None:
    said = process.communicate()[0]
    assert process.returncode == 0, said
    assert "Traceback" not in said


def test_the_bytes_are_those_of_one_process(connected: str, model: Model) -> None:
    options = {"count": 2000, "model": model, "seed": 5, "shards": 9, "min_confidence": 0, "format": "webdataset"}
    here = contents(digitsmith.generate("here", progress=False, **options))
    notes = Notes()
    assert contents(digitsmith.generate("there", ray=connected, progress=notes, **options)) == here
    assert notes.texts[1].startswith("Ray: 3 nodes, 3 cores; started, or found, in ")
    numbers = {"pattern": "#-#", "count": 7, "model": model, "annotations": "labels,coco", "shards": 3}
    numbers |= {"style": {"paper": "paper"}, "progress": False}
    from PIL import Image

    Path("paper").mkdir()
    Image.new("RGB", (900, 200), "ivory").save("paper/ivory.png")
    here = contents(digitsmith.write("numbers", **numbers))
    assert contents(digitsmith.write("numbers-there", ray=connected, workers=2, **numbers)) == here


def test_a_process_that_is_killed_costs_its_shard_once(connected: str) -> None:
    Path("made").mkdir()
    job = Job(Deadly(at=1, times=1, graves=str(Path.cwd())), place_of("made").absolute(), "")
    made = list(on_cluster(job, partition(6, 6), connected, None, Notes()))
    assert all(isinstance(one, Made) for one in made), made
    assert sorted(one.number for one in made) == [0, 1, 2, 3, 4, 5]
    assert len(list(Path().glob("died-*"))) == 1


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_node_that_is_killed_costs_the_time_of_its_shards(
    cluster: Cluster, whole: dict[str, bytes], seed: int
) -> None:
    with driver("auto") as process:
        wait_for(random.Random(seed).randrange(1, SHARDS // 2))
        cluster.kill()
        ends_well(process)
    assert contents(Path("made")) == whole
    cluster.wait(2)
    cluster.add()


def test_a_node_that_is_killed_leaves_more_tasks_than_the_others_may_have(
    cluster: Cluster, whole: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digitsmith.shards.cluster, "_LEAST", 2)  # two tasks for each core, and no more

    class Kill(Notes):
        killed = False

        def update(self, work: str, done: int, total: int, detail: str = "") -> None:
            if done >= 3 and not self.killed:
                self.killed = True
                cluster.kill()

    digitsmith.generate("made", COUNT, seed=5, shards=SHARDS, ray=cluster.address, progress=Kill())
    assert contents(Path("made")) == whole
    cluster.wait(2)
    cluster.add()


def test_a_driver_that_is_killed_goes_on_and_makes_nothing_again(cluster: Cluster, whole: dict[str, bytes]) -> None:
    chance, finished = random.Random(4), dict[str, int]()  # when each shard was made
    for turn in range(5):
        with driver(cluster.address, *(["--resume"] if turn else [])) as process:
            wait_for(len(finished) + chance.randrange(1, 6))
            process.kill()
        time.sleep(chance.random())
        now = stamps(Path("made"))
        assert {name: now[name] for name in finished} == finished
        finished = now
    with driver(cluster.address, "--resume") as process:
        ends_well(process)
    assert contents(Path("made")) == whole
    after = stamps(Path("made"))
    assert {name: after[name] for name in finished} == finished


def test_ctrl_c_ends_it_and_what_is_finished_is_kept(cluster: Cluster, whole: dict[str, bytes]) -> None:
    with driver(cluster.address) as process:
        wait_for(3)
        process.send_signal(signal.SIGTERM)
        said = process.communicate()[0]
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert f"of {SHARDS} shards are finished: resume, and the others are made." in said
    before = stamps(Path("made"))
    with driver(cluster.address, "--resume") as process:
        ends_well(process)
    assert contents(Path("made")) == whole
    assert {name: stamps(Path("made"))[name] for name in before} == before


def raylets_here() -> set[int]:
    return {one.pid for one in psutil.Process().children(recursive=True) if one.name() == "raylet"}


def test_a_cluster_of_its_own_makes_shards_in_a_bucket(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    options = {"count": 600, "model": model, "shards": 3}
    notes = Notes()
    before, raylets = signal.getsignal(signal.SIGTERM), raylets_here()
    with s3.moto() as port, s3.served(port, monkeypatch) as server:
        server.rule = s3.every_tenth
        digitsmith.generate("s3://bucket/made", ray="local", workers=1, progress=notes, **options)
        server.rule = s3.well
        made = server.contents("made")
    assert notes.texts[1].startswith("Ray: 1 node, 1 core;")
    assert signal.getsignal(signal.SIGTERM) == before
    assert made == contents(digitsmith.generate("here", progress=False, **options))
    assert raylets_here() == raylets


def test_nodes_with_another_digitsmith_are_refused(cluster: Cluster, model: Model, tmp_path: Path) -> None:
    other = tmp_path / "other" / "digitsmith-9.9.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: digitsmith\nVersion: 9.9\n")
    cluster.add(PYTHONPATH=os.pathsep.join([str(other.parent), os.environ["PYTHONPATH"]]))
    try:
        with refused(WorkerError, r"node .* has digitsmith 9\.9, and this machine .*: install the same", "ray"):
            digitsmith.generate("made", 100, model=model, ray=cluster.address, progress=False)
        assert not Path("made").exists()
    finally:
        cluster.kill()
        cluster.wait(3)


def test_what_is_no_cluster_is_refused(model: Model) -> None:
    for address, message in (
        ("here", "here is no address: give HOST:PORT"),
        (f"127.0.0.1:{free_ports(1)[0]}", r"no cluster answers at 127\.0\.0\.1:.*Connection refused.*ray start"),
        ("127.0.0.1:99999", "no cluster answers at"),
        ("nowhere.invalid:6379", "no cluster answers at nowhere"),
    ):
        with refused(WorkerError, message, "ray"):
            digitsmith.generate("made", 100, model=model, ray=address, progress=False)
        assert not Path("made").exists()
