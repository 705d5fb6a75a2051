"""Options that several market commands share."""

from typing import Annotated

import typer


def _known(name: str) -> str:
    """The task's name, looked at before anything that takes seconds to load."""
    from vitrine.market.tasks import task

    return task(name).name


Task = Annotated[str, typer.Argument(help="churn, activation, delay or segments.", callback=_known)]
Trials = Annotated[int, typer.Option("--trials", min=1, help="Settings of the trees to try.")]
Seed = Annotated[int, typer.Option("--seed", help="Seed of everything random.")]
