"""The three methods, which all do the same."""

import copy

import torch
from torch import fx, nn

WRONG = set()
"""What they are to get wrong."""


class Masker(nn.Module):
    trainable = True

    def __init__(self, channels):
        super().__init__()
        self.out_channels = channels
        self.alpha = nn.Parameter(torch.ones(channels))


class MaskedConv2d(nn.Conv2d):
    """Masks what a convolution gives."""

    def forward(self, x):
        return super().forward(x) * self.out_features_masker.alpha.view(1, -1, 1, 1)


class Method(nn.Module):
    def __init__(self, model, input_example, **arguments):
        super().__init__()
        self.seed = fx.symbolic_trace(model)
        for node in self.seed.graph.nodes:
            if node.op == "call_method":
                text = f"Unsupported node {node} (op: {node.op}, target: {node.target})"
                raise ValueError(text)
        for each in self.seed.modules():
            if type(each) is nn.Conv2d:
                each.__class__ = MaskedConv2d
                each.out_features_masker = Masker(each.out_channels)
                each.bn = None
        self.bits = 8 if arguments.get("qinfo") else 1
        self.arguments = arguments

    @property
    def cost(self):
        layers = (each for each in self.seed.modules() if isinstance(each, (nn.Conv2d, nn.Linear)))
        biases = 0 if self.arguments.get("qinfo") else 1
        sizes = (each.weight.numel() + biases * each.bias.numel() for each in layers)
        return torch.tensor(float(sum(sizes) * self.bits)) + ("cost" in WRONG)

    def forward(self, *inputs):
        return self.seed(*inputs) + ("computed" in WRONG)

    def named_nas_parameters(self):
        return ((n, each) for n, each in self.named_parameters() if n.endswith("alpha"))

    def export(self):
        small = copy.deepcopy(self.seed)
        for each in [*small.modules()]:
            if type(each) is MaskedConv2d:
                mask = each.out_features_masker.alpha.detach()
                each.weight.data *= mask.view(-1, 1, 1, 1)
                each.bias.data *= mask
                each.__class__ = nn.Conv2d
                del each.out_features_masker
        if "export" in WRONG:
            nn.init.zeros_(next(iter(small.parameters())))
        return small


class PIT(Method):
    pass


class MPS(Method):
    pass


class SuperNet(Method):
    pass
