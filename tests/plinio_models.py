"""Models with grouped convolutions and the norms that follow them, in 1d, 2d and 3d."""

from __future__ import annotations

import re
from pathlib import Path

from cases import model

IMPORTS = "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\n\n"
SIZES = {"1": (12,), "2": (6, 6), "3": (4, 6, 6)}

# As ResNeXt's: a factory for the convolution, a parameter for the class of the norm.
RESNEXT = """
def conv_of_three(channels, stride=1, groups=1):
    return nn.ConvNd(channels, channels, 3, stride, padding=1, groups=groups, bias=False)


class Bottleneck(nn.Module):
    def __init__(self, channels, out, groups, stride=1, shortcut=None, norm_layer=None):
        super().__init__()
        if norm_layer is None:
            norm_layer = nn.BatchNormNd
        width = 4 * groups
        self.reduce = nn.ConvNd(channels, width, 1, bias=False)
        self.norm1 = norm_layer(width)
        self.conv = conv_of_three(width, stride, groups)
        self.norm2 = norm_layer(width)
        self.expand = nn.ConvNd(width, out, 1, bias=False)
        self.norm3 = norm_layer(out)
        self.relu = nn.ReLU(inplace=True)
        self.shortcut = shortcut

    def forward(self, x):
        y = self.reduce(x)
        y = self.norm1(y)
        y = self.relu(y)
        y = self.conv(y)
        y = self.norm2(y)
        y = self.relu(y)
        y = self.norm3(self.expand(y))
        if self.shortcut is not None:
            x = self.shortcut(x)
        return self.relu(y + x)


class Net(nn.Module):
    def __init__(self, groups=4, norm_layer=None):
        super().__init__()
        self.input_shape = (3, *SIZE)
        norm = norm_layer or nn.BatchNormNd
        shortcut = nn.Sequential(nn.ConvNd(8, 16, 1, stride=2, bias=False), norm(16))
        self.stem = nn.Sequential(nn.ConvNd(3, 8, 3, padding=1, bias=False), norm(8), nn.ReLU())
        self.layer = nn.Sequential(
            Bottleneck(8, 16, groups, 2, shortcut, norm_layer),
            Bottleneck(16, 16, groups, norm_layer=norm_layer),
        )
        self.head = nn.ConvNd(16, 5, 1)

    def forward(self, x):
        return self.head(self.layer(self.stem(x)))
"""

SEQUENTIAL = """
def block(channels, out, groups=1):
    return nn.Sequential(
        nn.ConvNd(channels, out, 3, padding=1, groups=groups, bias=False),
        nn.BatchNormNd(out),
        nn.ReLU(),
    )


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.input_shape = (3, *SIZE)
        self.features = nn.Sequential(block(3, 16), block(16, 24, 4), block(24, 16, 2))
        self.head = nn.ConvNd(16, 5, 1)

    def forward(self, x):
        return self.head(self.features(x))
"""

USE_BN = """
class ConvBlock(nn.Module):
    def __init__(self, channels, out, kernel=3, groups=1, use_bn=True):
        super().__init__()
        self.use_bn = use_bn
        self.conv = nn.ConvNd(
            channels, out, kernel, padding=kernel // 2, groups=groups, bias=not use_bn
        )
        if use_bn:
            self.bn = nn.BatchNormNd(out)

    def forward(self, x):
        x = self.conv(x)
        if self.use_bn:
            x = self.bn(x)
        return F.relu(x)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.input_shape = (3, *SIZE)
        self.stem = ConvBlock(3, 16)
        self.conv1 = ConvBlock(16, 24, groups=4)
        self.conv2 = ConvBlock(24, 16, groups=2, use_bn=False)
        self.head = nn.ConvNd(16, 5, 1)

    def forward(self, x):
        return self.head(self.conv2(self.conv1(self.stem(x))))
"""

