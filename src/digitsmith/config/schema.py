"""The one configuration of a training: every hyperparameter, typed, with the sentence that explains it.

It is filled from a preset (`presets/*.toml`) or a TOML file of the user's, then changed by `--set key=value`, and saved
whole with the run. It knows no torch.
"""

import difflib
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from digitsmith.errors import ConfigError

Probability = Annotated[float, Field(ge=0, lt=1)]
Dropout = Annotated[float, Field(ge=0, le=0.99)]
Rate = Annotated[float, Field(gt=0, le=10)]
MOST_EPOCHS = 1_000_000
Width = Annotated[int, Field(ge=1, le=16384)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class NetworkConfig(_Strict):
    """One of the two networks, and the optimizer that trains it."""

    hidden: Annotated[list[Width], Field(min_length=1, max_length=16)] = Field(
        description="Widths of the hidden layers, from the input to the output; of residual networks, those of their "
        "blocks (in the discriminator, of the first convolution and of the blocks behind it)."
    )
    slope: Annotated[float, Field(ge=0, le=1)] = Field(
        description="Slope of the hidden leaky ReLUs below zero; 0 is a plain ReLU."
    )
    dropout: Dropout = Field(description="Probability that a hidden unit is dropped, in training.")
    batch_norm: bool = Field(
        description="Normalise each hidden layer over the batch, before the activation; in the discriminator "
        "all but the first."
    )
    optimizer: Literal["adam", "sgd", "rmsprop"] = Field(description="adam, sgd or rmsprop.")
    lr: Rate = Field(description="Learning rate.")
    betas: tuple[Probability, Probability] = Field(
        default=(0.9, 0.999),
        strict=False,
        description="Adam's decay rates of the first and second moment. SGD's momentum is the first of them; "
        "RMSprop's smoothing the second.",
    )


class TrainConfig(_Strict):
    """Everything that decides what a training computes."""

    architecture: Literal["fully-connected", "residual"] = Field(
        default="fully-connected",
        description="What both networks are made of: linear layers, or residual blocks of convolutions.",
    )
    conditional: bool = Field(description="Give both networks the label, so that digits can be asked for by class.")
    styles: Annotated[int, Field(ge=1, le=256)] = Field(
        default=1,
        description="Kinds of images that each class is parted into, by their looks, and that the networks are told in "
        "place of the class, so that rare ones are not left out. At most one for every 100 images of a class; 1 is the "
        "class itself. For conditional residual networks.",
    )
    z_dim: Annotated[int, Field(ge=1, le=4096)] = Field(default=100, description="Width of the noise vector.")
    z_distribution: Literal["normal", "uniform"] = Field(
        default="normal", description="Noise from N(0, 1), or uniform in [-1, 1)."
    )
    generator: NetworkConfig = Field(description="The network that makes images from noise.")
    discriminator: NetworkConfig = Field(description="The network that tells real images from made ones.")
    generator_loss: Literal["non-saturating", "saturating"] = Field(
        default="non-saturating",
        description="Minimise -log D(G(z)), which is binary cross-entropy on flipped labels, or log(1 - D(G(z))).",
    )
    relativistic: bool = Field(
        default=False,
        description="Judge how much more real a real image looks than a made one of its label, not each by itself. "
        "For residual networks.",
    )
    auxiliary: Annotated[float, Field(ge=0)] = Field(
        default=0.0,
        description="Weight of the cross-entropy by which the discriminator also learns to read the class of an image, "
        "and the generator to make it readable; 0 is none. For conditional residual networks.",
    )
    label_smoothing: Annotated[float, Field(ge=0, lt=0.5)] = Field(
        default=0.0, description="One-sided: the discriminator's target for real images is 1 minus this."
    )
    r1: Annotated[float, Field(ge=0)] = Field(
        default=0.0,
        description="Weight of the R1 penalty: how steeply the discriminator may rise at real images; 0 is none. "
        "For residual networks.",
    )
    r1_every: Annotated[int, Field(ge=1)] = Field(
        default=8, description="Steps from one R1 penalty to the next, which counts as much more (lazy)."
    )
    final_lr: Annotated[float, Field(gt=0, le=1)] = Field(
        default=1.0,
        description="Share of the learning rates that is left at the end, where half a cosine leads; 1 keeps them.",
    )
    ema: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.0,
        description="Decay per step of an averaged copy of the generator, which is then the one shown and exported; "
        "0 keeps none. It is (1 + step) / (10 + step) at most: early on, it averages the last ninth of the steps.",
    )
    epochs: Annotated[int, Field(ge=0, le=MOST_EPOCHS)] = Field(
        description="Passes over the training images; 0 is as many as make `steps`."
    )
    steps: Annotated[int, Field(ge=1, le=1_000_000_000)] = Field(
        default=5000,
        description="Steps to make, at least, where epochs is 0: few images are then passed over more often than many.",
    )
    batch_size: Annotated[int, Field(ge=2, le=65536)] = Field(
        description="Images per step. A last batch that is not full is left for the next epoch's shuffle."
    )
    seed: Annotated[int, Field(ge=0, lt=2**63)] = Field(
        default=0,
        description="Decides the first weights, the order of the images, the noise, the dropout and the styles.",
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        default="auto",
        description="Number format of the matrix products; weights and sums stay float32. "
        "auto takes bfloat16 where the chip multiplies it faster.",
    )
    evaluate_every: Annotated[int, Field(ge=0)] = Field(
        default=0,
        description="Epochs between measurements of the Fréchet distance to a tenth of the training images, which is "
        "then not trained on; the best generator is the one exported. 0 makes none.",
    )
    log_every: Annotated[int, Field(ge=1)] = Field(default=100, description="Steps that one line of metrics averages.")
    checkpoint_seconds: Annotated[float, Field(ge=0)] = Field(
        default=30.0, description="Seconds between checkpoints; 0 makes one after every step."
    )

    @model_validator(mode="after")
    def _fits_the_architecture(self) -> Self:
        if self.architecture == "residual":
            dropout = self.generator.dropout or self.discriminator.dropout
            if dropout or not self.generator.batch_norm or self.discriminator.batch_norm:
                raise ValueError(
                    "residual networks have batch_norm in the generator, none in the discriminator, and no dropout"
                )
            if self.batch_size % 16:  # half a batch, which the penalty sees, is whole groups of 8
                raise ValueError(f"batch_size = {self.batch_size}: residual networks take multiples of 16")
        elif self.r1 or self.relativistic or self.styles > 1 or self.auxiliary:
            raise ValueError(
                "r1, relativistic, styles and auxiliary are for residual networks: architecture = 'residual'"
            )
        if not self.conditional and (self.styles > 1 or self.auxiliary):
            raise ValueError("without labels (conditional = false), set styles = 1 and auxiliary = 0 too")
        if self.styles > 1 and self.z_dim == 1:
            raise ValueError("styles take one number of the noise for themselves: z_dim must be 2 or more")
        return self

    def may_change(self) -> frozenset[str]:
        """Keys that a resumed run may change: they do not touch the steps that were already made."""
        return frozenset({"checkpoint_seconds"} | ({"epochs"} if self.final_lr == 1 else set()))


