"""The convolutional network of the brand study: plain, with its number of blocks to choose."""

from torch import nn


def photo_cnn(classes: int, side: int, blocks: int = 3) -> nn.Module:
    """`blocks` times a convolution (32, 64, 128, 128 … filters) and pooling, dropout, a dense layer of 128."""
    layers: list[nn.Module] = []
    channels = 3
    for block in range(blocks):
        filters = min(32 * 2**block, 128)
        layers += [nn.Conv2d(channels, filters, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        channels, side = filters, side // 2
    dense = [nn.Flatten(), nn.Dropout(0.5), nn.Linear(channels * side * side, 128), nn.ReLU(), nn.Linear(128, classes)]
    return nn.Sequential(*layers, *dense)
