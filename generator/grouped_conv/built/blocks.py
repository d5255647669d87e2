"""The blocks of the helper: which there are, what needs which, and how a text shows them."""

from __future__ import annotations

from typing import Final

from .layers import WITH_LAYERS, layers_in

BLOCKS_OF: Final = {
    name: frozenset(blocks.split())
    for name, blocks in {
        **dict.fromkeys(("unjoined", "joined", "split_norm", "is_split", "fits"), "norm"),
        **{each: each for each in ("layers", "pairs", "by_filter", "build", "outputs", "each")},
        **{each: each for each in ("identity", "padded", "copy_pad", "transposed", "weight_norm")},
        **dict.fromkeys(("source", "unjoined_source"), "source"),
        **dict.fromkeys(("split_sliced_conv", "split_sliced"), "source"),
        "slices": "slices",
        "halves": "halves source",
        "kind": "subclass",
        "unjoined_transposed": "transposed norm",
        **dict.fromkeys(("multiplier", "is_multiplier", "order"), "multiplier"),
        **dict.fromkeys(("joined_layers", "with_layers"), WITH_LAYERS),
        **dict.fromkeys(("unjoined_multiplier", "joined_multiplier"), "multiplier norm"),
    }.items()
}
"""By the field of ``Names`` the blocks that it takes; none for what always is there."""
_SIGNS: Final = {
    "norm": "class JoinedGroups",
    "reads": "def read(",
    "pads": "self.pads",
    "held": "layer._forward_hooks",
    "sync": "nn.SyncBatchNorm",
    "subclass": "def class_of_torch(",
    "transposed": "class SplitTransposed(",
    "multiplier": "class Multiplier(",
    "source": "class SplitSource(",
    "slices": "def slices_of(",
    "halves": "def halves_of(",
    **{
        block: f"def {name}("
        for block, name in {
            **{"layers": "split_layers", "pairs": "split_pairs", "by_filter": "split_by_filter"},
            **{"build": "build_split", "outputs": "outputs_of", "each": "apply_each"},
            **{"identity": "add_identity", "padded": "apply_padded"},
            **{"copy_pad": "copy_padding", "weight_norm": "weight_norm_of"},
        }.items()
    },
}
"""By which text a module has a block."""
ALL_BLOCKS: Final = frozenset(_SIGNS)


def blocks_in(text: str) -> frozenset[str]:
    """The blocks of the helper that a module has which ``helper_source`` has made."""
    fixed = (block for block, sign in _SIGNS.items() if sign in text)
    return frozenset((*fixed, *layers_in(text)))
