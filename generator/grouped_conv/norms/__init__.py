"""A BatchNorm or InstanceNorm that directly follows a grouped convolution goes into its branches.

PLiNIO prunes, folds and exports a BatchNorm rightly only where it directly follows its own
convolution. It normalises each channel by itself, so that one norm a branch is the same function,
in training and in evaluation. In explicit and loop style it is written out.

Before::

    x = self.relu(self.bn1(self.conv1(x)))

After::

    conv1_0 = self.bn1_0(self.conv1_0(x[:, 0:8]))
    conv1_1 = self.bn1_1(self.conv1_1(x[:, 8:16]))
    x = self.relu(torch.cat((conv1_0, conv1_1), dim=1))

also where the norm is applied in the next statement, or under ``if self.use_bn:``, if that has one
value from the constructor on. In built style ``split_conv_norm``, ``split_layers`` and
``split_pairs`` split it with the convolution, and what it is decides when it is there.

A norm moves only where the file shows that the convolution and the norm have each other to
themselves. It stays after the concatenation, and the message says why, where the output of the
convolution has another use; where another file of the project uses or sets one of both; where the
norm is not always applied, shared, replaced, used by itself, or reached by a computed name
(``getattr(self, f"bn{i}")``); where a list of norms has another use; and where a comment or another
statement leaves no place for both. A norm that goes over several channels (GroupNorm, LayerNorm),
or has no running statistics, stays too. Wherever else the flow of tensors shows a norm behind the
concatenation, such as in the caller or in a list that forward goes through, a warning says so.
``--no-norm`` leaves all norms where they are.

In built style a forward hook on the convolution sees a list of outputs if a norm joins them; one on
the norm sees what it always did. A hook that another file puts on a convolution is not called where
its outputs go into another concatenation one by one.
"""
