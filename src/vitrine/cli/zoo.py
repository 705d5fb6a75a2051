"""`vitrine zoo …`: the study of small networks on Fashion-MNIST."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vitrine.cli import output
from vitrine.cli.options import AsJson
from vitrine.errors import InputError, Refused
from vitrine.zoo.fetch import SOURCE

if TYPE_CHECKING:
    from vitrine.training.loop import Training
    from vitrine.zoo.outcomes import Finding, Outcome
    from vitrine.zoo.results import Evidence, Summary
    from vitrine.zoo.run import Unit
    from vitrine.zoo.studies import Study

zoo = typer.Typer(no_args_is_help=True, help="Small networks on Fashion-MNIST under one protocol, with their evidence.")

Home = Annotated[Path | None, typer.Option("--folder", help="Where runs are kept; by default among your user's data.")]
Data = Annotated[Path | None, typer.Option("--data", help="Folder with the four IDX files of Fashion-MNIST.")]
Drawn = Annotated[bool, typer.Option("--drawn", help="Learn from drawn garments, offline: behavior, no accuracy.")]
Threads = Annotated[int, typer.Option("--threads", min=0, help="Processor threads; 0 = all.")]


@zoo.command("list")
def list_entries(as_json: AsJson = False) -> None:
    """List the networks: family, parameters, how each is trained, and its paper."""
    from vitrine.zoo.entries import ENTRIES

    if as_json:
        output.show_json([asdict(one) for one in ENTRIES])
        return
    rows = [
        (
            one.name,
            one.family,
            f"{one.parameters:,}",
            f"{one.recipe.epochs} × {one.recipe.optimizer}",
            one.says,
            one.paper,
        )
        for one in ENTRIES
    ]
    output.show_table("", ["entry", "family", "parameters", "training", "paper"], rows)


@zoo.command()
def fetch(
    source: Annotated[str, typer.Option("--source", help="Where the four files are: an http address.")] = SOURCE,
    folder: Home = None,
    as_json: AsJson = False,
) -> None:
    """Download Fashion-MNIST (31 MB, MIT license), check it by SHA-256; goes on where it broke off."""
    from vitrine.zoo.fetch import fetch as download
    from vitrine.zoo.home import data_folder, default_home

    with output.progress("fetch") as update:
        paths = download(data_folder(folder or default_home()), source=source, on_progress=update)
    if as_json:
        output.show_json([str(path) for path in paths])
    else:
        output.say(f"{len(paths)} files in {paths[0].parent}, whole and as published")


@zoo.command()
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
    from vitrine.training import need_torch

    need_torch()
    from vitrine.zoo.entries import ENTRIES, entry
    from vitrine.zoo.home import default_home, garments
    from vitrine.zoo.queue import run_units
    from vitrine.zoo.run import Unit

    if bool(names) == everything:
        raise InputError("name the entries to run, or --all", hint="vitrine zoo list shows them")
    entries = ENTRIES if everything else [entry(name) for name in names or []]
    _use_threads(threads)
    learnt, home = garments(folder or default_home(), data=data, drawn=drawn)
    units = [Unit(one, seed, home) for one in entries for seed in range(seeds)]
    judged, waiting = run_units(
        units, learnt, minutes=minutes, judge_unfinished=judge, on_epoch=_say_epoch, on_judged=_say_judged
    )
    if as_json:
        output.show_json(
            {"judged": [asdict(one.result) for one in judged], "waiting": [_words(one) for one in waiting]}
        )
    for unit in waiting:
        output.say(f"{_words(unit)} has not reached its {unit.entry.recipe.epochs} epochs: run it again to go on")
    if not judged:
        raise Refused("no run was finished, so test was not read", hint="run again to go on, or judge now with --judge")


@zoo.command()
def results(
    entry: Annotated[
        str | None, typer.Argument(help="One entry with its classes; by default the table of all.")
    ] = None,
    folder: Home = None,
    drawn: Drawn = False,
    mine: Annotated[bool, typer.Option("--mine", help="Your own runs instead of the published ones.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what was reached on the 10,000 test pictures: published results, or your own with --mine."""
    from vitrine.zoo import results as stored
    from vitrine.zoo.home import default_home

    home = folder or default_home()
    place = (home / "drawn" if drawn else home) if mine or drawn or folder else stored.SHIPPED
    evidence = [one for one in stored.read(place) if entry in (None, one.result.entry)]
    if not evidence:
        what = f"'{entry}'" if entry else "anything"
        raise Refused(f"there is no result of {what} in {place}", hint="vitrine zoo run resnet-fast makes one")
    if as_json:
        output.show_json(
            [asdict(one) for one in evidence] if entry else [asdict(one) for one in stored.summaries(evidence)]
        )
    elif entry:
        _show_entry(evidence)
    else:
        _show_summaries(stored.summaries(evidence))


@zoo.command()
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
    from vitrine.training import need_torch

    need_torch()
    from vitrine.zoo.entries import entry
    from vitrine.zoo.home import default_home, garments
    from vitrine.zoo.run import Unit, verify_unit

    _use_threads(threads)
    known = entry(name)
    learnt, home = garments(folder or default_home(), data=data, drawn=drawn)
    result = verify_unit(Unit(known, seed, home), learnt)
    if as_json:
        output.show_json(asdict(result))
    else:
        output.say(
            f"{name}, seed {seed}: {output.percent(result.accuracy)} of {result.n:,}, as the table says; "
            f"weights {result.weights_sha256[:12]}, commit {result.commit}"
        )


