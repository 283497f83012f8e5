"""What can be trained on the page Learn: the presets, and the keys that it offers, each with what to expect of it."""

from digitsmith.config.keys import find_key
from digitsmith.config.loading import load_config
from digitsmith.records.studio import Knob, OfferedPreset

_PRESETS = {
    "gan": "The first GAN: noise in, any digit out.",
    "cgan": "Conditional: both networks are told the class, so a digit can be asked for.",
    "residual": "The best digits: convolutions, styles, an averaged generator. The slowest.",
}

_KNOBS = {
    "optimizer.epochs": (
        "Epochs",
        "More passes over the images give cleaner strokes, with less gained by each further one.",
    ),
    "optimizer.batch_size": (
        "Batch size",
        "Larger batches make smoother curves and fewer steps an epoch; smaller ones learn more from each pass.",
    ),
    "networks.generator.dropout": (
        "Dropout of the generator",
        "Units that are missing by chance: strokes become softer, and digits are learned more slowly.",
    ),
    "networks.discriminator.dropout": (
        "Dropout of the discriminator",
        "More weakens the discriminator: D(x) and D(G(z)) come closer to 0.5, and the generator keeps up.",
    ),
    "optimizer.generator.lr": (
        "Learning rate of the generator",
        "Higher learns faster, until the losses swing and digits fall apart.",
    ),
    "optimizer.discriminator.lr": (
        "Learning rate of the discriminator",
        "Much higher, and the discriminator wins: D(G(z)) falls to 0, and the generator's loss climbs.",
    ),
    "optimizer.discriminator.name": (
        "Optimizer of the discriminator",
        "sgd takes far smaller steps at such rates: D(x) and D(G(z)) stay close together, and fakes stay rough.",
    ),
    "networks.z_dim": (
        "Width of the noise",
        "A few numbers leave little to vary, so that digits resemble each other; beyond a hundred, little changes.",
    ),
    "networks.z_distribution": (
        "Distribution of the noise",
        "Normal noise is densest near 0, uniform noise nowhere: the digits are about as good with either.",
    ),
    "run.evaluate_every": (
        "Measure the distance every … epochs",
        "1 draws the curve of the distance to real images, for some seconds more an epoch; 0 measures nothing.",
    ),
    "run.seed": (
        "Seed",
        "Another seed is another training with the same settings: what differs between the two is chance.",
    ),
}  # fmt: skip
"""Title of each, and what to expect. Values and limits are the config's own."""


def offered_presets() -> tuple[OfferedPreset, ...]:
    """The presets, each with those of the keys that it has."""
    found = []
    for name, about in _PRESETS.items():
        config = load_config(name)
        keys = ((find_key(config, key), *texts) for key, texts in _KNOBS.items())
        knobs = tuple(
            Knob(
                key=key.name,
                title=title,
                value=key.value,
                whole=key.whole,
                least=key.least,
                above=key.above,
                most=key.most,
                choices=key.choices,
                meaning=key.meaning,
                expect=expect,
            )
            for key, title, expect in keys
            if key is not None
        )
        found.append(OfferedPreset(name=name, about=about, knobs=knobs))
    return tuple(found)
