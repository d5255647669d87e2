"""The built style: a convolution is split by a line of its class, once it is there and initialised.

It works however and wherever the convolution is built: by a factory function, a class in a
variable, a subclass, a ``functools.partial``, in an ``nn.Sequential``, a list or a dict. What is
added::

    self.conv = split_conv(self.conv)

at the end of the method that builds it, or before the first statement that keeps it (another name
for it, a copy, an optimizer);

::

    self.conv, self.bn = split_conv_norm(self.conv, self.bn)    there, with the norm that follows
    split_layers(self.block)               an nn.Sequential that is complete, with the norms in it
    split_pairs(self.convs, self.bns)      lists side by side, of convolutions and of norms
    split_conv(nn.Conv2d(...))             round the expression, where nothing has a name
    self.net[1] = split_conv(self.net[1])  behind a statement that stores it, where a call round it
                                           would break its lines
    return split_conv(conv)                behind one that returned it, for the same reason

All that the method does before that (initialise, freeze, load, weight_norm) is done to the whole,
whose weights the parts then share out; what is not grouped comes back as it was. The result is one
child in the module tree and has the settings of the convolution (``in_channels``, ``stride``, ...).
The file is followed for what is done with it afterwards:

- what only reads its weight gets the parts put together;
- weight_norm along dimension 0 goes over each part, exactly as it was (PLiNIO takes no convolution
  under weight_norm); under spectral_norm the convolution stays as it is, with a Python warning;
- a subclass without a forward of its own becomes plain convolutions of torch; one whose forward
  bounds the norm of each filter, and no more, keeps its class;
- what a method that no forward calls would do in vain (a ``fuse()`` that sets the weight) raises
  when it is called, and a warning of gencode names its place;
- what another project does with it, which is not seen, such as to read its weight, ends in an
  AttributeError rather than in another result.

What would compute something else is left as it is and reported: a weight that is set, or used in
another way, once it is split; ``isinstance(self.conv, nn.Conv2d)``; weight_norm along another
dimension, spectral_norm and other parametrizations; a subclass with a forward of its own; a lazy
convolution.

With ``--target plinio`` a plain convolution, of whose output a grouped one alone takes slices, is
split by the same slices, with the norm between the two: see ``sources``.

A depthwise layer with a multiplier (``nn.Conv2d(c, k * c, 3, groups=c)``) becomes k depthwise
convolutions and one index, by ``split_conv(self.conv, multiplier=True)`` and the like, where the
file shows that only plain convolutions, or linear layers behind a flatten, read what it or its norm
gives, through activations, dropout and pooling: PLiNIO's PIT can then prune any channel. Before
another layer, such as a depthwise one, PIT would be wrong without a word: there it becomes a
convolution for each channel, as in explicit and loop style, and the message says why.
"""
