"""What other code does with a module, in the programs of programs.py.

``<net>``, ``<m>`` and the like stand for what :mod:`programs` puts there.
"""

from __future__ import annotations

from typing import Final

ACTS: Final = """
# nothing
pass

# padding
<m>.padding, <m>.dilation = (2, 2), (2, 2)

# setattr
setattr(<m>, "padding", (0, 0))

# mode
<m>.padding_mode = "reflect"
<m>._reversed_padding_repeated_twice = [1, 1, 1, 1]

# stride
<m>.stride = (2, 2)

# eps
<m>.eps = 0.1

# by channels
<m>.weight.data.mul_(1 / <m>.weight.numel())

# momentum
<m>.momentum = 1 / <size>

# quantise
<m>.weight.data = torch.round(<m>.weight.data / <m>.weight.abs().max() * 4)

# standardise
<m>.weight.data.sub_(<m>.weight.data.mean())

# clip
<m>.weight.data.clamp_(-0.1, 0.1)

# halve
<m>.weight.data.mul_(0.5)

# topk
<m>.weight.data[<m>.weight.data.abs() < <m>.weight.data.abs().median()] = 0

# first channel
<m>.weight.data[0] = 0

# half of them
<m>.weight.data[:4] = 0

# no grad
with torch.no_grad():
    <m>.weight[1].fill_(0.3)

# new weight
<m>.weight = nn.Parameter(torch.full_like(<m>.weight, 0.1))

# no bias
<m>.bias = None

# delete
delattr(<m>, "bias")
<m>.register_parameter("bias", None)

# initialise
nn.init.constant_(<m>.weight, 0.1)

# orthogonal
torch.manual_seed(1)
nn.init.orthogonal_(<m>.weight.view(<m>.weight.shape[0], -1))

# linspace
<m>.weight.data.copy_(torch.linspace(0, 1, <m>.weight.numel()).view_as(<m>.weight))

# size
<net>.factor = <size> / 8

# shape
<net>.factor = <m>.weight.shape[0] / 8

# largest
<net>.factor = <m>.weight.detach().abs().max()

# norm
<net>.factor = <m>.weight.detach().norm()

# total
<net>.factor = sum(p.numel() for p in <m>.parameters()) / 8

# parameters
<net>.factor = len(list(<m>.parameters()))

# named
<net>.factor = 1.0 + ("weight" in dict(<m>.named_parameters()))

# state
<net>.factor = 1.0 + ("weight" in <m>.state_dict())

# modules
<net>.factor = len(list(<m>.modules()))

# leaf
<net>.factor = 2.0 if next(<m>.children(), None) is None else 1.0

# inside
<net>.factor = 1.0 + len(<m>._modules)

# instance
<net>.factor = 1.0 + isinstance(<m>, <kind>)

# base
<net>.factor = 1.0 + isinstance(<m>, nn.modules.conv._ConvNd)

# class
<net>.factor = 1.0 + (type(<m>) in (<kind>, nn.Linear))

# class name
<net>.factor = 1.0 + ("<kindname>" in type(<m>).__name__)

# own name
<net>.factor = 1.0 + (<m>._get_name() == "<kindname>")

# text
<net>.factor = 1.0 + str(<m>).startswith("<kindname>")

# formatted
<net>.factor = 1.0 + f"{<m}>".startswith("<kindname>")

# length
<net>.factor = len(repr(<m>)) / 50

# type name
<net>.factor = 1.0 + torch.typename(<m>).endswith("<kindname>")

# has
<net>.factor = 1.0 + hasattr(<m>, "weight")

# has other
<net>.factor = 1.0 + hasattr(<m>, "transposed")

# get
<net>.factor = 1.0 + getattr(<m>, "groups", 7)

# dir
<net>.factor = 1.0 + ("weight" in dir(<m>))

# dictionary
<net>.factor = 1.0 + ("kernel_size" in vars(<m>))

# bias
<net>.factor = 1.0 + (<m>.bias is None)

# function
<net>.factor = 1.0 + (<m>.forward.__func__ is <kind>.forward)

# mro
<net>.factor = 1.0 + (<kind> in type(<m>).__mro__)

# module
<net>.factor = 1.0 + type(<m>).__module__.endswith("conv")

# signature
<net>.factor = len(inspect.signature(type(<m>)).parameters)

# hook
<m>.register_forward_hook(lambda module, given, y: y + 1)

# looking
<m>.register_forward_hook(lambda module, given, y: y * module.weight.shape[0])

# hook over all
<m>.register_forward_hook(lambda module, given, y: y - y.mean())

# before
<m>.register_forward_pre_hook(lambda module, given: (given[0] * 2,))

# before over all
<m>.register_forward_pre_hook(lambda module, given: (given[0] - given[0].mean(),))

# forward
<m>.forward = lambda x, old=<m>.forward: old(x) * 2

# bound
<m>.forward = types.MethodType(lambda self, x: <kind>.forward(self, x) * 2, <m>)

# weight norm
nn.utils.weight_norm(<m>)

# new weight norm
nn.utils.parametrizations.weight_norm(<m>)

# spectral
torch.manual_seed(2)
nn.utils.parametrizations.spectral_norm(<m>)

# prune
prune.l1_unstructured(<m>, "weight", amount=0.5)

# structured
prune.ln_structured(<m>, "weight", amount=0.25, n=2, dim=0)

# parametrise
nn.utils.parametrize.register_parametrization(<m>, "weight", Half())

# frozen
<m>.requires_grad_(False)

# mark
<m>.mark = 3.0
<net>.factor = <m>.mark

# buffer
<m>.register_buffer("mark", torch.ones(1), persistent=False)
<net>.factor = <m>.mark

# evaluate
<m>.eval()

# stranger
strangers.touch(<m>)

# stranger looks
<net>.factor = 1.0 + strangers.is_conv(<m>)

# stranger weighs
<net>.factor = strangers.weigh(<m>.weight)

# called
<net>.factor = <m>(torch.ones(1, 8, 4, 4).to(<m>.weight)).shape[1] / 8

# called for more
<net>.factor = <m>(torch.ones(1, 8, 4, 4).to(<m>.weight)).abs().max().detach()

# functional
<net>.factor = F.conv2d(torch.ones(1, 4, 4, 4).to(<m>.weight), <m>.weight).abs().max().detach()

# copied
<net>.twin = copy.deepcopy(<m>)
<net>.factor = 1.0 + isinstance(<net>.twin, <kind>)

# pickled
<net>.factor = 1.0 + isinstance(pickle.loads(pickle.dumps(<m>)), <kind>)

# tied
<net>.last.weight = nn.Parameter(<m>.weight.detach().repeat(1, <groups>, 1, 1))

# new class
<m>.__class__ = Louder

# written inside
<m>.__dict__["padding"] = (0, 0)
"""
"""What gives a number is multiplied into the output."""
