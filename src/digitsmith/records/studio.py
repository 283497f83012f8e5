"""What the pages of the studio are told: of the models that they offer, and of runs."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from digitsmith.records.base import Address, Count, Record

Key = Annotated[str, Field(pattern="^[0-9a-f]{16}$")]
State = Literal["starting", "training", "stopped", "killed", "finished", "diverged", "failed", "damaged"]


class OfferedModel(Record):
    """A model file that the pages can load. What it makes or reads, they read from the file itself."""

    name: Address = Field(description="What the user calls it.")
    key: Key = Field(description="The beginning of its SHA-256; its address is models/KEY.onnx.")
    sha256: str = Field(description="Of the file.")
    bytes: Count


class Catalogue(Record):
    """`studio.json`: what there is to load."""

    format: Literal[1] = 1
    digitsmith: str = Field(description="The version.")
    models: Annotated[tuple[OfferedModel, ...], Field(min_length=1)] = Field(
        description="Generators; the first is shown when the page opens."
    )
    box: OfferedModel = Field(description="The generator that comes with the package.")
    reader: OfferedModel = Field(description="Says which digit an image shows.")
    detector: OfferedModel = Field(description="Says how likely a generator made an image.")


class JobRecord(Record):
    """A command that the studio runs, or ran, for a run."""

    work: Literal["training", "evaluation"]
    command: str = Field(description="That does the same in a terminal.")
    running: bool
    doing: str = Field(default="", description="What it is at, with the figures that it tells.")
    share: Annotated[float, Field(ge=0, le=1)] | None = Field(default=None, description="Of that, done.")
    notes: tuple[str, ...] = Field(default=(), max_length=20, description="Sentences that it told.")
    problem: str = Field(default="", description="The sentence with which it failed.")


class RunSummary(Record):
    """A run, in a list of them."""

    key: Key = Field(description="Its addresses are runs/KEY.json and runs/KEY/….")
    name: Address = Field(description="Its path, as the user would write it.")
    state: State
    problem: str = Field(default="", description="Why it cannot be read, or how its training failed.")
    about: str = Field(default="", description="Networks and data, in a few words.")
    epochs: Count = Field(default=0, description="That are planned.")
    epoch: Count = Field(default=0, description="That has begun, of which there is a line of metrics.")
    resumable: bool = Field(default=False, description="Its training can go on.")
    ours: bool = Field(default=False, description="It is trained by this studio, which can stop it.")
    measurable: bool = Field(default=False, description="It can be evaluated.")
    evaluated: bool = False
    job: JobRecord | None = None


class Runs(Record):
    """`runs.json`: the runs that there are."""

    format: Literal[1] = 1
    live: bool = Field(description="A studio answers, not an exported site: runs change, and can be started.")
    runs: tuple[RunSummary, ...] = ()


class EpochRow(Record):
    """One epoch of a run: means over its steps."""

    epoch: Count
    d_loss: float
    g_loss: float
    d_real: float = Field(description="D(x), a probability.")
    d_fake: float = Field(description="D(G(z)), a probability.")
    ratio: float | None = Field(default=None, description="Fréchet distance over that of real images; null: no value.")
    images_per_second: float
    seconds: float = Field(description="Of training, at its end.")


class RunStory(Record):
    """`runs/KEY.json`: all that the page Learn shows of a run."""

    key: Key
    name: Address
    started: datetime = Field(description="Of another run in its place, it is another time.")
    image_size: tuple[int, int]
    channels: Literal[1, 3]
    classes: tuple[str, ...] = Field(description="Of the columns of its grids; empty without classes.")
    z_dim: Count
    z_distribution: Literal["normal", "uniform"]
    seed: str = Field(description="A whole number, which may be larger than JavaScript's.")
    generator: str = Field(description="Its layers, in a few words.")
    discriminator: str
    images: Count = Field(description="That it is trained on.")
    data: Address
    command: str = Field(description="That repeats it; empty where it was trained on a data set in memory.")
    resume: str = Field(description="The command that ends its training; empty if there is nothing left to do.")
    real: bool = Field(description="There is a grid of real images: runs/KEY/real.png.")
    samples: tuple[Count, ...] = Field(description="Epochs of the grids of samples: runs/KEY/epoch-N.png.")
    epochs: tuple[EpochRow, ...]


class Knob(Record):
    """A key of the config that the page Learn offers."""

    key: str
    title: str
    value: str | int | float | None = Field(description="Of the preset; null if it follows from the images.")
    whole: bool = Field(description="It takes whole numbers alone.")
    least: float | None
    above: float | None = Field(description="It takes more than this.")
    most: float | None
    choices: tuple[str, ...] = Field(description="The words that it takes; empty for numbers.")
    meaning: str
    expect: str = Field(description="What happens when it is turned.")


class OfferedPreset(Record):
    """A preset that can be trained on the page."""

    name: str
    about: str
    knobs: tuple[Knob, ...]


class Workshop(Record):
    """`workshop.json`: what the page Learn can start."""

    trains: bool = Field(description="Torch is installed.")
    reports: bool = Field(description="What reports are drawn with is installed.")
    install: str = Field(description="The command that installs what is missing; empty if nothing is.")
    folder: Address = Field(description="Where new runs go.")
    name: str = Field(description="Of a new run, which is free.")
    presets: tuple[OfferedPreset, ...]


RunName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


def _check_text(text: str) -> str:
    if not text.isprintable():
        raise ValueError("use printable characters")
    return text


Text = Annotated[str, AfterValidator(_check_text)]
Change = Annotated[Text, Field(max_length=200)] | int | Annotated[float, Field(allow_inf_nan=False)]


class Wish(Record):
    """A training that is to be started."""

    preset: Literal["gan", "cgan", "residual"]
    data: Annotated[Text, Field(min_length=1, max_length=4096)] = Field(description="A name, or a path.")
    frame: bool = Field(default=False, description="Crop, scale and centre images as MNIST's were.")
    name: RunName = Field(description="Of the new run.")
    changes: dict[Annotated[str, Field(max_length=64)], Change] = Field(
        default_factory=dict, max_length=100, description="Keys that are not as in the preset."
    )


class Started(Record):
    """A run for which a command was started."""

    key: Key
    command: str


class Judged(Record):
    """A column of a comparison."""

    key: Key
    name: Address
    protocol: dict[str, str] = Field(description="How it was measured.")
    collapsed: bool
    outdated: bool = Field(description="The run's model has changed since.")


class JudgedMeasure(Record):
    """A row of a comparison."""

    group: str
    title: str
    better: str
    meaning: str
    real: tuple[str, ...] = Field(description="The value of real images, in each run's evaluation.")
    values: tuple[str, ...] = Field(description="Of each run; empty where it was not measured.")
    verdicts: tuple[Literal["good", "weak", "fails", ""], ...]


class Judgement(Record):
    """What evaluations found of some runs, side by side."""

    runs: tuple[Judged, ...]
    measures: tuple[JudgedMeasure, ...]
    problem: str = Field(default="", description="Why the numbers cannot be compared; empty if they can.")
