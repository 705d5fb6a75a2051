"""What a network costs: its parameters as Keras counts them, and the multiplications to answer one picture.

>>> network = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(2 * 28 * 28, 10))
>>> parameters(network), multiply_adds(network)
(15718, 29792)
"""

from collections.abc import Callable

import torch
from torch import nn


def parameters(network: nn.Module) -> int:
    """Learnt numbers, with the running means and variances of batch normalization."""
    learnt = sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
    running = sum(buffer.numel() for name, buffer in network.named_buffers() if name.endswith(("_mean", "_var")))
    return int(learnt + running)


def multiply_adds(network: nn.Module) -> int:
    """Multiply-adds of convolutions, dense and recurrent layers for one picture; a FLOP count is twice as much.

    The products of attention scores (they would add 8 % to the transformer) are not counted.
    """
    counted: list[int] = []
    hooks = [module.register_forward_hook(_counter(counted)) for module in network.modules()]
    was_training = network.training
    with torch.no_grad():
        network.eval()(torch.zeros(1, 1, 28, 28))
    network.train(was_training)
    for hook in hooks:
        hook.remove()
    return sum(counted)


def _counter(counted: list[int]) -> Callable[[nn.Module, tuple[torch.Tensor, ...], object], None]:
    def count(module: nn.Module, inputs: tuple[torch.Tensor, ...], output: object) -> None:
        if isinstance(module, nn.Conv2d) and isinstance(output, torch.Tensor):
            counted.append(output.numel() * module.weight[0].numel())
        elif isinstance(module, nn.Linear):
            counted.append(inputs[0].numel() * module.out_features)
        elif isinstance(module, nn.RNNBase):
            weights = sum(one.numel() for name, one in module.named_parameters() if name.startswith("weight"))
            counted.append(inputs[0].shape[1] * weights)

    return count
