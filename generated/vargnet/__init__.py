"""VarGNet: variable group convolutions, whose groups all have the same number of channels.

Q. Zhang, J. Li, M. Yao, L. Song, H. Zhou, Z. Li, W. Meng, X. Zhang, G. Wang, "VarGNet: Variable
Group Convolutional Neural Network for Efficient Embedded Computing", arXiv 2019.
"""

from .net import VarGNet

__all__ = ["VarGNet"]
