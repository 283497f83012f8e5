"""What the studio is made of: static files, model files, and the catalogue that names these."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from digitsmith.models.generator import Model, load
from digitsmith.models.reader import Reader, load_detector, load_reader
from digitsmith.records.run import Run
from digitsmith.records.studio import Catalogue, OfferedModel
from digitsmith.studio.shelf import Shelf, is_run

STATIC = Path(__file__).parent / "static"
"""The pages, and all that they load but models."""

_KEY = 16  # of the hexadecimal digits of a SHA-256


@dataclass(frozen=True, eq=False)
class Studio:
    """What is served, or exported.

    Attributes:
        catalogue: names the models.
        contents: of their files, by their keys.
        shelf: the runs.
    """

    catalogue: Catalogue
    contents: Mapping[str, bytes]
    shelf: Shelf


def studio(models: Sequence[str | Path] = (), runs: Path | None = None) -> Studio:
    """Gather what the studio offers: these models, each checked as `load` does, and those of the box.

    Args:
        models: run folders, model files or names of shipped models; the first is shown when the page opens. A run
            whose training has not ended yet has none, and is shown as a run alone.
        runs: where new runs go, and others are looked for; None for neither.

    Raises:
        ModelError: what is none.
        RunError: a run folder with links that lead out of it.
    """
    box, reader, detector = load(), load_reader(), load_detector()
    named = [Path(model) for model in models if is_run(Path(model))]
    given = [load(model) for model in models if Path(model) not in named or Run(Path(model)).model.is_file()]
    generators = list({model.sha256: model for model in (*given, box)}.values())  # each file once
    files: list[Model | Reader] = [*generators, reader, detector]
    return Studio(
        Catalogue(
            digitsmith=version("digitsmith"),
            models=tuple(map(_offered, generators)),
            box=_offered(box),
            reader=_offered(reader),
            detector=_offered(detector),
        ),
        {one.sha256[:_KEY]: one.content for one in files},
        Shelf(named, runs),
    )


def _offered(model: Model | Reader) -> OfferedModel:
    return OfferedModel(name=model.name, key=model.sha256[:_KEY], sha256=model.sha256, bytes=len(model.content))
