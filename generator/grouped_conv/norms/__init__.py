"""A BatchNorm or InstanceNorm that directly follows a grouped convolution goes into its branches.

PLiNIO prunes, folds and exports a BatchNorm rightly only where it directly follows its own
convolution. It normalises each channel by itself, so that one norm a branch is the same.
"""
