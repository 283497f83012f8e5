"""`digitsmith studio`."""

from pathlib import Path
from typing import Annotated

import typer

from digitsmith.errors import DependencyError, install


def studio(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            help="Run folders or .onnx files whose models are offered beside the one in the box; the first is shown "
            "when the page opens.",
            metavar="RUN...",
            show_default=False,
        ),
    ] = None,
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
            help="Write the pages into a new folder instead, for any web server: they work below any path.",
            metavar="FOLDER",
        ),
    ] = None,
) -> None:
    """Make digits and play against a GAN on a page in your browser.

    \b
    digitsmith studio
    digitsmith studio runs/mnist --port 8080
    digitsmith studio --export site

    Make: digits by class, seed and style, saved as pictures or data sets; the images of a seed are those of
    `digitsmith generate`. Play: draw a digit, and see how it is read; tell real digits from made ones. The models run
    in the browser, and nothing is fetched from elsewhere. Ctrl-C ends it.

    Needs the extra studio; --export does not.
    """
    from digitsmith.studio.catalogue import studio as gather

    gathered = gather(models or ())
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

    def tell(address: str) -> None:
        typer.echo(f"The studio: {address}\nCtrl-C ends it.")

    serve(gathered, host=host, port=port, open_browser=not no_browser, told=tell)