def presets() -> list[str]:
    """The names of the presets that come with the package."""
    folder = resources.files("digitsmith.config") / "presets"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def load_config(preset: str | Path, changes: Sequence[str] | Mapping[str, Any] = ()) -> TrainConfig:
    """Read a preset by name or a TOML file by path, and apply changes.

    Args:
        preset: a name from `presets()`, or the path of a TOML file that has the same keys.
        changes: `"key=value"` strings, their values written as in TOML (a bare word is a string), or a mapping.
            Keys of a network are dotted: `"generator.lr=1e-4"`.

    Raises:
        ConfigError: unknown preset or key (the nearest valid name is suggested), wrong type, value out of range.

    >>> load_config("gan", ["epochs=3", "discriminator.optimizer=sgd"]).discriminator.optimizer
    'sgd'
    """
    values = _read(preset)
    pairs = list(changes.items()) if isinstance(changes, Mapping) else [_parse(change) for change in changes]
    for key, value in pairs:
        _assign(values, key, value)
    if values.get("epochs") and "steps" in dict(pairs):
        raise ConfigError(f"steps counts only where epochs is 0, and it is {values['epochs']}: --set epochs=0 as well.")
    try:
        return TrainConfig.model_validate(values)
    except ValidationError as error:
        raise ConfigError(f"{preset}: {'; '.join(_explain(error))}.") from error


