"""`digitsmith data`."""

import typer


def data() -> None:
    """List the named data sets.

    \b
    digitsmith data
    digitsmith train cgan --data digits
    digitsmith evaluate runs/cgan --reference mnist:test

    Data sets are downloaded at first use, and checked. A path of your own works wherever a name does: a folder of IDX
    files, of PNG class folders or of tar shards, or an .npz or .parquet file.
    """
    from digitsmith.data.cache import data_home
    from digitsmith.data.catalogue import TITLES
    from digitsmith.errors import DataError

    for name, title in TITLES.items():
        typer.echo(f"{name:14} {title}")
    try:
        typer.echo(f"\nDownloads are kept in {data_home()} (environment variable DIGITSMITH_DATA_HOME).")
    except DataError as error:
        typer.echo(f"\n{error}")
    typer.echo("A path works wherever a name does.")
