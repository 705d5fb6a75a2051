"""`vitrine zoo study`: the questions of the course, answered by trying."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vitrine.cli import output
from vitrine.cli.options import AsJson
from vitrine.cli.zoo.options import Data, Drawn, Home, Threads, open_garments, say_epoch, use_torch
from vitrine.errors import InputError, Refused

if TYPE_CHECKING:
    from vitrine.training.loop import Training
    from vitrine.zoo.outcomes import Finding, Outcome
    from vitrine.zoo.studies import Study


def study(
    name: Annotated[str | None, typer.Argument(help="The study; without a name they are listed.")] = None,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Repeat with so many seeds, from 0.")] = 3,
    photos: Annotated[
        Path | None, typer.Option("--photos", help="For the study 'brands': photos in one folder a brand.")
    ] = None,
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
    from vitrine.zoo.studies import BRANDS, BRANDS_QUESTION, STUDIES
    from vitrine.zoo.studies import study as study_of

    if name is None:
        rows = [(one.name, one.question, one.claim) for one in STUDIES]
        rows.append((BRANDS, BRANDS_QUESTION, "augmentation and Adamax were chosen"))
        if as_json:
            output.show_json([asdict(one) for one in STUDIES])
        else:
            output.show_table("", ["study", "question", "the course says"], rows)
        return
    question = BRANDS_QUESTION if name == BRANDS else study_of(name).question
    if show:
        outcomes = stored.read(name)
    elif name == BRANDS:
        outcomes = _study_brands(photos, repeats=seeds, threads=threads, folder=folder)
    else:
        outcomes = _run_study(study_of(name), seeds=seeds, data=data, drawn=drawn, threads=threads, folder=folder)
    if not outcomes:
        raise Refused(f"nothing is published about '{name}' yet", hint=f"vitrine zoo study {name} finds out")
    found = stored.findings(outcomes)
    if as_json:
        output.show_json([asdict(one) for one in found])
    else:
        _show_findings(question, found)


def _run_study(
    known: "Study", *, seeds: int, data: Path | None, drawn: bool, threads: int, folder: Path | None
) -> "list[Outcome]":
    learnt, home = open_garments(folder, data=data, drawn=drawn, threads=threads)
    from vitrine.zoo.run_study import run_study

    return run_study(known, learnt, home, seeds=seeds, on_epoch=say_epoch)


def _study_brands(photos: Path | None, *, repeats: int, threads: int, folder: Path | None) -> "list[Outcome]":
    use_torch(threads)
    from vitrine.zoo.brands import SIDE, study_brands
    from vitrine.zoo.home import default_home
    from vitrine.zoo.photos import read_photo_folder

    if photos is None:
        raise InputError("the study 'brands' needs photos", hint="vitrine zoo study brands --photos FOLDER")
    learnt = read_photo_folder(photos, side=SIDE)
    return study_brands(learnt, folder or default_home(), repeats=repeats, on_epoch=_say_fold)


def _say_fold(what: str, training: "Training") -> None:
    if training.finished:
        output.say(f"{what}: {100 * training.history[-1].score:.1f} % held out, {len(training.history)} epochs")


def _show_findings(question: str, found: "list[Finding]") -> None:
    rows = [
        (one.variation, f"{100 * one.last:.2f}", _half(one.over_seeds), f"{100 * one.best:.2f}",
         "–" if one.gain is None else f"{100 * one.gain:+.2f} ± {_half(one.gain_over_seeds)}",
         one.seeds, one.epochs, f"{one.cpu_seconds:,.0f}")
        for one in found
    ]  # fmt: skip
    columns = ["", "last %", "± seeds", "best %", "against the first", "seeds", "epochs", "CPU s"]
    output.show_table(f"{question} Accuracy on what was not learnt from", columns, rows)


def _half(half: float | None) -> str:
    return "–" if half is None else f"{100 * half:.2f}"
