"""Shards as tasks of a Ray cluster. A task that is lost with its process or node is given to another by Ray.

The model and all else that is asked for goes into the cluster's object store once; each worker process opens it once.
The driver holds the plan, and what came of each shard.
"""

import contextlib
import hashlib
import itertools
import os
import pickle
import re
import signal
import socket
import threading
import time
from collections.abc import Generator, Iterable, Iterator
from types import ModuleType
from typing import Any

from digitsmith.errors import DependencyError, DigitsmithError, OutputError, WorkerError, install, reason
from digitsmith.models.running import cores
from digitsmith.progress import Progress
from digitsmith.shards.partition import Shard
from digitsmith.shards.work import Job, Made

_RETRIES = 10  # of a task whose process or node died
_LEAST = 16  # tasks that wait for a core, so that a cluster which can grow does
_PATIENCE = 60.0  # seconds without a finished shard, after which one may ask why
_STORE = 100 * 2**20  # bytes of the object store of a cluster of our own, beside what is put there
_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",  # else a cluster of our own would tell its makers that it is used
    "RAY_agent_register_timeout_ms": "120000",  # it starts on a busy machine, too
    "RAY_NUM_REDIS_GET_RETRIES": "2",  # of connecting to what answers, but is no cluster: each takes 40 seconds
}
_COMPARED = ("digitsmith", "onnxruntime", "numpy")

_opened: dict[str, Job] = {}  # in a worker process: the job that it is at, by its hash


def on_cluster(
    job: Job, shards: Iterable[Shard], address: str, workers: int | None, progress: Progress
) -> Generator[Made | DigitsmithError]:
    """Have shards made by tasks of a cluster; they come as they are finished.

    Args:
        job: whose shards.
        shards: those that are wanted.
        address: of the cluster; `auto` finds the one that this machine belongs to, `local` starts one here and ends it.
        workers: how many tasks there are at a time; by default, as many as the cluster has cores.
        progress: is told what the cluster is.

    Raises:
        DependencyError: Ray is not installed.
        WorkerError: no such cluster, one with other versions, or a shard that was lost again and again.
    """
    ray = _ray()
    content = pickle.dumps(job)
    start = time.monotonic()
    with _connected(ray, address, workers, len(content)):
        _compare_versions(ray, progress)
        nodes = [node for node in ray.nodes() if node["Alive"]]
        of = f"{len(nodes):,} node{'s' * (len(nodes) != 1)}, {_cores(ray):,} core{'s' * (_cores(ray) != 1)}"
        progress.note(f"Ray: {of}; started, or found, in {time.monotonic() - start:.1f} s.")
        stored, key = ray.put(content), hashlib.sha256(content).hexdigest()
        task = ray.remote(num_cpus=1, max_retries=_RETRIES)(_make)
        todo, running, last = iter(shards), dict[Any, Shard](), time.monotonic()
        while True:
            most = workers if workers and address != "local" else max(2 * _cores(ray), _LEAST)
            for shard in itertools.islice(todo, max(0, most - len(running))):  # fewer than run, where a node died
                running[task.remote([stored], key, shard)] = shard
            if not running:
                return
            ready, _ = ray.wait([*running], num_returns=1, timeout=_PATIENCE)
            if ready:
                ready, _ = ray.wait([*running], num_returns=len(running), timeout=0)
                last = time.monotonic()
            elif time.monotonic() - last > _PATIENCE and not _cores(ray):
                progress.note("The cluster has no cores: waiting until it has some.")
            for done in ready:
                yield _taken(ray, done, running.pop(done))


def _make(stored: list[Any], key: str, shard: Shard) -> Made | DigitsmithError:
    """In a worker process: make a shard of the job that is in the object store."""
    if key not in _opened:
        import ray

        _opened.clear()
        try:
            _opened[key] = pickle.loads(ray.get(stored[0]))
        except ImportError as error:
            return WorkerError(f"{socket.gethostname()} lacks {error.name}: install there what is installed here.")
    made = _opened[key].do(shard, 1)
    if isinstance(made, DependencyError | OutputError):
        made.message = f"on {socket.gethostname()}: {made.message}"
    return made


