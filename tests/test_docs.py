"""The documentation: its commands are ones that there are, with options that there are."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from digitsmith.cli.app import app

ROOT = Path(__file__).parent.parent
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


def commands(page: Path) -> Iterator[list[str]]:
    """The words of each `digitsmith …` in a page's blocks of shell, without comments and variables before it."""
    for block in re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        for line in block.splitlines():
            words = [word for word in shlex.split(line, comments=True) if not re.match(r"[A-Z_]+=", word)]
            if words[:1] == ["digitsmith"]:
                yield words[1:]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_are_as_the_command_line_takes_them(page: Path) -> None:
    for words in commands(page):
        command = typer.main.get_command(app)
        while subcommands := getattr(command, "commands", None):
            assert words[0] in subcommands, f"there is no command {words[0]}"
            command, words = subcommands[words[0]], words[1:]
        command.make_context("digitsmith", list(words))  # it raises what a user would see


def test_every_page_is_in_the_navigation() -> None:
    listed = set(re.findall(r'"([^"]+\.md)"', (ROOT / "zensical.toml").read_text(encoding="utf-8")))
    assert listed == {page.relative_to(ROOT / "docs").as_posix() for page in (ROOT / "docs").rglob("*.md")}
