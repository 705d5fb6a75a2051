"""`vitrine finetune`: teach a network the own catalog, and make it the embedder."""

from pathlib import Path
from typing import Annotated, Any

import typer

from vitrine.cli import output
from vitrine.cli.options import AsJson, Folder


def finetune(
    start: Annotated[
        str,
        typer.Option(
            "--from",
            help="The network that comes with Vitrine, weights of MobileNetV2 (.npz), an .onnx that this command made of "
            "either, a Hugging Face model (folder or owner/name), or 'scratch'.",
        ),
    ] = "vitrine-s",
    attribute: Annotated[
        list[str] | None, typer.Option("--attribute", help="Learn only from this. Repeatable; by default from all.")
    ] = None,
    stage: Annotated[
        list[str] | None,
        typer.Option(
            "--stage",
            help="EPOCHS:BLOCKS, in which only the last blocks learn; 0 = the heads alone, all = everything. Repeatable; "
            "by default 1:0, 5:6.",
        ),
    ] = None,
    size: Annotated[
        int | None, typer.Option("--size", help="Side of the pictures; by default the start's own.")
    ] = None,
    batch: Annotated[int, typer.Option("--batch", help="Photos a batch.")] = 64,
    accumulate: Annotated[int, typer.Option("--accumulate", help="Batches a step of the optimizer.")] = 1,
    optimizer: Annotated[
        str, typer.Option("--optimizer", help="adamw, adam, nadam, adamax, sgd or rmsprop.")
    ] = "adamw",
    rate: Annotated[float, typer.Option("--rate", help="Learning rate of the heads.")] = 2e-3,
    schedule: Annotated[str, typer.Option("--schedule", help="cosine (with a warm-up) or plateau.")] = "cosine",
    patience: Annotated[int, typer.Option("--patience", help="Epochs without a better score before it stops.")] = 6,
    views: Annotated[
        int, typer.Option("--views", help="Augmented views kept while lower blocks are frozen; 0 = anew each epoch.")
    ] = 4,
    crop: Annotated[float, typer.Option("--crop", help="Least share of the area that a random crop keeps.")] = 0.5,
    mirror: Annotated[bool, typer.Option("--mirror/--no-mirror", help="Mirror half of the photos.")] = True,
    jitter: Annotated[float, typer.Option("--jitter", help="Strength of the color jitter; 0 = none.")] = 0.1,
    randaugment: Annotated[int, typer.Option("--randaugment", help="RandAugment operations a photo; 0 = none.")] = 0,
    magnitude: Annotated[float, typer.Option("--magnitude", help="RandAugment's magnitude, 0 to 1.")] = 0.3,
    mixup: Annotated[float, typer.Option("--mixup", help="Beta parameter of mixup; 0 = none.")] = 0.0,
    cutmix: Annotated[float, typer.Option("--cutmix", help="Beta parameter of CutMix; 0 = none.")] = 0.0,
    balanced: Annotated[bool, typer.Option("--balanced", help="Draw rare values more often.")] = False,
    keep: Annotated[float, typer.Option("--keep", help="How strongly to keep what the start knew; 0 = not.")] = 0.0,
    metric: Annotated[str | None, typer.Option("--metric", help="Also learn distances: contrastive or proxy.")] = None,
    metric_over: Annotated[
        str, typer.Option("--metric-over", help="With --metric: what is alike, 'family' or an attribute.")
    ] = "family",
    bf16: Annotated[bool, typer.Option("--bf16", help="Products in bfloat16, where the processor has it.")] = False,
    trials: Annotated[int, typer.Option("--trials", help="Search so many recipes first (Optuna, with pruning).")] = 0,
    seed: Annotated[int, typer.Option("--seed", help="Another seed draws everything anew.")] = 0,
    use: Annotated[bool, typer.Option("--use", help="Enter the network in vitrine.toml as the embedder.")] = False,
    workspace: Folder = Path("."),
    as_json: AsJson = False,
) -> None:
    """Teach a network all attributes of this catalog, from its train part alone, and export it as an embedder.

    Interrupted, the same command continues. With --use the next [dim]vitrine train[/] embeds with it.

    [dim]vitrine finetune --use[/]

    [dim]vitrine finetune --from facebook/dinov2-small --stage 3:0 --stage 5:4[/]
    """
    import vitrine
    from vitrine.training import need_torch

    need_torch()
    from vitrine.finetune.augment import Augmentation
    from vitrine.finetune.job import finish, prepare
    from vitrine.finetune.recipe import Metric, Recipe, read_stage
    from vitrine.finetune.study import search

    augmentation = Augmentation(crop, mirror, jitter, randaugment, magnitude, mixup, cutmix)
    given: dict[str, Any] = {"stages": tuple(map(read_stage, stage))} if stage else {}
    recipe = Recipe(
        size=size, batch=batch, accumulate=accumulate, optimizer=optimizer, rate=rate, schedule=schedule,  # type: ignore[arg-type]
        patience=patience, views=views, balanced=balanced, keep=keep, augmentation=augmentation, bf16=bf16, seed=seed,
        metric=Metric(metric, metric_over) if metric else None,  # type: ignore[arg-type]
        **given,
    )  # fmt: skip
    opened = vitrine.open(workspace)
    with output.progress("photos") as decoding:
        prepared = prepare(opened, opened.freeze(), start, recipe, attributes=attribute, on_photos=decoding)
    searched: dict[str, Any] = {}
    if trials:
        with output.progress("trials") as trying:
            found = search(prepared, recipe, trials=trials, on_trial=trying)
        recipe = found.recipe
        searched = {"search": {"trials": found.trials, "pruned": found.pruned, "score": found.score}}
    with output.progress("learn") as learning:
        fitted = prepared.fit(recipe, on_photos=learning)
    report = finish(prepared, recipe, fitted, use=use) | searched
    if as_json:
        output.show_json(report)
    else:
        _show(report)


def _show(report: dict[str, Any]) -> None:
    figures = report["figures"]
    rows = [
        (name, count, output.percent(figures.get(f"accuracy.{name}")), output.percent(figures.get(f"recall@1.{name}")))
        for name, count in report["attributes"].items()
    ]
    title = f"Epoch {report['epoch']} of {report['epochs']} on {report['judged']:,} photos of families held out"
    output.show_table(title, ["attribute", "values", "accuracy", "recall@1"], rows)
    output.say(f"fine recall@1: {output.percent(figures.get('recall@1.fine'))}")
    for name, reason in report["left_out"].items():
        output.say(f"not learnt: {name} ({reason})")
    output.say(f"report: {report['report']}")
    output.say(f"network: {report['network']} ({report['bytes'] / 1e6:.1f} MB)")
    output.say(
        "it is the embedder now; next: vitrine train" if report["used"] else "to embed with it: the same with --use"
    )