@zoo.command()
def study(
    name: Annotated[str | None, typer.Argument(help="The study; without a name they are listed.")] = None,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Repeat with so many seeds, from 0.")] = 3,
    show: Annotated[bool, typer.Option("--show", help="Show what is published instead of training.")] = False,
    data: Data = None,
    drawn: Drawn = False,
    threads: Threads = 0,
    folder: Home = None,
    as_json: AsJson = False,
) -> None:
    """Answer one of the course study's questions by trying the variations; judged on validation, test is never read.

    [dim]vitrine zoo study optimizer[/]
    """
    from vitrine.zoo import outcomes as stored
    from vitrine.zoo.studies import STUDIES
    from vitrine.zoo.studies import study as study_of

    if name is None:
        rows = [(one.name, one.question, one.claim, len(one.variations)) for one in STUDIES]
        if as_json:
            output.show_json([asdict(one) for one in STUDIES])
        else:
            output.show_table("", ["study", "question", "the course says", "variations"], rows)
        return
    known = study_of(name)
    if show:
        outcomes = stored.read(name)
    else:
        outcomes = _run_study(known, seeds=seeds, data=data, drawn=drawn, threads=threads, folder=folder)
    if not outcomes:
        raise Refused(f"nothing is published about '{name}' yet", hint=f"vitrine zoo study {name} finds out")
    found = stored.findings(outcomes)
    if as_json:
        output.show_json([asdict(one) for one in found])
    else:
        _show_findings(known.question, found)


def _run_study(
    known: "Study", *, seeds: int, data: Path | None, drawn: bool, threads: int, folder: Path | None
) -> "list[Outcome]":
    from vitrine.training import need_torch

    need_torch()
    from vitrine.zoo.home import default_home, garments
    from vitrine.zoo.run_study import run_study

    _use_threads(threads)
    learnt, home = garments(folder or default_home(), data=data, drawn=drawn)
    return run_study(known, learnt, home, seeds=seeds, on_epoch=_say_epoch)


def _show_findings(question: str, found: "list[Finding]") -> None:
    rows = [
        (one.variation, f"{100 * one.last:.2f}", _half(one.over_seeds), f"{100 * one.best:.2f}",
         "–" if one.gain is None else f"{100 * one.gain:+.2f} ± {_half(one.gain_over_seeds)}",
         one.seeds, one.epochs, f"{one.seconds:,.0f}")
        for one in found
    ]  # fmt: skip
    columns = ["", "last %", "± seeds", "best %", "against the first", "seeds", "epochs", "seconds"]
    output.show_table(f"{question} Accuracy on validation", columns, rows)


def _half(half: float | None) -> str:
    return "–" if half is None else f"{100 * half:.2f}"


def _use_threads(threads: int) -> None:
    if threads:
        import torch

        torch.set_num_threads(threads)


def _words(unit: "Unit") -> str:
    return f"{unit.entry.name}, seed {unit.seed}"


def _say_epoch(unit: "Unit", training: "Training") -> None:
    epoch = training.history[-1]
    left = (unit.entry.recipe.epochs - epoch.epoch) * epoch.seconds / 60
    output.say(
        f"{_words(unit)}: epoch {epoch.epoch}/{unit.entry.recipe.epochs}, loss {epoch.loss:.3f}, "
        f"validation {100 * epoch.score:.2f} %, {epoch.seconds:.0f} s, {left:.0f} min left"
    )


def _say_judged(evidence: "Evidence") -> None:
    one = evidence.result
    output.say(
        f"{one.entry}, seed {one.seed}: {100 * one.accuracy:.2f} % of {one.n:,} test pictures after {one.epochs} epochs "
        f"({one.seconds:,.0f} s); worst class {one.worst_class}, F1 {one.worst_f1:.3f}"
    )


def _show_summaries(summaries: "list[Summary]") -> None:
    columns = ["entry", "%", "± seeds", "n", "95 % pictures", "worst class", "epochs", "seconds", "parameters"]
    output.show_table("Accuracy on the test pictures", columns, [_row(one) for one in summaries])


def _row(one: "Summary") -> tuple[object, ...]:
    epochs = str(one.epochs) if one.epochs == one.planned else f"{one.epochs} of {one.planned}"
    low, high = one.pictures
    return (
        one.entry, f"{100 * one.accuracy:.2f}", _half(one.over_seeds),
        one.seeds, f"{100 * low:.1f}–{100 * high:.1f}", f"{one.worst_class} {one.worst_f1:.3f}", epochs,
        f"{one.seconds:,.0f}", f"{one.parameters:,}",
    )  # fmt: skip


def _show_entry(evidence: "list[Evidence]") -> None:
    from vitrine.zoo.results import class_scores

    for one in evidence:
        _say_judged(one)
        rows = [
            (score.name, f"{score.precision:.3f}", f"{score.recall:.3f}", f"{score.f1:.3f}")
            for score in class_scores(one.confusion)
        ]
        output.show_table(f"seed {one.result.seed}", ["class", "precision", "recall", "F1"], rows)
