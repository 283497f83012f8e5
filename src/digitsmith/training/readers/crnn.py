"""A CRNN: what reads a line of characters, column by column, from left to right (Shi et al. 2015, arXiv:1507.05717)."""

from torch import Tensor, nn
from torch.nn import functional

SHRINKS = 4
"""Of the convolutions: columns of the image for one of theirs."""

STEPS = 2
"""Of what is read, for one of those columns: characters may be narrower than `SHRINKS` columns of the image."""


class CRNN(nn.Module):
    """Convolutions with batch norm and ReLU, one more that sees whole columns, a recurrent layer and a linear one.

    The first convolution shrinks by max pooling, as strokes may be a pixel wide; the others by their stride. The
    column's convolution gives `STEPS` vectors for each column, side by side (Shi et al. 2016, arXiv:1609.05158). The
    recurrent layer is an LSTM, which takes half the time of a GRU on CPUs.

    Args:
        layers: (width, stride) of each convolution, of 5x5 at first and of 3x3 then; strides are `SHRINKS` together.
        height: of the images.
        features: of a step.
        hidden: of the recurrent layer, in each direction.
        classes: of characters.
    """

    def __init__(
        self, layers: tuple[tuple[int, int], ...], height: int, features: int, hidden: int, classes: int
    ) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        inputs, kernel = 1, 5
        for width, stride in layers:
            pooling = [] if blocks else [nn.MaxPool2d(stride)]
            own = 1 if pooling else stride
            convolution = nn.Conv2d(inputs, width, kernel, stride=own, padding=kernel // 2, bias=False)
            blocks += [convolution, *pooling, nn.BatchNorm2d(width), nn.ReLU()]
            inputs, kernel = width, 3
        self.convolutions = nn.Sequential(*blocks)
        self.features = features
        self.columns = nn.Conv2d(inputs, features * STEPS, (height // SHRINKS, 3), padding=(0, 1), bias=False)
        self.norm = nn.BatchNorm1d(features)
        self.recurrent = nn.LSTM(features, hidden, bidirectional=True)
        self.head = nn.Linear(2 * hidden, classes + 1)

    def forward(self, images: Tensor) -> Tensor:
        """Logits of the classes at each step, and before them of none: float32[steps, n, 1 + classes].

        Args:
            images: float32[n, 1, height, w] in [-1, 1], bright ink on dark paper; w in multiples of `SHRINKS`.
        """
        columns = self.columns(self.convolutions(images)).squeeze(2)  # [n, features * STEPS, w / SHRINKS]
        steps = columns.unflatten(1, (self.features, STEPS)).transpose(2, 3).flatten(2)  # [n, features, steps]
        read, _ = self.recurrent(functional.relu(self.norm(steps)).permute(2, 0, 1).contiguous())
        return self.head(read)  # type: ignore[no-any-return]
