"""The pictures of numbers in README.md and docs/numbers.md: `python tools/paper.py`, or `make numbers`."""

from pathlib import Path

from PIL import Image

from digitsmith.config.style import Style
from digitsmith.data.images.grid import save_png
from digitsmith.models.generator import Model, load
from digitsmith.numbers.chance import TEXT, chance
from digitsmith.numbers.compose import compose_many
from digitsmith.numbers.kinds import kind_of
from digitsmith.numbers.preview import boxed, lay_out

IMAGES = Path(__file__).parent.parent / "docs/images"
SEED, WIDTH, EACH = 4, 880, 6

PICTURES = {
    "line": [("phone", "en-US", Style())],
    "comb": [("date", "de-DE", Style(layout="comb", ink=("blue", "black")))],
    "ruled": [("account", "en-GB", Style(layout="ruled", ink=("blue",)))],
    "amount": [("amount", "fr-FR", Style(layout="amount"))],
    "off": [("postcode", "en-US", Style(wear="off"))],
    "light": [("postcode", "en-US", Style(wear="light"))],
    "heavy": [("postcode", "en-US", Style(wear="heavy"))],
}
"""Of each: kinds, countries and styles."""

SHOWN = [
    ("postcode", "en-US", Style(ink=("blue",))),
    ("date", "de-DE", Style(layout="comb")),
    ("amount", "en-US", Style(layout="amount", ink=("black", "blue"))),
    ("phone", "en-GB", Style(layout="ruled", ink=("blue",), wear="heavy")),
]
"""What README.md shows; some of it with boxes."""


def main() -> None:
    """Draw and save."""
    model = load()
    for name, wanted in PICTURES.items():
        save(f"numbers-{name}", written(model, wanted, EACH))
    save("numbers", [*written(model, SHOWN[::2], 1, with_boxes=True), *written(model, SHOWN, 3)])


def written(
    model: Model, wanted: list[tuple[str, str, Style]], count: int, *, with_boxes: bool = False
) -> list[Image.Image]:
    """So many numbers of each kind."""
    pictures = []
    for kind, locale, style in wanted:
        source = kind_of(kind, locale)
        texts = [source.draw(chance(TEXT, SEED, i)) for i in range(count)]
        for one in compose_many(texts, SEED, 0, model, style):
            image = Image.fromarray(one.image)
            pictures.append(boxed(image, one.boxes) if with_boxes else image.convert("RGB"))
    return pictures


def save(name: str, pictures: list[Image.Image]) -> None:
    """Lay out pictures, and write them among those of the documentation."""
    save_png(IMAGES / f"{name}.png", lay_out(pictures, (WIDTH, WIDTH)))


if __name__ == "__main__":
    main()
