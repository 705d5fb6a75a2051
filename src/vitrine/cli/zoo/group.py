"""`vitrine zoo group`: clusters of pictures against their classes."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from vitrine.cli import output
from vitrine.cli.options import AsJson
from vitrine.cli.zoo.options import Data, Drawn, Home, Threads, open_garments


def group(
    name: Annotated[str, typer.Argument(help="The entry whose network looks at the pictures.")],
    seed: Annotated[int, typer.Option("--seed", min=0, help="Which of its runs.")] = 0,
    map_file: Annotated[
        Path | None, typer.Option("--map", help="Draw a map of the pictures: FILE.svg or FILE.png.")
    ] = None,
    data: Data = None,
    drawn: Drawn = False,
    threads: Threads = 0,
    folder: Home = None,
    as_json: AsJson = False,
) -> None:
    """Group the validation pictures without their classes, by pixels and by what a network saw, and compare.

    [dim]vitrine zoo group resnet-fast --map map.svg[/]
    """
    from vitrine.zoo.entries import entry

    known = entry(name)
    learnt, home = open_garments(folder, data=data, drawn=drawn, threads=threads)
    from vitrine.zoo import group as grouping
    from vitrine.zoo.run import Unit

    part = learnt.validation
    seen = grouping.seen_by_network(Unit(known, seed, home), part)
    found = [grouping.group("pixels", grouping.pixels(part), part.labels), grouping.group(name, seen, part.labels)]
    if map_file is not None:
        grouping.draw_map(seen, part.labels, map_file)
    if as_json:
        output.show_json([asdict(one) for one in found])
        return
    rows = [
        (one.seen_by, _figure(one.ari, one.ari_over_starts), _figure(one.nmi, one.nmi_over_starts), one.n)
        for one in found
    ]
    output.show_table("Ten clusters against the ten classes", ["seen by", "ARI", "NMI", "n"], rows)


def _figure(mean: float, half: float | None) -> str:
    return f"{mean:.3f}" if half is None else f"{mean:.3f} ± {half:.3f}"
