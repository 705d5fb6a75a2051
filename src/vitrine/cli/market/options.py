"""Options that several market commands share."""

from typing import Annotated

import typer

Task = Annotated[str, typer.Argument(help="churn, activation, delay or segments.")]
Trials = Annotated[int, typer.Option("--trials", min=1, help="Settings of the trees to try.")]
Seed = Annotated[int, typer.Option("--seed", help="Seed of everything random.")]
