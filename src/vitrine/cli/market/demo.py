"""`vitrine market demo`: the whole road on a simulated marketplace."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vitrine.cli import output
from vitrine.cli.market.options import Seed
from vitrine.cli.options import AsJson

if TYPE_CHECKING:
    from vitrine.market.demo import DemoReport


def demo(
    folder: Annotated[Path, typer.Option("--folder", help="Where to simulate and work.")] = Path("market-demo"),
    sellers: Annotated[int, typer.Option("--sellers", help="Sellers that sell at least once.")] = 1_000,
    orders: Annotated[int, typer.Option("--orders", help="Orders.")] = 30_000,
    seed: Seed = 7,
    as_json: AsJson = False,
) -> None:
    """Simulate a marketplace with planted truth, run everything on it, and compare with the truth. Offline."""
    from contextlib import ExitStack

    from vitrine.market.demo import run_demo

    with ExitStack() as bars:

        def watch(stage: str) -> Callable[[int, int], None]:
            bars.close()
            callback: Callable[[int, int], None] = bars.enter_context(output.progress(stage))
            return callback

        found = run_demo(folder, sellers=sellers, orders=orders, seed=seed, watch=watch)
    if as_json:
        output.show_json(found.as_dict())
        return
    _show_demo(found)


def _show_demo(found: "DemoReport") -> None:
    rows = []
    for task, one in found.training.items():
        truth, honest, claimed = found.truth[task], one["auc_out_of_time"], one["leak_tax"]["claimed"]
        mean = f"{output.decimals(honest['mean'])} ({output.interval(honest)})"
        within = " / ".join(output.decimals(truth["within_months"][side]["mean"]) for side in ("model", "planted"))
        rows.append(
            (
                task,
                f"{honest['n']:,}",
                mean,
                output.decimals(truth["auc"]["planted"]),
                within,
                output.decimals(claimed["mean"]),
            )
        )
    columns = ["task", "n", "AUC out of time", "planted", "within months", "careless split"]
    output.show_table("What the models find, and what is there to find on the same rows", columns, rows)
    for one in found.training.values():
        if "not_promoted" in one:
            output.say(f"No champion of {one['task']}: {one['not_promoted'].removeprefix('not promoted: ')}")
    rejected = sum(one["rejected"] for one in found.ingested["tables"].values())
    output.say(
        f"{rejected:,} faulty rows were planted and kept out, with reasons. {found.build['features']} features at "
        f"{found.build['reference_dates']} reference dates; {len(found.lookahead['leaks'])} of them look ahead."
    )
    names = "; ".join(f"{one['rows']:,} {one['words']}" for one in found.segments["segments"])
    output.say(f"{found.segments['k']} kinds of sellers: {names}.")
    for one in found.scores:
        output.say(f"{one['rows']:,} scored for {one['task']} at {one['reference_date']}.")
    output.say("\nSimulated orders prove that the road works, never how good it is on yours.")
    output.say(f"All of it: {found.seconds:.0f} s.")
    output.say(f"Look at  {found.report}")
    output.say("Then, with files of your own:  vitrine market ingest DIR")
