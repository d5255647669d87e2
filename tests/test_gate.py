"""Which texts speak of convolutions: all others cost no more than their parse."""

import pytest

from gencode.gate import speaks_of_convolutions

SPEAKING = (
    *("nn.Conv2d(4, 4, 3)", "F.conv1d(x, w)", "torch.convolution", "LazyConvTranspose3d"),
    *('getattr(nn, "Conv%dd" % n)', "conv = layers[0]", "ConvNeXt", "self.convs", "conv_layer"),
    "to convert a Conv2d",
)
OTHER = (
    *("convert(x)", "Conversion", "by convention", "convenient", "convex", "convey", "converge"),
    *("convinced", "convict", "convoy", "conversation", "nonverbal", "iron"),
)


@pytest.mark.parametrize("text", SPEAKING)
def test_of_convolutions(text: str) -> None:
    assert speaks_of_convolutions(text)


@pytest.mark.parametrize("text", OTHER)
def test_of_something_else(text: str) -> None:
    assert not speaks_of_convolutions(text)
