"""What the pages of the studio are told of the models that they offer."""

from typing import Annotated, Literal

from pydantic import Field

from digitsmith.records.base import Address, Count, Record


class OfferedModel(Record):
    """A model file that the pages can load. What it makes or reads, they read from the file itself."""

    name: Address = Field(description="What the user calls it.")
    key: Annotated[str, Field(pattern="^[0-9a-f]{16}$")] = Field(
        description="The beginning of its SHA-256; its address is models/KEY.onnx."
    )
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