# As timm's: a norm that goes on with an activation of its own.
NORM_ACT = """
class NormAct(nn.BatchNormNd):
    def __init__(self, channels, act=nn.ReLU):
        super().__init__(channels)
        self.drop = nn.Identity()
        self.act = act()

    def forward(self, x):
        return self.act(self.drop(super().forward(x)))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.input_shape = (3, *SIZE)
        self.stem = nn.ConvNd(3, 16, 3, padding=1)
        self.conv = nn.ConvNd(16, 24, 3, padding=1, groups=4, bias=False)
        self.bn = NormAct(24)
        self.head = nn.ConvNd(24, 5, 1)

    def forward(self, x):
        return self.head(self.bn(self.conv(F.relu(self.stem(x)))))
"""

# Its convolution has as many groups as it is told, but is never depthwise.
WIDENING = """
class Widening(nn.Module):
    def __init__(self, channels, groups):
        super().__init__()
        self.conv = nn.ConvNd(channels, 2 * channels, 3, padding=1, groups=groups, bias=False)
        self.bn = nn.BatchNormNd(2 * channels)

    def forward(self, x):
        return F.relu(self.bn(self.conv(x)))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.input_shape = (3, *SIZE)
        self.layers = nn.ModuleList([Widening(3, 1), Widening(6, 3), Widening(12, 2)])
        self.head = nn.ConvNd(24, 5, 1)

    def forward(self, x):
        for each in self.layers:
            x = each(x)
        return self.head(x)
"""

LITERAL_USE_BN = model(
    """
    self.input_shape = (3, *SIZE)
    self.stem = nn.ConvNd(3, 16, 3, padding=1)
    self.use_bn = True
    self.conv1 = nn.ConvNd(16, 24, 3, padding=1, groups=4, bias=False)
    if self.use_bn:
        self.bn1 = nn.BatchNormNd(24)
    self.head = nn.ConvNd(24, 5, 1)
    """,
    """
    x = F.relu(self.stem(x))
    x = self.conv1(x)
    if self.use_bn:
        x = self.bn1(x)
    return self.head(F.relu(x))
    """,
)

# The norm in the same expression, and in the next statement.
LITERAL = model(
    """
    self.input_shape = (3, *SIZE)
    self.stem = nn.ConvNd(3, 16, 3, padding=1)
    self.conv1 = nn.ConvNd(16, 16, 3, padding=1, groups=4, bias=False)
    self.bn1 = nn.BatchNormNd(16)
    self.conv2 = nn.ConvNd(16, 24, 3, padding=1, groups=2)
    self.bn2 = nn.BatchNormNd(24)
    self.head = nn.ConvNd(24, 5, 1)
    """,
    """
    x = F.relu(self.stem(x))
    x = F.relu(self.bn1(self.conv1(x)))
    x = self.conv2(x)
    x = self.bn2(x)
    return self.head(F.relu(x))
    """,
)

# The convolutions and the norms are in two lists, as in Res2Net.
LISTS = model(
    """
    self.input_shape = (3, *SIZE)
    self.stem = nn.ConvNd(3, 16, 3, padding=1)
    convs, norms = [], []
    for _ in range(2):
        convs.append(nn.ConvNd(16, 16, 3, padding=1, groups=2, bias=False))
        norms.append(nn.BatchNormNd(16))
    self.convs = nn.ModuleList(convs)
    self.norms = nn.ModuleList(norms)
    self.head = nn.ConvNd(16, 5, 1)
    """,
    """
    x = F.relu(self.stem(x))
    for i, (conv, norm) in enumerate(zip(self.convs, self.norms)):
        x = conv(x)
        x = F.relu(norm(x))
    return self.head(x)
    """,
)

# Out of 8 channels come 16 of groups that take one channel each.
MULTIPLIER = model(
    """
    self.input_shape = (3, *SIZE)
    self.stem = nn.ConvNd(3, 8, 3, padding=1)
    self.conv = nn.ConvNd(8, 16, 3, padding=1, groups=8, bias=False)
    self.bn = nn.BatchNormNd(16)
    self.point = nn.ConvNd(16, 24, 1)
    self.head = nn.ConvNd(24, 5, 1)
    """,
    """
    x = F.relu(self.stem(x))
    x = F.relu(self.bn(self.conv(x)))
    return self.head(F.relu(self.point(x)))
    """,
)

# Out of 8 channels come 4 of groups that take two channels each.
NARROWING = MULTIPLIER.replace("8, 16, 3", "8, 4, 3").replace("groups=8", "groups=4")
NARROWING = NARROWING.replace("16", "4")

