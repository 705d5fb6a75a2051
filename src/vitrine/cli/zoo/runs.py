"""`vitrine zoo fetch`, `run`, `verify`: data in, networks trained and judged, results checked."""

from dataclasses import asdict
from typing import Annotated

import typer

from vitrine.cli import output
from vitrine.cli.options import AsJson
from vitrine.cli.zoo.options import Data, Drawn, Home, Threads, open_garments, say_epoch, say_judged, words
from vitrine.errors import InputError, Refused


def fetch(
    source: Annotated[
        str | None,
        typer.Option("--source", help="Where the four files are: an http address; its publisher's by default."),
    ] = None,
    folder: Home = None,
    as_json: AsJson = False,
) -> None:
    """Download Fashion-MNIST (31 MB, MIT license), check it by SHA-256; goes on where it broke off."""
    from vitrine.zoo.fetch import SOURCE
    from vitrine.zoo.fetch import fetch as download
    from vitrine.zoo.home import data_folder, default_home

    with output.progress("fetch") as update:
        paths = download(data_folder(folder or default_home()), source=source or SOURCE, on_progress=update)
    if as_json:
        output.show_json([str(path) for path in paths])
    else:
        output.say(f"{len(paths)} files in {paths[0].parent}, whole and as published")


def run(
    names: Annotated[list[str] | None, typer.Argument(help="Entries; vitrine zoo list shows them.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All entries.")] = False,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Repeat with so many seeds, from 0.")] = 1,
    minutes: Annotated[
        float | None, typer.Option("--minutes", help="Stop each run after so long; run again to go on.")
    ] = None,
    judge: Annotated[
        bool, typer.Option("--judge", help="Read test for unfinished runs, too; counted as a look.")
    ] = False,
    data: Data = None,
    drawn: Drawn = False,
    threads: Threads = 0,
    folder: Home = None,
    as_json: AsJson = False,
) -> None:
    """Train entries and judge them on the 10,000 test pictures. Interrupted runs go on where they stopped.

    [dim]vitrine zoo run resnet-fast --seeds 3[/]

    [dim]vitrine zoo run --all --minutes 30[/]
    """
    from vitrine.zoo.entries import ENTRIES, entry

    if bool(names) == everything:
        raise InputError("name the entries to run, or --all", hint="vitrine zoo list shows them")
    entries = ENTRIES if everything else [entry(name) for name in names or []]
    learnt, home = open_garments(folder, data=data, drawn=drawn, threads=threads)
    from vitrine.zoo.queue import run_units
    from vitrine.zoo.run import Unit

    units = [Unit(one, seed, home) for one in entries for seed in range(seeds)]
    judged, waiting = run_units(
        units, learnt, minutes=minutes, judge_unfinished=judge, on_epoch=say_epoch, on_judged=say_judged
    )
    if not judged:
        raise Refused(
            f"test was not read: {'; '.join(map(words, waiting))} did not reach the last epoch",
            hint="run again to go on, or judge now with --judge",
        )
    if as_json:
        output.show_json({"judged": [asdict(one.result) for one in judged], "waiting": [words(one) for one in waiting]})
    for unit in waiting:
        output.say(f"{words(unit)} has not reached its {unit.entry.recipe.epochs} epochs: run it again to go on")


def verify(
    name: Annotated[str, typer.Argument(help="The entry.")],
    seed: Annotated[int, typer.Option("--seed", min=0, help="Which of its runs.")] = 0,
    data: Data = None,
    drawn: Drawn = False,
    threads: Threads = 0,
    folder: Home = None,
    as_json: AsJson = False,
) -> None:
    """Answer the test pictures anew from a run's weights. Exit 1: weights or accuracy are not as the table says."""
    from vitrine.zoo.entries import entry

    known = entry(name)
    learnt, home = open_garments(folder, data=data, drawn=drawn, threads=threads)
    from vitrine.zoo.run import Unit, verify_unit

    result = verify_unit(Unit(known, seed, home), learnt)
    if as_json:
        output.show_json(asdict(result))
    else:
        output.say(
            f"{name}, seed {seed}: {output.percent(result.accuracy)} of {result.n:,}, as the table says; "
            f"weights {result.weights_sha256[:12]}, commit {result.commit}"
        )
