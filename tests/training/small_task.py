"""A small task for the tests of the loop: noisy stripes, a network with everything that could break resuming."""

import sys
import time
from pathlib import Path

import torch
from torch import nn

from vitrine.training.augment import erase, flip, shift
from vitrine.training.batches import Rows
from vitrine.training.loop import Batch, Optimization, Rule, Training, Validation, train

EPOCHS = 5


def stripes(rows: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Pictures (rows, 1, 8, 8) of upright or level stripes under noise, and which of the two."""
    generator = torch.Generator().manual_seed(seed)
    upright = torch.arange(rows) % 2
    wave = (torch.arange(8) % 2).float()
    pictures = torch.where(upright[:, None, None] == 1, wave[None, None, :], wave[None, :, None]).unsqueeze(1)
    return pictures + 0.3 * torch.randn(rows, 1, 8, 8, generator=generator), upright


def augment(pictures: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    return erase(shift(flip(pictures, generator), generator, by=1), generator, share=0.5, largest=0.4)


class Stripes:
    """Upright or level stripes, from batches of 16 out of 64."""

    def __init__(self, *, size: int = 16) -> None:
        torch.manual_seed(7)
        self.network = nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.3), nn.Flatten(), nn.Linear(144, 2)
        )
        self._rows = Rows(stripes(64, seed=1), size=size, seed=3, augment=augment)
        self._validation = stripes(64, seed=2)

    def begin(self, epoch: int) -> None:
        self.network.train()

    def batches(self, epoch: int):
        return self._rows.epoch(epoch)

    def loss(self, batch: Batch) -> torch.Tensor:
        return nn.functional.cross_entropy(self.network(batch[0]), batch[1])

    def validate(self) -> Validation:
        self.network.eval()
        with torch.no_grad():
            right = self.network(self._validation[0]).argmax(1) == self._validation[1]
        return Validation(float(right.float().mean()))


def optimization(task: Stripes, *, rate: float = 0.01) -> Optimization:
    optimizer = torch.optim.RMSprop(task.network.parameters(), lr=rate, momentum=0.9)
    steps = EPOCHS * 4
    return Optimization(optimizer, torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=rate, total_steps=steps))


def run(folder: Path, *, on_epoch=lambda training: None, go_on=lambda: True) -> Training:
    task = Stripes()
    rule = Rule(epochs=EPOCHS, seed=5, clip_norm=1.0, accumulate=1)
    return train(task, optimization(task), rule, folder, identity={"entry": "stripes"}, on_epoch=on_epoch, go_on=go_on)


if __name__ == "__main__":
    torch.set_num_threads(1)

    def slowly(training: Training) -> None:
        print(len(training.history), flush=True)
        time.sleep(0.2)

    run(Path(sys.argv[1]), on_epoch=slowly)
