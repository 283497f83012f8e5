"""What the studio is made of: static files, model files, and the catalogue that names these."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from digitsmith.models.generator import Model, load
from digitsmith.models.reader import Reader, load_detector, load_reader
from digitsmith.records.studio import Catalogue, OfferedModel

STATIC = Path(__file__).parent / "static"
"""The pages, and all that they load but models."""

_KEY = 16  # of the hexadecimal digits of a SHA-256


@dataclass(frozen=True, eq=False)
class Studio:
    """What is served, or exported.

    Attributes:
        catalogue: names the models.
        contents: of their files, by their keys.
    """

    catalogue: Catalogue
    contents: Mapping[str, bytes]


def studio(models: Sequence[str | Path] = ()) -> Studio:
    """Gather what the studio offers: these models, each checked as `load` does, and those of the box.

    Args:
        models: run folders, model files or names of shipped models; the first is shown when the page opens.

    Raises:
        ModelError: what is none.
        RunError: a run folder with links that lead out of it.
    """
    box, reader, detector = load(), load_reader(), load_detector()
    given = [load(model) for model in models]
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
    )


def _offered(model: Model | Reader) -> OfferedModel:
    return OfferedModel(name=model.name, key=model.sha256[:_KEY], sha256=model.sha256, bytes=len(model.content))
