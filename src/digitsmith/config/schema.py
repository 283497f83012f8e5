"""Everything that decides what a training computes: every key, typed, with the sentence that explains it. No torch.

Four sections: what the networks are, what they minimise, how that is done, and what concerns this run only.
"""

import math
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

MOST_EPOCHS = 1_000_000
GROUP = 8
"""Images that the residual discriminator compares with one another."""

Distribution = Literal["normal", "uniform"]
Probability = Annotated[float, Field(ge=0, lt=1)]
Slope = Annotated[float, Field(ge=0, le=1)]
Widths = Annotated[list[Annotated[int, Field(ge=1, le=16384)]], Field(min_length=1, max_length=16)]


class Section(BaseModel):
    """A table of keys. What it does not know is refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


_ARCHITECTURE = "What both networks are made of: fully-connected linear layers, or residual blocks of convolutions."
_WIDTHS = (
    "Widths of the hidden layers, or channels of the residual blocks (in the discriminator, of the first convolution "
    "and of the blocks behind it), from the input to the output. Residual networks have as many blocks as the image "
    "size needs by default."
)
_SLOPE = "Slope of the leaky ReLUs below zero; 0 is a plain ReLU."


class FullyConnectedNetwork(Section):
    """A network of linear layers."""

    widths: Widths = Field(description=_WIDTHS)
    slope: Slope = Field(default=0.2, description=_SLOPE)
    dropout: Annotated[float, Field(ge=0, le=0.99)] = Field(
        default=0.0, description="Probability that a hidden unit is dropped in training, rounded to 1/256."
    )
    batch_norm: bool = Field(
        default=False,
        description="Normalise each hidden layer over the batch, before the activation; in the discriminator all but "
        "the first.",
    )


class ResidualNetwork(Section):
    """A network of residual blocks of convolutions."""

    widths: Annotated[Widths, Field(max_length=9)] | None = Field(default=None, description=_WIDTHS)
    slope: Slope = Field(default=0.2, description=_SLOPE)


class _Networks(Section):
    batch_multiple: ClassVar[int] = 1  # images of a batch come in whole multiples of it

    conditional: bool = Field(
        default=True, description="Give both networks the label, so that digits can be asked for by class."
    )
    styles: Annotated[int, Field(ge=1, le=256)] = Field(
        default=1,
        description="Clusters into which each class is split by appearance; both networks are given the cluster in "
        "place of the class, so that rare ones are not left out. At most one for every 100 images of a class; 1 is the "
        "class itself.",
    )
    z_dim: Annotated[int, Field(ge=1, le=4096)] = Field(default=100, description="Width of the noise vector.")
    z_distribution: Distribution = Field(default="normal", description="Noise from N(0, 1), or uniform in [-1, 1).")

    @model_validator(mode="after")
    def _styles_need(self) -> Self:
        if self.styles > 1 and not self.conditional:
            raise ValueError("styles are of classes: without labels (conditional = false), set styles = 1")
        if self.styles > 1 and self.z_dim == 1:
            raise ValueError("styles take one number of the noise for themselves: z_dim must be 2 or more")
        return self

    def sized(self, image_size: tuple[int, int]) -> Self:
        """The same, with what is left open decided by the height and width of the images."""
        return self


class FullyConnectedNetworks(_Networks):
    """Two networks of linear layers."""

    architecture: Literal["fully-connected"] = Field(description=_ARCHITECTURE)
    generator: FullyConnectedNetwork
    discriminator: FullyConnectedNetwork


class ResidualNetworks(_Networks):
    """Two networks of residual blocks."""

    batch_multiple: ClassVar[int] = 2 * GROUP  # half a batch, which the R1 penalty sees, is whole groups

    architecture: Literal["residual"] = Field(description=_ARCHITECTURE)
    generator: ResidualNetwork = ResidualNetwork()
    discriminator: ResidualNetwork = ResidualNetwork()

    def sized(self, image_size: tuple[int, int]) -> Self:
        """With widths: two blocks up to 32 pixels, and one more for each doubling of that."""
        depth = max(2, math.ceil(math.log2(max(image_size) / 8)))
        generator, discriminator = [112] * (depth - 1) + [64], [64] * (depth - 1) + [128, 128]
        return self.model_copy(update={
            "generator": ResidualNetwork(widths=self.generator.widths or generator, slope=self.generator.slope),
            "discriminator": ResidualNetwork(
                widths=self.discriminator.widths or discriminator, slope=self.discriminator.slope
            ),
        })  # fmt: skip


Networks = FullyConnectedNetworks | ResidualNetworks
"""One class for each architecture; `training/networks/` has a module for each."""


class LossConfig(Section):
    """What the networks minimise."""

    generator: Literal["non-saturating", "saturating"] = Field(
        default="non-saturating",
        description="Minimise -log D(G(z)), which is binary cross-entropy on flipped labels, or log(1 - D(G(z))).",
    )
    fresh_fakes: bool = Field(
        default=False,
        description="Draw new noise for the generator's update (Goodfellow et al. 2014, algorithm 1), instead of "
        "judging the fakes of the discriminator's update again, which saves a pass.",
    )
    label_smoothing: Annotated[float, Field(ge=0, lt=0.5)] = Field(
        default=0.0, description="One-sided: the discriminator's target for real images is 1 minus this."
    )
    relativistic: bool = Field(
        default=False,
        description="Judge how much more real a real image looks than a fake one of its label, not each by itself.",
    )
    auxiliary: Annotated[float, Field(ge=0)] = Field(
        default=0.0,
        description="Weight of the cross-entropy by which the discriminator also learns to classify images, and the "
        "generator to make images that it classifies rightly; 0 is none.",
    )
    r1: Annotated[float, Field(ge=0)] = Field(
        default=0.0, description="Weight of the R1 penalty on the discriminator's gradient at real images; 0 is none."
    )
    r1_every: Annotated[int, Field(ge=1)] = Field(
        default=8, description="Steps from one R1 penalty to the next, which counts as much more (lazy)."
    )
    augment: Annotated[float, Field(ge=0, le=1)] | None = Field(
        default=None,
        description="Probability that an image is turned, scaled, moved and bent at random before the discriminator "
        "sees it, real or generated: few images are then not learned by heart. Unset, it follows from the number of "
        "images.",
    )


class NetworkOptimizer(Section):
    """What updates one network."""

    name: Literal["adam", "sgd", "rmsprop"] = Field(default="adam", description="adam, sgd or rmsprop.")
    lr: Annotated[float, Field(gt=0, le=10)] = Field(description="Learning rate.")
    betas: tuple[Probability, Probability] = Field(
        default=(0.9, 0.999),
        strict=False,
        description="Adam's decay rates of the first and second moment. SGD's momentum is the first of them; "
        "RMSprop's smoothing the second.",
    )


class OptimizerConfig(Section):
    """How it is minimised, and for how long."""

    generator: NetworkOptimizer
    discriminator: NetworkOptimizer
    batch_size: Annotated[int, Field(ge=2, le=65536)] | None = Field(
        default=None,
        description="Images per step. A last batch that is not full is left for the next epoch's shuffle. Unset, it "
        "follows from the number of images.",
    )
    epochs: Annotated[int, Field(ge=1, le=MOST_EPOCHS)] | None = Field(
        default=None, description="Passes over the training images. Takes the place of steps."
    )
    steps: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = Field(
        default=None,
        description="Updates of each network, in whole epochs: few images are passed over more often than many. Takes "
        "the place of epochs. With both unset, it follows from the number of images.",
    )
    final_lr: Annotated[float, Field(gt=0, le=1)] = Field(
        default=1.0,
        description="Share of the learning rates that is left at the end, where half a cosine leads; 1 keeps them.",
    )
    ema: Probability = Field(
        default=0.0,
        description="Decay per step of an averaged copy of the generator, which is then the one shown and exported; "
        "0 keeps none. It is (1 + step) / (10 + step) at most: early on, it averages the last ninth of the steps.",
    )

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if self.epochs is not None and self.steps is not None:
            raise ValueError("a training has one length: either epochs or steps")
        return self


class RunConfig(Section):
    """What concerns one run, and is no hyperparameter."""

    seed: Annotated[int, Field(ge=0, lt=2**63)] = Field(
        default=0,
        description="Decides the first weights, the order of the images, the noise, the dropout and the styles.",
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        default="auto",
        description="Number format of the matrix products; weights, losses and updates stay float32. auto takes "
        "bfloat16 where the processor multiplies it faster.",
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


class TrainConfig(Section):
    """Everything that decides what a training computes."""

    networks: Networks = Field(discriminator="architecture")
    loss: LossConfig = LossConfig()
    optimizer: OptimizerConfig
    run: RunConfig = RunConfig()

    @model_validator(mode="after")
    def _sections_fit(self) -> Self:
        if self.loss.auxiliary and not self.networks.conditional:
            raise ValueError("auxiliary learns classes: without labels (conditional = false), set auxiliary = 0")
        if (self.optimizer.batch_size or 0) % self.networks.batch_multiple:
            raise ValueError(
                f"batch_size = {self.optimizer.batch_size}: {self.networks.architecture} networks take multiples of "
                f"{self.networks.batch_multiple}"
            )
        return self

    def may_change(self) -> frozenset[str]:
        """Keys that a resumed run may change: they do not touch the steps that were already made."""
        longer = {"optimizer.epochs"} if self.optimizer.final_lr == 1 else set()
        return frozenset({"run.checkpoint_seconds", "run.log_every"} | longer)
