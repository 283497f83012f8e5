"""What numbers on paper look like: every option, typed, with the sentence that explains it.

Lengths are shares of the digits' height, unless they are pixels of the image.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import Field, ModelWrapValidatorHandler, ValidationError, model_validator

from digitsmith.config.schema import Section
from digitsmith.errors import ConfigError, printable

Layout = Literal["line", "comb", "ruled", "amount"]
LAYOUTS: tuple[Layout, ...] = get_args(Layout)
Ink = Literal["black", "blue", "pencil", "red", "green"]
INKS: tuple[Ink, ...] = get_args(Ink)
Preset = Literal["off", "light", "heavy"]
PRESETS: tuple[Preset, ...] = get_args(Preset)

MOST_SIDE = 4096
"""Pixels of an image's width."""

_Share = Annotated[float, Field(ge=0, le=1)]


class _Plain(Section):
    """Options whose errors are those of Digitsmith."""

    @model_validator(mode="wrap")
    @classmethod
    def _say_plainly(cls, values: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(values)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            parameter = str(first["loc"][0]) if first["loc"] else ""
            raise ConfigError(f"{printable(first['msg'])}.", parameter=parameter) from error


class Wear(_Plain):
    """How worn the paper is, and how it was scanned. Each image has an amount of its own, from none to the one here."""

    noise: Annotated[float, Field(ge=0, le=64)] = Field(
        default=0.0, description="Noise of the scanner: its deviation, in levels of 255."
    )
    blur: Annotated[float, Field(ge=0, le=5)] = Field(
        default=0.0, description="Blur: the deviation of a Gaussian, in pixels of an image of 64."
    )
    skew: Annotated[float, Field(ge=0, le=20)] = Field(
        default=0.0, description="How far the paper is turned, either way, in degrees."
    )
    perspective: Annotated[float, Field(ge=0, le=0.3)] = Field(
        default=0.0, description="How much smaller the far side is than the near one, as from a camera held askew."
    )
    shade: Annotated[float, Field(ge=0, le=0.8)] = Field(
        default=0.0, description="Uneven light: how much of it is missing where the paper is darkest."
    )
    bleed: Annotated[float, Field(ge=0, le=0.8)] = Field(
        default=0.0, description="Writing on the back that shows through: how dark, as a share of the ink."
    )
    jpeg: Annotated[int, Field(ge=0, le=95)] = Field(
        default=0, description="Compression as JPEG: how far its quality is below 100; 0 is none."
    )
    threshold: _Share = Field(default=0.0, description="Share of the images that are black and white only.")


WEAR = {
    "off": Wear(),
    "light": Wear(noise=5.0, blur=0.6, skew=1.5, perspective=0.03, shade=0.12, bleed=0.05, jpeg=30),
    "heavy": Wear(
        noise=16.0, blur=1.3, skew=5.0, perspective=0.1, shade=0.45, bleed=0.2, jpeg=75, threshold=0.2
    ),
}  # fmt: skip
"""The presets of wear."""


class Style(_Plain):
    """What numbers on paper look like."""

    height: Annotated[int, Field(ge=16, le=512)] = Field(default=64, description="Of the images, in pixels.")
    width: Annotated[int, Field(ge=0, le=MOST_SIDE)] = Field(
        default=0, description="Of the images, in pixels; 0 is as wide as each number needs."
    )
    layout: Layout = Field(
        default="line",
        description="line: on blank paper; comb: one character in each box of a form; ruled: on the lines of a "
        "notebook; amount: in the framed field of a form.",
    )
    writers: Annotated[int, Field(ge=0, le=10**9)] = Field(
        default=0, description="How many hands wrote all the numbers; 0: each number has a hand of its own."
    )
    size: Annotated[float, Field(ge=0.2, le=0.95)] = Field(
        default=0.62, description="Height of the digits, as a share of the image's (of the box's, in a form)."
    )
    size_spread: Annotated[float, Field(ge=0, le=0.3)] = Field(
        default=0.05, description="Deviation of the digits' size within a number; between numbers it is twice as much."
    )
    slant: Annotated[float, Field(ge=-1, le=1)] = Field(
        default=0.0, description="Added to the slant of all hands: 0.2 leans to the right by 11 degrees."
    )
    spacing: Annotated[float, Field(ge=-0.2, le=2)] = Field(
        default=0.14, description="Mean gap between neighbours, as a share of the digits' height."
    )
    spacing_spread: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.06, description="Deviation of the gaps within a number; of their mean between numbers, the same."
    )
    drift: Annotated[float, Field(ge=0, le=0.3)] = Field(
        default=0.03, description="Deviation of the baseline from one character to the next."
    )
    touching: _Share = Field(default=0.06, description="Share of neighbouring digits that touch.")
    ink: Annotated[tuple[Ink, ...], Field(min_length=1, max_length=16, strict=False)] = Field(
        default=("black",), description="Inks, from which each number's is drawn: black, blue, pencil, red or green."
    )
    paper: Annotated[str, Field(max_length=4096)] = Field(
        default="", description="Folder of pictures of paper, of which each image gets a piece; empty: white paper."
    )
    wear: Preset | Wear = Field(default="light", description="off, light, heavy, or a number for each part.")
    min_confidence: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.0, description="Write only with digits that the digit-net recognises so surely; 0 takes all."
    )

    @property
    def colour(self) -> bool:
        """Whether images are in colour: ink that has one, or paper from pictures."""
        return bool(self.paper) or not {"black", "pencil"}.issuperset(self.ink)

    @property
    def worn(self) -> Wear:
        """The wear, part by part."""
        return self.wear if isinstance(self.wear, Wear) else WEAR[self.wear]


USUAL = Style()
"""What numbers look like where nothing else is asked for."""


def style_of(values: Style | Mapping[str, Any]) -> Style:
    """A style from some of its values by name, among which may be single parts of the wear; ink may be a text.

    Args:
        values: `{"layout": "comb", "ink": "blue,black", "wear": "off", "skew": 5}`.

    Raises:
        ConfigError: an unknown name, or a value out of range.
    """
    if isinstance(values, Style):
        return values
    given = dict(values)
    parts = {name: given.pop(name) for name in Wear.model_fields if name in given}
    if parts:
        wear = given.get("wear", Style().wear)
        given["wear"] = Wear(**((wear if isinstance(wear, Wear) else _preset(wear)).model_dump() | parts))
    if isinstance(given.get("ink"), str):
        given["ink"] = tuple(name.strip() for name in given["ink"].split(","))
    return Style(**given)


def _preset(name: str) -> Wear:
    if name not in WEAR:
        raise ConfigError(f"{name!r:.60} is none: use {', '.join(WEAR)}.", parameter="wear")
    return WEAR[name]
