"""The commands together, and the one place that ends the command line.

A new command is a file beside this one and a line below. What is slow to import is imported inside a command.
"""

import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

import digitsmith
from digitsmith import interrupts
from digitsmith.cli import data, evaluate, export, generate, learn, models, read, report, studio, study, train, write
from digitsmith.cli.output import standard_streams
from digitsmith.errors import DigitsmithError


class Command(TyperCommand):
    """A command that names its own options in errors, and that a signal ends with a line."""

    def invoke(self, ctx: Any) -> Any:
        """Run it."""
        try:
            return super().invoke(ctx)
        except DigitsmithError as error:
            error.parameter, unused = self._named(error.parameter, ctx)
            if unused:
                error.message += f" The option: {unused}."
            raise
        except KeyboardInterrupt:
            typer.echo("digitsmith: interrupted.", err=True)
            raise typer.Exit(130) from None

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """The words of the usage, without Typer's braces."""
        arguments = [param for param in self.get_params(ctx) if param.param_type_name == "argument"]
        return ["[OPTIONS]", *(_word(one) if one.required else f"[{_word(one)}]" for one in arguments)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Tell the arguments and options, without the names of Python's types."""
        sections: dict[str, list[tuple[str, str]]] = {"Arguments": []}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None:
                argument = param.param_type_name == "argument"
                title = "Arguments" if argument else getattr(param, "rich_help_panel", None) or "Options"
                first = _word(param) if argument else record[0]
                sections.setdefault(title, []).append((first, record[1].replace("x>=", "at least ")))
        for title, rows in sections.items():
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)

    def _named(self, parameter: str, ctx: Any) -> tuple[str, str]:
        """What the user writes for a parameter of a public function: where it was written, and where it might be."""
        params: list[Any] = self.params
        for mine in params:
            if mine.name == parameter:
                if mine.param_type_name == "argument":
                    return _word(mine), ""
                option = max(mine.opts, key=len)
                if ctx.get_parameter_source(parameter).name != "DEFAULT":
                    return option, ""
                return "", mine.get_help_record(ctx)[0]
        return "", ""


def _word(argument: Any) -> str:
    """What stands for an argument in help and errors."""
    return str(argument.metavar or argument.name.upper())


_HELP = """Train a GAN on handwritten digits, and generate as many labelled digits as you need.

\b
digitsmith generate made --count 60000      # with the shipped model
digitsmith write made --kind date --count 9 # numbers on paper
digitsmith evaluate mnist                   # how good is it?
digitsmith data my-digits                   # what is in your own images?
digitsmith train residual --from mnist --data my-digits
digitsmith read scans                       # which digits are these?
digitsmith studio                           # a page to make digits and play
"""

app = typer.Typer(
    help=_HELP,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={
        "color": True,  # else Click takes escape sequences out of paths, where ours are spelled out
        "help_option_names": ["-h", "--help"],
    },
)
studies = typer.Typer(help="Experiments: what digits and numbers teach.", no_args_is_help=True)

app.command(cls=Command)(train.train)
app.command(cls=Command)(generate.generate)
app.command(cls=Command)(write.write)
app.command(cls=Command)(evaluate.evaluate)
app.command(cls=Command)(learn.learn)
app.command(cls=Command)(read.read)
studies.command(cls=Command)(study.tstr)
studies.command(cls=Command)(study.scarce)
studies.command(cls=Command)(study.labels)
studies.command(cls=Command)(study.classifiers)
studies.command(cls=Command)(study.numbers)
app.add_typer(studies, name="study")
app.command(cls=Command)(report.report)
app.command(cls=Command)(studio.studio)
app.command(cls=Command)(export.export)
app.command(cls=Command)(models.models)
app.command(cls=Command)(data.data)


def _version(show: bool) -> None:
    if show:
        typer.echo(f"digitsmith {digitsmith.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line, and end the process.

    Exit codes: 0; 2 for an error that the user can correct, which is one message on stderr; 130 after Ctrl-C, SIGTERM
    or SIGHUP; 1 if nobody reads the output any more (`| head -1`).
    """
    with standard_streams():
        try:
            with interrupts.raised():
                app(arguments, prog_name="digitsmith")
        except DigitsmithError as error:
            lines = str(error).replace("\n", "\n  ")  # a line end in a name begins no line that could be taken for ours
            if not error.told:
                typer.echo(f"digitsmith: {lines}", err=True)
            sys.exit(2)
