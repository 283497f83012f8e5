"""What launchers say of this process: which of how many it is."""

from collections.abc import Mapping
from dataclasses import dataclass

from digitsmith.errors import ConfigError

_SLURM = "SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_NTASKS"


@dataclass(frozen=True)
class Rank:
    """Process `number` of `of`, counted from 0.

    Attributes:
        number: of this process.
        of: how many there are.
        said: how the environment says so.
    """

    number: int
    of: int
    said: str


def rank_of(environment: Mapping[str, str]) -> Rank | None:
    """Which of how many processes this one is, by `RANK` and `WORLD_SIZE` (torchrun, Kubernetes), or by Slurm's own.

    Slurm's count where `srun` has started the process: in a batch script itself they are there, too, but mean nothing.

    Returns:
        None for a process that is alone.

    Raises:
        ConfigError: numbers that make no sense.
    """
    number, of = "RANK", "WORLD_SIZE"
    if not {number, of} <= environment.keys():
        number, of = _SLURM[0], next((name for name in _SLURM[1:] if name in environment), "")
        in_script = "SLURM_JOB_ID" in environment and "SLURM_STEP_ID" not in environment
        if number not in environment or not of or in_script:
            return None
    said = f"{number}={environment[number]}, {of}={environment[of]}"
    try:
        rank = Rank(int(environment[number]), int(environment[of]), said)
    except ValueError:
        rank = Rank(0, 0, said)
    if not 0 <= rank.number < rank.of:
        raise ConfigError(
            f"the environment says {said:.100}, which is no process of several: correct it, or unset both."
        )
    return rank if rank.of > 1 else None