def flatten(config: TrainConfig) -> dict[str, Any]:
    """All keys of a config, dotted, with their values."""
    flat: dict[str, Any] = {}
    for key, value in config.model_dump(mode="json").items():
        if isinstance(value, dict):
            flat |= {f"{key}.{inner}": inner_value for inner, inner_value in value.items()}
        else:
            flat[key] = value
    return flat


def describe_keys() -> Iterator[tuple[str, str]]:
    """Every key that `--set` takes, with its sentence."""
    for name, field in TrainConfig.model_fields.items():
        if field.annotation is NetworkConfig:
            for inner, inner_field in NetworkConfig.model_fields.items():
                yield f"{name}.{inner}", inner_field.description or ""
        else:
            yield name, field.description or ""


def _read(preset: str | Path) -> dict[str, Any]:
    name = str(preset)
    if name in presets():
        text = (resources.files("digitsmith.config") / "presets" / f"{name}.toml").read_text(encoding="utf-8")
        return tomllib.loads(text)
    path = Path(preset)
    if path.suffix != ".toml":
        hint = _nearest(name, presets())
        raise ConfigError(
            f"there is no preset {name!r}{hint}; presets: {', '.join(presets())}; or give the path of a .toml file."
        )
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{path} is no valid TOML: {error}.") from error
    values.pop("run", None)  # what a run folder's config.toml records beside the config
    return values


def _parse(change: str) -> tuple[str, Any]:
    key, equals, text = change.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"--set {change}: write it as key=value, for example --set epochs=20.")
    try:
        value = tomllib.loads(f"value = {text.strip()}")["value"]
    except (tomllib.TOMLDecodeError, RecursionError):
        value = text.strip()  # a bare word: adam
    return key.strip(), value


def _assign(values: dict[str, Any], key: str, value: Any) -> None:
    known = [name for name, _ in describe_keys()]
    if key not in known:
        raise ConfigError(f"there is no key {key!r}{_nearest(key, known)}; `digitsmith train --keys` lists them all.")
    *sections, name = key.split(".")
    for section in sections:
        values = values.setdefault(section, {})
        if not isinstance(values, dict):
            raise ConfigError(f"{section!r} must be a table of keys, like [{section}] in a preset.")
    values[name] = value


def _explain(error: ValidationError) -> Iterator[str]:
    known = [name for name, _ in describe_keys()]
    for problem in error.errors():
        key = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            yield f"there is no key {key!r}{_nearest(key, known)}"
        elif problem["type"] == "missing":
            yield f"the key {key!r} is missing"
        elif problem["type"] == "value_error":
            yield problem["msg"].removeprefix("Value error, ")
        else:
            yield f"{key} = {problem['input']!r}: {problem['msg'][0].lower()}{problem['msg'][1:]}"


def _nearest(name: str, known: Sequence[str]) -> str:
    """' (did you mean …?)' for the valid names closest to `name`, or nothing."""
    close = [full for full in known if full.split(".")[-1] == name.split(".")[-1]]
    close = close or difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if not close:
        last_parts = {full.split(".")[-1]: full for full in known}
        close = [last_parts[part] for part in difflib.get_close_matches(name, list(last_parts), n=1, cutoff=0.6)]
    return f" (did you mean {' or '.join(repr(full) for full in close)}?)" if close else ""
