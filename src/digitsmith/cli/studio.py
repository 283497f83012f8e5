"""`digitsmith studio`."""

from pathlib import Path
from typing import Annotated

import typer

from digitsmith.errors import DependencyError, install


def studio(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            help="Run folders, which the pages Learn and Judge show, too, or .onnx files: their models are offered "
            "beside the one in the box, the first of them when the page opens.",
            metavar="RUN...",
            show_default=False,
        ),
    ] = None,
    runs: Annotated[
        Path,
        typer.Option(
            help="Where trainings that are started on a page put their runs; those in it are shown, too.",
            metavar="FOLDER",
        ),
    ] = Path("runs"),
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where it listens; 0 takes a free one.")] = 8000,
    host: Annotated[
        str,
        typer.Option(
            help="The address at which it listens. 0.0.0.0 lets other machines in, if they have the token that is "
            "printed.",
            metavar="ADDRESS",
        ),
    ] = "127.0.0.1",
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Do not open the page in a browser.")] = False,
    export: Annotated[
        Path | None,
        typer.Option(
            help="Write the pages Make, Play and, with the runs that are named, Learn into a new folder instead, for "
            "any web server: they work below any path.",
            metavar="FOLDER",
        ),
    ] = None,
) -> None:
    """Make digits, see a GAN learn, and play against it, on pages in your browser.

    \b
    digitsmith studio
    digitsmith studio runs/mnist --port 8080
    digitsmith studio --runs trainings
    digitsmith studio runs/gan --export site

    Make: digits by class, seed and style, saved as pictures or data sets; the images of a seed are those of
    `digitsmith generate`. Learn: how a GAN works, on a real run, and trainings that are started, watched, stopped and
    resumed on the page. Play: draw a digit, and see how it is read; tell real digits from made ones. Judge: runs are
    evaluated, reported and compared.

    Models run in the browser, trainings and evaluations in processes of their own. A page can be closed meanwhile; the
    studio's end (Ctrl-C) stops trainings with their state saved, and says how to resume them. Nothing is fetched from
    elsewhere, but MNIST, if it is trained on.

    Needs the extra studio, and train to train; --export needs neither.
    """
    from digitsmith.studio.catalogue import studio as gather

    gathered = gather(models or (), None if export is not None else runs)
    if export is not None:
        from digitsmith.studio.export import export_site

        folder = export_site(gathered, export)
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        typer.echo(f"{folder}  {size / 1e6:.0f} MB, for any web server. To look at it here:")
        typer.echo(f"  python -m http.server -d {folder}")
        return
    try:
        from digitsmith.studio.serve import serve
    except ImportError as error:
        raise DependencyError(f"the studio needs {error.name}: {install('studio')}.") from error
    from digitsmith.studio.guard import is_loopback

    if not is_loopback(host):
        typer.echo(
            "Other machines can reach this studio, if they have the token. What is sent is not encrypted: use it in "
            "networks that you trust.",
            err=True,
        )

    def tell(address: str, elsewhere: str) -> None:
        typer.echo(f"The studio: {address}")
        if elsewhere:
            typer.echo(f"On other machines: {elsewhere}  (or with this machine's IP address)")
        typer.echo("Ctrl-C ends it.")

    stopped = serve(gathered, host=host, port=port, open_browser=not no_browser, told=tell)
    for saved, what in (
        (True, "Trainings were stopped, and their state is saved. To continue:"),
        (False, "Trainings did not save their state before the end. To continue from their last checkpoints:"),
    ):
        if commands := [command for command, was in stopped.items() if was == saved]:
            typer.echo("\n  ".join([what, *commands]))
