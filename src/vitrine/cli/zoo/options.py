"""Options that several zoo commands share, and how a run is told while it goes."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vitrine.cli import output

if TYPE_CHECKING:
    from vitrine.training.loop import Training
    from vitrine.zoo.data import GarmentSet
    from vitrine.zoo.results import Evidence
    from vitrine.zoo.run import Unit

Home = Annotated[Path | None, typer.Option("--folder", help="Where runs are kept; by default among your user's data.")]
Data = Annotated[Path | None, typer.Option("--data", help="Folder with the four IDX files of Fashion-MNIST.")]
Drawn = Annotated[bool, typer.Option("--drawn", help="Learn from drawn garments, offline: behavior, no accuracy.")]
Threads = Annotated[int, typer.Option("--threads", min=0, help="Processor threads; 0 = all.")]


def open_garments(folder: Path | None, *, data: Path | None, drawn: bool, threads: int) -> "tuple[GarmentSet, Path]":
    """What is learnt and the folder of its runs, with torch ready to use so many threads (0: its own choice)."""
    use_torch(threads)
    from vitrine.zoo.home import default_home, garments

    return garments(folder or default_home(), data=data, drawn=drawn)


def use_torch(threads: int) -> None:
    """Make sure that torch is there, and let it use so many threads; 0 leaves its own choice."""
    from vitrine.training import need_torch

    need_torch()
    if threads:
        import torch

        torch.set_num_threads(threads)


def words(unit: "Unit") -> str:
    """A unit in words."""
    return f"{unit.entry.name}, seed {unit.seed}"


def say_epoch(unit: "Unit", training: "Training") -> None:
    """A line on stderr after an epoch."""
    epoch = training.history[-1]
    left = (unit.entry.recipe.epochs - epoch.epoch) * epoch.seconds / 60
    output.say(
        f"{words(unit)}: {epoch.epoch}/{unit.entry.recipe.epochs}, loss {epoch.loss:.3f}, "
        f"validation {100 * epoch.score:.2f} %, {epoch.seconds:.0f} s, {left:.0f} min left"
    )


def say_judged(evidence: "Evidence") -> None:
    """A line on stderr after a run was judged."""
    one = evidence.result
    output.say(
        f"{one.entry}, seed {one.seed}: {100 * one.accuracy:.2f} % of {one.n:,} test pictures after {one.epochs} epochs "
        f"({one.seconds:,.0f} s); worst class {one.worst_class}, F1 {one.worst_f1:.3f}"
    )
