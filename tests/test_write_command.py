"""`digitsmith write` as users meet it."""

from pathlib import Path

import pytest

import digitsmith
from digitsmith.cli import paper
from digitsmith.cli import write as command
from digitsmith.config import style
from digitsmith.config.style import WEAR, Style, Wear
from digitsmith.numbers import kinds
from digitsmith.numbers import write as library
from digitsmith.numbers.annotations import ANNOTATIONS
from test_cli import Runner, parameters, run
from test_write import fake_pen, record_of
from tiny_models import a_model

__all__ = ["fake_pen", "run"]


def test_the_options_are_the_parameters_of_the_function_and_the_keys_of_a_style() -> None:
    there, here = parameters(digitsmith.write), parameters(command.write)
    there.pop("style")
    styles = {name: field.default for name, field in Style.model_fields.items()}
    parts = dict.fromkeys(Wear.model_fields)
    spelled = {"annotations": "labels", "ink": "black"}
    assert here == there | styles | parts | spelled


def test_the_choices_are_those_of_the_library() -> None:
    assert (command.Kind, command.Locale) == (kinds.Kind, kinds.Locale)
    assert command.ImageFormat == library.ImageFormat
    assert (paper.Layout, paper.Wear) == (style.Layout, style.Preset)
    assert tuple(command.MADE) == ANNOTATIONS


def test_help_is_told_in_groups_and_fits_a_terminal(run: Runner) -> None:
    told = run("write", "--help").stdout.splitlines()
    assert max(map(len, told)) <= 80
    titles = [line for line in told if line.endswith(":") and not line.startswith(" ")]
    assert titles == [
        "Arguments:", "What is written (one of these):", "Options:", "Files:", "Shards:", "Hands:", "Paper:", "Wear:"
    ]  # fmt: skip
    options = "\n".join(told)
    assert all(name in options for name in (*ANNOTATIONS, *style.INKS))
    for name, (option, _) in paper._OPTIONS.items():
        assert f"--{name.replace('_', '-')} " in options, option
        for limits in limits_of(name):
            assert option.__metadata__[0].help.endswith(f" {limits}."), name


def limits_of(name: str) -> list[str]:
    """The least and the most of an option of a style, as its help says them; none of what is no number."""
    field = (Style.model_fields | Wear.model_fields)[name]
    marks = {key: getattr(mark, key) for mark in field.metadata for key in ("ge", "le", "lt") if hasattr(mark, key)}
    return [f"{marks['ge']:,} to {marks.get('le', marks.get('lt')):,}"] if "ge" in marks else []


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], Style()),
        (["--layout", "comb", "--ink", "blue, black", "--slant", "0.2"],
         Style(layout="comb", ink=("blue", "black"), slant=0.2)),
        (["--wear", "off"], Style(wear="off")),
        (["--noise", "3", "--jpeg", "40"], Style(wear=WEAR["light"].model_copy(update={"noise": 3.0, "jpeg": 40}))),
        (["--wear", "off", "--blur", "1"], Style(wear=Wear(blur=1.0))),
    ],
)  # fmt: skip
def test_options_make_a_style(run: Runner, fake_pen: None, arguments: list[str], expected: Style) -> None:
    done = run("write", "made", "--text", "12", *arguments)
    assert done.code == 0, done.stderr
    assert record_of(Path("made")).style == expected


def test_all_that_is_made_is_named(run: Runner, fake_pen: None) -> None:
    done = run(
        "write", "made", "--pattern", "##-#", "--count", "30", "--seed", "4", "--annotations", ",".join(ANNOTATIONS)
    )
    assert done.code == 0, done.stderr
    first, preview, *named, empty, following = done.stdout.splitlines()
    assert first == "30 images of numbers in made"
    assert preview == "  made/preview.png  the first of them, with the boxes of their characters"
    assert len(named) == len(ANNOTATIONS)
    assert all(Path(line.split()[0]).exists() for line in named)
    assert not empty
    assert following.endswith("with another folder and --seed 5.")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "say what to write: a text"),
        (["--text", "1", "--pattern", "#"], "--pattern: it cannot be given together with text"),
        (["--pattern", "##"], "say how many numbers: a pattern has no end. The option: --count N"),
        (["--pattern", "#{2", "--count", "3"], "--pattern: at character 2"),
        (["--text", "1", "--locale", "de-DE"], "--locale: it is for kinds of numbers"),
        (["--text", "12£"], "--text: '12£' has '£' (character 3): it is unknown"),
        (["--text", "b1a"], "--text: 'b1a' has 'b' (character 1): it is unknown"),
        (["--text", "1", "--shard", "1/2000000000"], "--shard: part 1 of 2000000000 is empty: there are 1 images in"),
        (["--text", "1" * 30], "'111111111111111111111111111111' is too long for the width. The option: --width"),
        (["--text", "1", "--count", "0"], "--count: 0 is too few: ask for at least one image"),
        (["--text", "1", "--shard", "2"], "--shard: 2: write it as I/N"),
        (["--text", "1", "--annotations", "coco,voc"], "--annotations: there are no annotations 'voc'"),
        (["--text", "1", "--height", "4"], "--height: "),
        (["--text", "1", "--ink", "gold"], "--ink: "),
        (["--text", "1", "--noise", "999"], "--noise: "),
        (["--text", "1", "--jpeg", "1.5"], "--jpeg: "),
        (["--text", "1", "--model", "none"], "--model: there is no model 'none': give a run folder, an .onnx file, or "
         "the name of a model that comes with Digitsmith: mnist."),
        (["--from-file", "none.txt"], "none.txt cannot be read (No such file or directory)"),
        (["--from-file", "."], ". cannot be read ("),
    ],
)  # fmt: skip
def test_bad_input_gets_one_message_and_exit_code_2(
    run: Runner, fake_pen: None, arguments: list[str], message: str
) -> None:
    done = run("write", "made", *arguments)
    assert (done.code, done.stdout) == (2, "")
    assert done.stderr.startswith(f"digitsmith: {message}")
    assert not list(Path().iterdir())


def test_paper_and_models_that_will_not_do(run: Runner) -> None:
    Path("empty").mkdir()
    Path("gan.onnx").write_bytes(a_model(classes=()).content)
    for arguments, message in (
        (["--paper", "empty"], "--paper: "),
        (["--paper", "nowhere"], "--paper: there is no folder 'nowhere'"),
        (["--model", "gan.onnx"], "--model: gan.onnx is unconditional"),
    ):
        done = run("write", "made", "--text", "12", *arguments)
        assert done.code == 2
        assert done.stderr.startswith(f"digitsmith: {message}"), done.stderr
    assert sorted(entry.name for entry in Path().iterdir()) == ["empty", "gan.onnx"]
