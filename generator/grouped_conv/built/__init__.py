"""The built style: a convolution is split by a line of its class, once it is there and initialised.

``Bottleneck.__init__`` ends with ``self.conv2, self.bn2 = split_conv_norm(self.conv2, self.bn2)``.
All that the author does to the convolution before, in whatever way, is done to the whole.
"""
