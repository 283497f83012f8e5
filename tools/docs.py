"""The documentation site in build/site: `python tools/docs.py`, or `make docs`.

Writes the tables that come from the code into build/parts, builds the site strictly, and checks it: every link and
picture inside it is there, and nothing is loaded from the network.
"""

import itertools
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from urllib.parse import unquote, urldefrag, urlsplit

import typer
from typer.testing import CliRunner

from digitsmith.cli.app import app
from digitsmith.config.loading import describe_keys, flatten, load_config, presets
from digitsmith.config.style import WEAR, Style, Wear
from digitsmith.data.downloads.catalogue import TITLES
from digitsmith.records import (
    base,
    cells,
    classifiers,
    dataset,
    evaluation,
    learning,
    model,
    reader,
    run,
    scarce,
    studio,
    study,
    written_numbers,
)

ROOT = Path(__file__).parent.parent
PARTS, SITE = ROOT / "build/parts", ROOT / "build/site"


def main() -> None:
    """Write, build, check."""
    PARTS.mkdir(parents=True, exist_ok=True)
    parts = {"keys": keys(), "data-sets": data_sets(), "commands": commands(), "records": records(),
             "style": style()}  # fmt: skip
    for name, lines in parts.items():
        (PARTS / f"{name}.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    command = [str(Path(sys.executable).parent / "zensical"), "build", "--strict", "--clean"]
    if subprocess.run(command, cwd=ROOT).returncode:
        sys.exit(1)
    if problems := list(check(SITE)):
        sys.exit("\n".join(problems))
    print(f"Read it: {SITE.relative_to(ROOT)}/index.html, or, with search: python -m http.server -d build/site")


def keys() -> Iterator[str]:
    """Every key of a training's config, by section, with its values in the presets."""
    values = {preset: flatten(load_config(preset)) for preset in presets()}
    for section, of_section in itertools.groupby(describe_keys().items(), lambda item: item[0].partition(".")[0]):
        yield from ("", f"### [{section}]", "", row("key", *values, "meaning"), row(*["---"] * (len(values) + 2)))
        for key, sentence in of_section:
            shown = (code(value[key]) if key in value else "" for value in values.values())
            yield row(code(key.removeprefix(f"{section}.")), *shown, sentence)


def data_sets() -> Iterator[str]:
    """The named data sets."""
    yield from (row("name", "what it is"), row("---", "---"))
    yield from (row(code(name), title) for name, title in TITLES.items())


def style() -> Iterator[str]:
    """What numbers on paper look like: every option, and the values of wear."""
    yield from (row("option", "default", "meaning"), row("---", "---", "---"))
    for name, field in Style.model_fields.items():
        default = ",".join(field.default) if isinstance(field.default, tuple) else field.default
        yield row(option(name), code(default) if default != "" else "", field.description or "")
    yield from ("", row("option", *WEAR, "meaning"), row(*["---"] * (len(WEAR) + 2)))
    for name, field in Wear.model_fields.items():
        yield row(option(name), *(code(getattr(wear, name)) for wear in WEAR.values()), field.description or "")


def option(name: str) -> str:
    """As the command line has it."""
    return code(f"--{name.replace('_', '-')}")


def commands() -> Iterator[str]:
    """The help of every command."""
    groups: list[tuple[list[str], Any]] = [([], typer.main.get_command(app))]
    for words, command in groups:
        children = getattr(command, "commands", {})
        groups += [([*words, name], child) for name, child in children.items()]
        if not children:
            shown = CliRunner().invoke(app, [*words, "--help"], prog_name="digitsmith", terminal_width=100).stdout
            yield from ("", f"## digitsmith {' '.join(words)}", "", "```text", shown.strip(), "```")


def records() -> Iterator[str]:
    """Every record, with its fields."""
    for module in (
        evaluation, study, scarce, classifiers, written_numbers, cells, model, reader, learning, run, dataset, studio,
        base,
    ):  # fmt: skip
        for kind in vars(module).values():
            if not (isinstance(kind, type) and issubclass(kind, base.Record) and kind.__module__ == module.__name__):
                continue
            yield from ("", f"## {kind.__name__} {{ #{kind.__module__}.{kind.__name__} }}", "", kind.__doc__ or "", "")
            if kind.model_fields:
                yield from (row("field", "type", "meaning"), row("---", "---", "---"))
            for name, field in kind.model_fields.items():
                yield row(code(name), code(spelled(field.annotation)), field.description or "")


def spelled(annotation: Any) -> str:
    """A type without its limits, as people write it."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return spelled(arguments[0])
    if origin is Literal:
        return " | ".join(map(repr, arguments))
    if origin in (Union, UnionType):
        return " | ".join(map(spelled, arguments))
    if origin:
        return f"{origin.__name__}[{', '.join('...' if one is ... else spelled(one) for one in arguments)}]"
    return "None" if annotation is type(None) else getattr(annotation, "__name__", str(annotation))


def code(value: object) -> str:
    """As code, in a table."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"`{text}`"


def row(*cells: str) -> str:
    """A row of a table. A bar within code does not end a cell."""
    return "| " + " | ".join(" ".join(cell.split()) for cell in cells) + " |"


class Page(HTMLParser):
    """What an HTML page links to, what it loads, and the anchors that it has."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take down an element."""
        found = {name: value for name, value in attrs if value is not None}
        self.anchors |= {found[name] for name in ("id", "name") if name in found}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        elif tag == "link" and "href" in found:
            self.loaded.append(found["href"])
        elif "src" in found:
            self.loaded.append(found["src"])


def check(site: Path) -> Iterator[str]:
    """What is wrong with a built site: one line each."""
    pages = {path.resolve(): Page(path) for path in site.rglob("*.html") if path.name != "404.html"}
    for path, page in pages.items():
        where = path.relative_to(site.resolve())
        yield from (f"{where} loads {url} from the network" for url in page.loaded if urlsplit(url).netloc)
        for url in (*page.links, *page.loaded):
            address, anchor = urldefrag(url)
            if urlsplit(url).scheme or urlsplit(url).netloc:
                continue
            target = (path.parent / unquote(address)).resolve() if address else path
            if not target.exists():
                yield f"{where} links to {url}, which is not there"
            elif anchor and target in pages and unquote(anchor) not in pages[target].anchors:
                yield f"{where} links to {url}, which has no such anchor"


if __name__ == "__main__":
    main()
