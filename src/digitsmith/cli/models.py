"""`digitsmith models`."""

import typer

import digitsmith

_SHOWN = ("frechet_ratio", "agreement", "recall", "tstr")


def models() -> None:
    """List the models that come with the package.

    \b
    digitsmith models
    digitsmith generate made --count 1000 --model mnist
    """
    from digitsmith.models.generator import shipped, shipped_record

    for name in shipped():
        record, measured = digitsmith.load(name).record, shipped_record(name)
        height, width = record.image_size
        typer.echo(
            f"{name}  {height}x{width}, classes {' '.join(record.classes) or 'none'}, "
            f"trained on {record.training.data.title if record.training else '?'}, {measured.bytes / 1e6:.1f} MB"
        )
        for measure in map(measured.measure, _SHOWN):
            value, real = measure.values[0], measure.real
            shown = f"{value:.1%} (real: {real:.1%})" if measure.unit == "%" else f"{value:.2f} (real: {real:g})"
            typer.echo(f"  {measure.title}: {shown}")
    typer.echo("\nAll measures, and how they were taken: docs/model-card.md in the source.")