def _taken(ray: ModuleType, done: Any, shard: Shard) -> Made | DigitsmithError:
    """What came of a task."""
    try:
        made: Made | DigitsmithError = ray.get(done)
        return made
    except ray.exceptions.RayTaskError:
        raise  # a fault of ours, with its traceback
    except ray.exceptions.RayError as error:
        return WorkerError(
            f"{shard.name} was lost {_RETRIES + 1} times with the process or node that made it ({reason(error)}): give "
            f"them more memory."
        )


def _ray() -> ModuleType:
    """Ray itself."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    try:
        import ray
        import ray.exceptions
    except ImportError as error:
        raise DependencyError(f"it needs Ray: {install('ray')}.", parameter="ray") from error
    found: ModuleType = ray
    return found


@contextlib.contextmanager
def _connected(ray: ModuleType, address: str, workers: int | None, size: int) -> Iterator[None]:
    """Connect to a cluster, unless this process is connected to one."""
    if ray.is_initialized():
        yield
        return
    own: dict[str, Any] = {}
    if address == "local":
        own = {"num_cpus": workers or cores(), "object_store_memory": _STORE + 2 * size, "include_dashboard": False}
    elif address != "auto":
        _require_answer(address)
    before = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address=address, log_to_driver=False, logging_level="ERROR", **own)
    except Exception as error:  # Ray raises many kinds of errors, with no common root
        with contextlib.suppress(Exception):
            ray.shutdown()
        raise WorkerError(_refusal(address, error), parameter="ray") from error
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)  # Ray takes it away
    try:
        yield
    finally:
        ray.shutdown()


def _require_answer(address: str) -> None:
    """Refuse an address at which nothing answers, for which Ray would wait minutes."""
    found = re.fullmatch(r"(?:ray://)?\[?([^/\[\]]+)\]?:([0-9]{1,5})", address)
    if found is None:
        raise WorkerError(
            f"{address:.100} is no address: give HOST:PORT (as `ray start` says it), ray://HOST:PORT, auto or local.",
            parameter="ray",
        )
    try:
        socket.create_connection((found[1], int(found[2])), timeout=10).close()
    except (OSError, OverflowError, UnicodeError) as error:
        raise WorkerError(
            f"no cluster answers at {address:.100} ({reason(error)}): start one with `ray start`, or give the "
            f"address of one that runs.",
            parameter="ray",
        ) from error


def _refusal(address: str, error: Exception) -> str:
    """Why a cluster cannot be used."""
    said = " ".join(str(error.__cause__ or error).split())
    if "AuthenticationError" in said or "InvalidAuthToken" in said:
        return (
            f"the cluster {address:.100} asks for a token: set RAY_AUTH_MODE=token, and have its token in "
            f"~/.ray/auth_token or RAY_AUTH_TOKEN."
        )
    said = " ".join(str(error).split())[:300]
    if "Version mismatch" in said:
        return f"the cluster has other versions than this process ({said}): install the same."
    if isinstance(error, ConnectionError) and address == "auto":
        return "no cluster runs on this machine: start one with `ray start`, or use local."
    return f"the cluster {address:.100} cannot be used ({said or type(error).__name__}): see whether it runs."


def _cores(ray: ModuleType) -> int:
    return int(ray.cluster_resources().get("CPU", 0))


def _compare_versions(ray: ModuleType, progress: Progress) -> None:
    """Refuse nodes on which Digitsmith is not the same; say where other libraries are not."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    def versions(names: tuple[str, ...]) -> dict[str, str]:  # it travels as it is, and runs where nothing of ours is
        from importlib.metadata import PackageNotFoundError, version

        found = {}
        for name in names:
            try:
                found[name] = version(name)
            except PackageNotFoundError:
                found[name] = "none"
        return found

    here = versions(_COMPARED)
    probe = ray.remote(num_cpus=0, max_retries=0)(versions)
    nodes = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]
    asked = [
        probe.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)).remote(_COMPARED)
        for node in nodes
    ]
    for node, answer in zip((node["NodeManagerAddress"] for node in nodes), asked, strict=True):
        try:
            there = ray.get(answer)
        except ray.exceptions.RayError:  # it died meanwhile
            continue
        for name in _COMPARED:
            if there[name] == here[name]:
                continue
            said = f"node {node} has {name} {there[name]}, and this machine {here[name]}"
            if name == "digitsmith":
                raise WorkerError(f"{said}: install the same.", parameter="ray")
            progress.note(f"{said}: images may differ by a grey level from those made here.")
