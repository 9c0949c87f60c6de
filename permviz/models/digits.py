"""The demo network: an inverted-residual CNN for 28 x 28 grey digits.

It has what the channel analysis must get right in a CNN: expansions, depthwise
convolutions, squeeze-excite products, residual sums, batch norm and a linear classifier.
"""

from torch import Tensor, nn

CLASSES = 10
SIZE = 28


class SqueezeExcite(nn.Module):
    """Scale each channel by a gate computed from the mean of all channels."""

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, squeezed, 1)
        self.act = nn.SiLU()
        self.expand = nn.Conv2d(squeezed, channels, 1)
        self.gate = nn.Sigmoid()

    def forward(self, features: Tensor) -> Tensor:
        """Gate `features: float[batch, channels, height, width]`."""
        pooled = features.mean((2, 3), keepdim=True)
        return features * self.gate(self.expand(self.act(self.reduce(pooled))))


class InvertedResidual(nn.Module):
    """Expand, filter each channel by itself, gate, project; add the input if it fits."""

    def __init__(self, inputs: int, outputs: int, expansion: int, stride: int = 1) -> None:
        super().__init__()
        wide = inputs * expansion
        self.expand = nn.Conv2d(inputs, wide, 1, bias=False)
        self.expand_norm = nn.BatchNorm2d(wide)
        self.depthwise = nn.Conv2d(wide, wide, 3, stride, 1, groups=wide, bias=False)
        self.depthwise_norm = nn.BatchNorm2d(wide)
        self.excite = SqueezeExcite(wide, wide // 8)
        self.project = nn.Conv2d(wide, outputs, 1, bias=False)
        self.project_norm = nn.BatchNorm2d(outputs)
        self.act = nn.SiLU()
        self.residual = stride == 1 and inputs == outputs

    def forward(self, features: Tensor) -> Tensor:
        """Map `float[batch, inputs, height, width]` to `float[batch, outputs, ...]`."""
        wide = self.act(self.expand_norm(self.expand(features)))
        wide = self.excite(self.act(self.depthwise_norm(self.depthwise(wide))))
        narrow = self.project_norm(self.project(wide))
        return features + narrow if self.residual else narrow


class DigitsNet(nn.Module):
    """Classify `float[batch, 1, 28, 28]` into ten digits: logits `float[batch, 10]`."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 32, 3, 2, 1, bias=False)
        self.stem_norm = nn.BatchNorm2d(32)
        self.blocks = nn.Sequential(
            InvertedResidual(32, 48, expansion=4, stride=2),
            InvertedResidual(48, 48, expansion=4),
            InvertedResidual(48, 64, expansion=4),
            InvertedResidual(64, 64, expansion=6),
        )
        self.head = nn.Conv2d(64, 256, 1, bias=False)
        self.head_norm = nn.BatchNorm2d(256)
        self.act = nn.SiLU()
        self.classifier = nn.Linear(256, CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        """Compute the logits of a batch of images."""
        features = self.act(self.stem_norm(self.stem(images)))
        features = self.blocks(features)
        features = self.act(self.head_norm(self.head(features)))
        return self.classifier(features.mean((2, 3)))
