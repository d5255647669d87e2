"""What other code does with a model, in the programs of programs.py.

``<net>``, ``<conv>``, ``<path>`` and the like stand for what :mod:`programs` puts there.
"""

from __future__ import annotations

from typing import Final

SURGERIES: Final = r"""
# children by name
setattr(<net>, "<top>", nn.Sequential(<net>.<top>, nn.ReLU()))

# in modules
<net>._modules["<top>"] = nn.Sequential(<net>._modules["<top>"], nn.ReLU())

# norms
def replace(module):
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            setattr(module, name, nn.GroupNorm(2, child.num_features))
        else:
            replace(child)

replace(<net>)

# convs
def replace(module):
    for name, child in module.named_children():
        if isinstance(child, nn.Conv2d) and child.out_channels == 8:
            module._modules[name] = nn.Sequential(child, nn.Hardtanh())
        else:
            replace(child)

replace(<net>)

# identity
for module in list(<net>.modules()):
    for name, child in module._modules.items():
        if isinstance(child, nn.BatchNorm2d):
            module._modules[name] = nn.Identity()

# instances
for module in list(<net>.modules()):
    for name, child in list(module.named_children()):
        if isinstance(child, nn.BatchNorm2d):
            module.add_module(name, nn.InstanceNorm2d(child.num_features))

# sync
<net>.synced = nn.SyncBatchNorm.convert_sync_batchnorm(<net>)

# parameters
for p in <net>.parameters():
    p.data.div_(p.data.abs().max() + 1)

# parameters alike
for p in <net>.parameters():
    p.data.mul_(0.5)

# by dimensions
for p in <net>.parameters():
    if p.dim() > 1:
        p.data.mul_(0.5)

# by count
for p in <net>.parameters():
    if p.numel() > 300:
        p.data.mul_(0.5)

# by shape
for p in <net>.parameters():
    if p.shape[0] == 8:
        p.data.mul_(0.5)

# by place
list(<net>.parameters())[0].data.mul_(0.5)

# the last
[*<net>.parameters()][-1].data.mul_(0.5)

# sliced
for p in list(<net>.parameters())[:3]:
    p.data.mul_(0.5)

# skipped
for p in itertools.islice(<net>.parameters(), 2, None):
    p.data.mul_(0.5)

# counted
<net>.factor = sum(1 for p in <net>.parameters()) / 4

# length
<net>.factor = len(list(<net>.named_parameters())) / 4

# keys
<net>.factor = len(<net>.state_dict()) / 4

# a weight by name
dict(<net>.named_parameters())["<path>.weight"].data.mul_(0.5)

# a key
<net>.state_dict()["<path>.weight"].mul_(0.5)

# a suffix
for name, p in <net>.named_parameters():
    if name.endswith("<lastname>.weight"):
        p.data.mul_(0.5)

# a pattern
for name, p in <net>.named_parameters():
    if re.fullmatch(r"<path>\.(weight|bias)", name):
        p.data.mul_(0.5)

# split names
for name, p in <net>.named_parameters():
    if name.split(".")[-2] == "<lastname>":
        p.data.mul_(0.5)

# sorted
for name, p in sorted(<net>.named_parameters())[:2]:
    p.data.mul_(0.5)

# any weight
for name, p in <net>.named_parameters():
    if name.endswith("weight"):
        p.data.mul_(0.5)

# a key's shape
for key, value in <net>.state_dict().items():
    if value.dim() == 4 and value.shape[1] > 4:
        value.mul_(0.5)

# zipped
for p, scale in zip(<net>.parameters(), [0.5, 2.0, 3.0]):
    p.data.mul_(scale)

# cycled
for i, p in enumerate(<net>.parameters()):
    p.data.mul_(1 + i)

# flat
values = nn.utils.parameters_to_vector(<net>.parameters())
nn.utils.vector_to_parameters(values.flip(0), <net>.parameters())

# clipped
for p in <net>.parameters():
    p.data.clamp_(-0.2, 0.2)

# lars
for p in <net>.parameters():
    p.data.mul_(torch.linalg.vector_norm(p.data))

# steps
optimiser = torch.optim.SGD(<net>.parameters(), 0.1)
for p in <net>.parameters():
    p.grad = torch.ones_like(p)
optimiser.step()

# groups
decay, other = [], []
for name, p in <net>.named_parameters():
    (decay if "<lastname>" in name else other).append(p)
optimiser = torch.optim.SGD([{"params": decay, "lr": 0.5}, {"params": other, "lr": 0.1}], lr=0.1)
for p in <net>.parameters():
    p.grad = torch.ones_like(p)
optimiser.step()

# one dimension
for p in <net>.parameters():
    if p.ndim == 1:
        p.data.fill_(0.3)

# ema
twin = copy.deepcopy(<net>)
for p, q in zip(<net>.parameters(), twin.parameters()):
    p.data.mul_(0.9).add_(q.data, alpha=0.1)

# buffers
for b in <net>.buffers():
    if b.dtype.is_floating_point:
        b.mul_(0.5)

# by place in buffers
list(<net>.buffers())[0].mul_(0.5)

# a dictionary
by_name = {n: p for n, p in <net>.named_parameters()}
for key in ("<path>.weight", "<path>.bias"):
    by_name[key].data.mul_(0.5)

# flattened
torch.manual_seed(3)
for p in <net>.parameters():
    p.data.add_(torch.randn_like(p))

# hooks
for m in <net>.modules():
    if isinstance(m, nn.Conv2d):
        m.register_forward_hook(lambda m, x, y: y.clamp(max=1))

# hooks over all
for m in <net>.modules():
    if isinstance(m, nn.Conv2d):
        m.register_forward_hook(lambda m, x, y: y / y.std())

# global hook
handle = nn.modules.module.register_module_forward_hook(
    lambda m, x, y: y * 2 if isinstance(m, nn.Conv2d) else y
)
<net>.handle = handle

# patched class
nn.Conv2d.forward = lambda self, x: self._conv_forward(x, self.weight * 0 + 0.1, self.bias)

# patched function
setattr(F, "batch_norm", lambda x, *args, **kwargs: x)

# patched name
F.relu = torch.abs

# reset
torch.manual_seed(5)
for m in <net>.modules():
    if hasattr(m, 'reset_parameters'):
        m.reset_parameters()

# pairs
modules = list(<net>.modules())
for one, other in zip(modules, modules[1:]):
    if isinstance(one, nn.Conv2d) and isinstance(other, nn.BatchNorm2d):
        one.weight.data.mul_(0.5)

# fused
modules = [m for m in <net>.modules() if isinstance(m, (nn.Conv2d, nn.BatchNorm2d))]
for one, other in zip(modules, modules[1:]):
    if isinstance(one, nn.Conv2d) and isinstance(other, nn.BatchNorm2d):
        one.weight.data.mul_(other.weight.data.view(-1, 1, 1, 1))

# of all
<net>.factor = torch.cat([p.detach().flatten() for p in <net>.parameters()]).median()

# counted by class
<net>.factor = collections.Counter(type(m).__name__ for m in <net>.modules())['Conv2d']

# types
<net>.factor = len({type(m) for m in <net>.modules()}) / 3

# depth
<net>.factor = max(name.count('.') for name, _ in <net>.named_modules()) + 1

# loaded
values = {k: v * 0.5 for k, v in <net>.state_dict().items()}
<net>.load_state_dict(values)

# renamed
values = {k.replace("<lastname>", "<lastname>"): v for k, v in <net>.state_dict().items()}
<net>.load_state_dict(values)

# changed state
values = <net>.state_dict()
values["<path>.weight"] = values["<path>.weight"] * 0.5
<net>.load_state_dict(values)

# prune all
convs = [(m, "weight") for m in <net>.modules() if isinstance(m, nn.Conv2d)]
prune.global_unstructured(convs, pruning_method=prune.L1Unstructured, amount=0.5)

# prune each
for m in <net>.modules():
    if isinstance(m, nn.Conv2d):
        prune.l1_unstructured(m, "weight", amount=0.5)

# sizes
<net>.factor = sum(m.in_channels for m in <net>.modules() if isinstance(m, nn.Conv2d)) / 16

# running
for m in <net>.modules():
    if isinstance(m, nn.BatchNorm2d):
        m.reset_running_stats()

# momentum
for m in <net>.modules():
    if isinstance(m, nn.BatchNorm2d):
        m.momentum = 0.3

# frozen
for m in <net>.modules():
    if isinstance(m, nn.BatchNorm2d):
        m.eval()
"""
