"""The options that say what numbers on paper look like."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from digitsmith.cli.options import Options, stand_for

if TYPE_CHECKING:
    from digitsmith.config.style import Style

Layout = Literal["line", "comb", "ruled", "amount"]
Wear = Literal["off", "light", "heavy"]
"""As in `config.style`, which is not imported: help is to come at once."""

_HANDS, _PAPER, _WEAR = "Hands", "Paper", "Wear"


def _number(panel: str, help: str, metavar: str = "X", *, least: float = 0, most: float) -> Any:
    return typer.Option(help=f"{help} {least:,} to {most:,}.", metavar=metavar, rich_help_panel=panel)


def _part(help: str, most: str) -> tuple[Any, Any]:
    """A part of the wear."""
    option = typer.Option(help=f"{help} 0 to {most}.", metavar="X", rich_help_panel=_WEAR, show_default=False)
    return Annotated[float | None, option], None


_OPTIONS: Options = {
    "writers": (
        Annotated[
            int,
            _number(
                _HANDS, "How many hands wrote all the numbers. 0: each number has a hand of its own.", "N", most=10**9
            ),
        ],
        0,
    ),
    "slant": (
        Annotated[
            float, _number(_HANDS, "Added to the slant of all hands; 0.2 leans by 11 degrees.", least=-1, most=1)
        ],
        0.0,
    ),
    "size": (
        Annotated[
            float,
            _number(
                _HANDS, "Height of the digits, as a share of the image's, or of a form's box.", least=0.2, most=0.95
            ),
        ],
        0.62,
    ),
    "size_spread": (Annotated[float, _number(_HANDS, "How much the size varies within a number.", most=0.3)], 0.05),
    "spacing": (
        Annotated[float, _number(_HANDS, "Mean gap between neighbours, in heights of a digit.", least=-0.2, most=2)],
        0.14,
    ),
    "spacing_spread": (Annotated[float, _number(_HANDS, "How much the gaps vary within a number.", most=1)], 0.06),
    "drift": (
        Annotated[float, _number(_HANDS, "How much the baseline moves from one character to the next.", most=0.3)],
        0.03,
    ),
    "touching": (Annotated[float, _number(_HANDS, "Share of neighbouring digits that touch.", "SHARE", most=1)], 0.06),
    "min_confidence": (
        Annotated[
            float,
            _number(
                _HANDS, "Write only with digits that the digit-net recognises so surely. 0 takes all.", "P", most=1
            ),
        ],
        0.0,
    ),
    "height": (Annotated[int, _number(_PAPER, "Of the images, in pixels.", "PIXELS", least=16, most=512)], 64),
    "width": (
        Annotated[
            int, _number(_PAPER, "Of the images, in pixels. 0: as wide as each number needs.", "PIXELS", most=4096)
        ],
        0,
    ),
    "layout": (
        Annotated[
            Layout,
            typer.Option(
                help="line: on blank paper; comb: a box for each character; ruled: on lines; amount: in the framed "
                "field of a form.",
                rich_help_panel=_PAPER,
            ),
        ],
        "line",
    ),
    "paper": (
        Annotated[
            str,
            typer.Option(
                help="Pictures of paper, of which each image gets a piece. Default: white paper.",
                metavar="FOLDER",
                show_default=False,
                rich_help_panel=_PAPER,
            ),
        ],
        "",
    ),
    "ink": (
        Annotated[
            str,
            typer.Option(
                help="black, blue, pencil, red or green; of several, black,blue, each number's is drawn.",
                metavar="INKS",
                rich_help_panel=_PAPER,
            ),
        ],
        "black",
    ),
    "wear": (
        Annotated[
            Wear,
            typer.Option(
                help="How worn the paper is, and how badly it was scanned. The options below change a part of it.",
                rich_help_panel=_WEAR,
            ),
        ],
        "light",
    ),
    "noise": _part("Noise of the scanner, in levels.", "64"),
    "blur": _part("Blur, in pixels of an image of 64.", "5"),
    "skew": _part("How far the paper is turned, in degrees.", "20"),
    "perspective": _part("How much smaller the far side is than the near one.", "0.3"),
    "shade": _part("How much light is missing where the paper is darkest.", "0.8"),
    "bleed": _part("How dark writing on the back shows through.", "0.8"),
    "jpeg": _part("Compression: how far JPEG's quality is below 100.", "95"),
    "threshold": _part("Share of the images that are black and white only.", "1"),
}


def _gather(given: dict[str, Any]) -> "Style":
    """The style.

    Raises:
        ConfigError: a value out of range.
    """
    from digitsmith.config.style import style_of

    if "jpeg" in given and given["jpeg"].is_integer():
        given["jpeg"] = int(given["jpeg"])
    return style_of(given)


styled = stand_for("style", _OPTIONS, _gather)
"""Gives a command the options of a `Style`, in the place of its parameter `style`."""
