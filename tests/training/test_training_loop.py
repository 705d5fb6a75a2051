"""The training loop: what is killed goes on with the same bits, what cannot go on says why and keeps what it had."""

import itertools
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the extra 'train' is not installed: make test EXTRAS=train")

import torch
from small_task import EPOCHS, Stripes, optimization, run, stripes

from vitrine.errors import InputError, Refused, StorageError
from vitrine.training import checkpoint
from vitrine.training.batches import Rows
from vitrine.training.loop import BEST, LAST, Optimization, Rule, Validation, load_best, train

SCRIPT = Path(__file__).parent / "small_task.py"


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return checkpoint.load(folder / LAST)["network"]


def same(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def kill_after(folder: Path, epochs: int) -> None:
    """Start the training as a process of its own and kill it, unasked, when so many epochs are through."""
    with subprocess.Popen([sys.executable, str(SCRIPT), str(folder)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) >= epochs:
                os.kill(process.pid, signal.SIGKILL)
                break
        assert process.wait() == -signal.SIGKILL


def test_a_training_that_was_killed_goes_on_with_the_same_bits(tmp_path: Path) -> None:
    straight = run(tmp_path / "straight")
    kill_after(tmp_path / "killed", 2)
    began_at = len(checkpoint.load(tmp_path / "killed" / LAST)["history"])
    resumed = run(tmp_path / "killed")
    assert 2 <= began_at < EPOCHS
    assert [e.loss for e in resumed.history] == [e.loss for e in straight.history]
    assert [e.rate for e in resumed.history] == [e.rate for e in straight.history]
    assert same(weights(tmp_path / "killed"), weights(tmp_path / "straight"))
    assert (tmp_path / "killed" / BEST).read_bytes() == (tmp_path / "straight" / BEST).read_bytes()


def test_it_learns_and_keeps_the_best_weights(tmp_path: Path) -> None:
    training = run(tmp_path)
    assert training.finished == "epochs" and len(training.history) == EPOCHS
    assert (
        training.best is not None and training.best.score == max(e.score for e in training.history) > 0.7
    )  # chance is 0.5
    task = Stripes()
    load_best(task.network, tmp_path)
    assert task.validate().score == training.best.score


def test_it_stops_when_asked_and_continues(tmp_path: Path) -> None:
    first = run(tmp_path, go_on=lambda: False)
    assert (len(first.history), first.finished) == (1, "")
    assert run(tmp_path).finished == "epochs"


def test_a_finished_training_is_not_trained_again(tmp_path: Path) -> None:
    run(tmp_path)
    before = (tmp_path / LAST).stat().st_mtime_ns
    assert run(tmp_path).finished == "epochs"
    assert (tmp_path / LAST).stat().st_mtime_ns == before


class Worse(Stripes):
    """Validates worse after every epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.scores = itertools.count(0, -1)

    def validate(self) -> Validation:
        return Validation(float(next(self.scores)))


def test_early_stopping_and_a_rate_reduced_on_a_plateau(tmp_path: Path) -> None:
    task = Worse()
    optimizer = torch.optim.SGD(task.network.parameters(), lr=0.1)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode="max", factor=0.5, patience=0)
    how = Optimization(optimizer, plateau=plateau)
    training = train(task, how, Rule(epochs=50, patience=3), tmp_path, identity={})
    assert (len(training.history), training.finished) == (4, "patience")
    assert [e.rate for e in training.history] == [0.1, 0.1, 0.05, 0.025]


class Exploding(Stripes):
    """The loss of its third epoch is no number."""

    def begin(self, epoch: int) -> None:
        super().begin(epoch)
        self.factor = float("nan") if epoch == 3 else 1.0

    def loss(self, batch):
        return super().loss(batch) * self.factor


def test_a_loss_that_is_no_number_stops_and_keeps_the_last_good_checkpoint(tmp_path: Path) -> None:
    task = Exploding()
    with pytest.raises(Refused, match=r"epoch 3, batch 1: the loss is nan .* checkpoint of epoch 2"):
        train(task, optimization(task), Rule(epochs=EPOCHS), tmp_path, identity={})
    assert len(checkpoint.load(tmp_path / LAST)["history"]) == 2
    assert all(torch.isfinite(tensor.float()).all() for tensor in weights(tmp_path).values())


class Greedy(Stripes):
    """Has memory for 5 rows."""

    def loss(self, batch):
        if len(batch[0]) > 5:
            torch.empty(1 << 60)  # more than any machine has: the allocator's own error
        return super().loss(batch)


def test_without_memory_it_says_which_batch_fits(tmp_path: Path) -> None:
    task = Greedy(size=16)
    with pytest.raises(InputError, match="a batch of 16 does not fit") as error:
        train(task, optimization(task), Rule(epochs=1), tmp_path, identity={})
    assert error.value.hint == "a batch of 4 fits"


def test_a_folder_of_another_training_is_refused(tmp_path: Path) -> None:
    run(tmp_path)
    task = Stripes()
    with pytest.raises(Refused, match="entry = 'stripes', not 'checks'"):
        train(task, optimization(task), Rule(epochs=1), tmp_path, identity={"entry": "checks"})


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    run(tmp_path)
    whole = (tmp_path / LAST).read_bytes()
    (tmp_path / LAST).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(StorageError, match=r"last\.safetensors is damaged") as error:
        run(tmp_path)
    assert "rm" in error.value.hint


def test_accumulated_batches_learn_as_one(tmp_path: Path) -> None:
    def learnt(size: int, accumulate: int) -> torch.Tensor:
        torch.manual_seed(0)
        task = Stripes()
        task.network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 2))
        task._rows = Rows(stripes(64, seed=1), size=size, seed=3)
        how = Optimization(torch.optim.SGD(task.network.parameters(), lr=0.1))
        train(task, how, Rule(epochs=1, accumulate=accumulate), tmp_path / str(size), identity={})
        return task.network[1].weight.detach()

    torch.testing.assert_close(learnt(32, 1), learnt(8, 4))


def test_bf16_learns_too(tmp_path: Path) -> None:
    task = Stripes()
    training = train(task, optimization(task), Rule(epochs=EPOCHS, bf16=True), tmp_path, identity={})
    assert training.best is not None and training.best.score > 0.7  # chance is 0.5
    assert all(parameter.dtype == torch.float32 for parameter in task.network.parameters())