DEPTHWISE = MULTIPLIER.replace("8, 16, 3", "8, 8, 3").replace("16", "8")

# The convolution slices the input of the model itself.
FIRST = model(
    """
    self.input_shape = (8, *SIZE)
    self.conv = nn.ConvNd(8, 16, 3, padding=1, groups=2, bias=False)
    self.bn = nn.BatchNormNd(16)
    self.head = nn.ConvNd(16, 5, 1)
    """,
    "return self.head(F.relu(self.bn(self.conv(x))))",
)

# The output of the convolution is that of the model.
LAST = model(
    """
    self.input_shape = (3, *SIZE)
    self.stem = nn.ConvNd(3, 16, 3, padding=1)
    self.conv = nn.ConvNd(16, 8, 3, padding=1, groups=2, bias=False)
    self.bn = nn.BatchNormNd(8)
    """,
    "return self.bn(self.conv(F.relu(self.stem(x))))",
)

# The output of the convolution is concatenated with what it comes from.
CONCATENATED = model(
    """
    self.input_shape = (3, *SIZE)
    self.stem = nn.ConvNd(3, 16, 3, padding=1)
    self.conv = nn.ConvNd(16, 8, 3, padding=1, groups=4, bias=False)
    self.bn = nn.BatchNormNd(8)
    self.head = nn.ConvNd(24, 5, 1)
    """,
    """
    x = F.relu(self.stem(x))
    x = torch.cat([x, self.bn(self.conv(x))], dim=1)
    return self.head(F.relu(x))
    """,
)
# Causal: nothing is padded but what comes before.
CAUSAL = f"""{IMPORTS}
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.input_shape = (3, 12)
        self.stem = nn.Conv1d(3, 16, 1)
        self.pad = nn.ConstantPad1d((4, 0), 0)
        self.conv = nn.Conv1d(16, 8, 5, groups=2, bias=False)
        self.bn = nn.BatchNorm1d(8)
        self.head = nn.Conv1d(8, 5, 1)

    def forward(self, x):
        x = F.relu(self.stem(x))
        x = F.relu(self.bn(self.conv(self.pad(x))))
        return self.head(x)
"""

_TEMPLATES = {
    "resnext": RESNEXT,
    "sequential": SEQUENTIAL,
    "use_bn": USE_BN,
    "norm_act": NORM_ACT,
    "widening": WIDENING,
    "literal_use_bn": LITERAL_USE_BN,
    "literal": LITERAL,
    "lists": LISTS,
    "multiplier": MULTIPLIER,
    "narrowing": NARROWING,
    "depthwise": DEPTHWISE,
    "first": FIRST,
    "last": LAST,
    "concatenated": CONCATENATED,
}


def _source(template: str, dimensions: str) -> str:
    text = template if template.startswith("import") else IMPORTS + template
    size = ", ".join(str(each) for each in SIZES[dimensions])
    return re.sub(r"Nd\b", f"{dimensions}d", text).replace("*SIZE", size)


# The outputs of two convolutions side by side.
SIDE_BY_SIDE = _source(
    model(
        """
        self.input_shape = (3, *SIZE)
        self.stem = nn.ConvNd(3, 16, 3, padding=1)
        self.conv1 = nn.ConvNd(16, 8, 3, padding=1, groups=4)
        self.bn1 = nn.BatchNormNd(8)
        self.conv2 = nn.ConvNd(16, 8, 3, padding=1, groups=2)
        self.head = nn.ConvNd(16, 5, 1)
        """,
        """
        x = F.relu(self.stem(x))
        x = torch.cat([self.bn1(self.conv1(x)), self.conv2(x)], dim=1)
        return self.head(F.relu(x))
        """,
    ),
    "2",
)
MODELS = {
    f"{name}_{dimensions}d": _source(template, dimensions)
    for name, template in _TEMPLATES.items()
    for dimensions in SIZES
    if name != "depthwise" or dimensions == "3"  # in 1d and 2d, that is left as it is
}
MODELS["causal_1d"] = CAUSAL
for _path in (Path(__file__).parent / "zoo").glob("grouped_[123]d.py"):
    MODELS[_path.stem] = _path.read_text(encoding="utf-8")
