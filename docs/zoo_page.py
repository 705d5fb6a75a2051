"""The page docs/reference/zoo.md and its plots, from the results that come with Vitrine.

python docs/zoo_page.py    draws docs/images/zoo-*.svg; the page itself is written by docs/generate.py
"""

from collections.abc import Callable
from pathlib import Path

from vitrine.zoo.data import CLASSES
from vitrine.zoo.entries import ENTRIES
from vitrine.zoo.outcomes import findings
from vitrine.zoo.outcomes import read as read_outcomes
from vitrine.zoo.results import Evidence, Summary, class_scores, read, summaries
from vitrine.zoo.studies import BRANDS, BRANDS_QUESTION, STUDIES

IMAGES = Path(__file__).parent / "images"
PLOTS = {
    "accuracy": "Accuracy on the 10,000 test pictures with 95 % intervals",
    "curves": "Accuracy on validation after each epoch",
    "confusion": "Which classes the best network takes for which",
}


def zoo_page() -> str:
    """Tables of all published results and studies."""
    evidence = read()
    lines = [
        "# Results of the zoo",
        "",
        "Written by `make docs` from the results that come with Vitrine; how they came about:",
    ]
    lines += ["[the Fashion-MNIST study](../guides/fashion-mnist.md)."]
    if evidence:
        lines += ["", *_picture("accuracy"), "", *_table(summaries(evidence)), "", *_picture("curves")]
        lines += ["", "## By class", "", *_classes(evidence), "", *_picture("confusion")]
        lines += ["", "## Evidence", "", *_evidence(evidence)]
    lines += ["", "## Networks that can be run", "", *_entries()]
    lines += _studies()
    return "\n".join(lines) + "\n"


def _picture(name: str) -> list[str]:
    dark, light = f"../images/zoo-{name}-dark.svg", f"../images/zoo-{name}-light.svg"
    source = f'<source media="(prefers-color-scheme: dark)" srcset="{dark}">'
    return [f'<picture>{source}<img src="{light}" alt="{PLOTS[name]}"></picture>']


def _table(entries: list[Summary]) -> list[str]:
    rows = [
        "| network | accuracy | over seeds | over pictures | worst class, F1 | epochs | s (CPU s) | parameters | mult-adds |"
    ]
    rows += ["|---|---|---|---|---|---|---|---|---|"]
    for one in entries:
        seeds = f"{one.seeds} seed" if one.over_seeds is None else f"± {100 * one.over_seeds:.2f}, {one.seeds} seeds"
        epochs = str(one.epochs) if one.epochs == one.planned else f"{one.epochs} of {one.planned}"
        low, high = one.pictures
        seconds = f"{one.seconds:,.0f} ({one.cpu_seconds:,.0f})"
        rows.append(
            f"| {one.entry} | {100 * one.accuracy:.2f} % | {seeds} | {100 * low:.2f}–{100 * high:.2f} | "
            f"{one.worst_class} {one.worst_f1:.3f} | {epochs} | {seconds} | {one.parameters:,} | "
            f"{one.multiply_adds / 1e6:.1f} M |"
        )
    return rows


def _classes(evidence: list[Evidence]) -> list[str]:
    first = {one.result.entry: one for one in reversed(evidence)}
    names = [one.entry for one in summaries(evidence)]
    rows = [f"F1 of each class, first seed. | {' | '.join(names)}", "|".join(["---"] * (len(names) + 1))]
    scores = {name: class_scores(first[name].confusion) for name in names}
    for k, label in enumerate(CLASSES):
        rows.append(f"| {label} | " + " | ".join(f"{scores[name][k].f1:.3f}" for name in names) + " |")
    return [f"| {rows[0]} |", f"|{rows[1]}|", *rows[2:]]


def _evidence(evidence: list[Evidence]) -> list[str]:
    rows = [
        "| network | seed | best epoch | looks at test | device, threads | arithmetic | weights | commit | judged |"
    ]
    rows += ["|---|---|---|---|---|---|---|---|---|"]
    for one in (each.result for each in evidence):
        rows.append(
            f"| {one.entry} | {one.seed} | {one.best_epoch} | {one.looks} | {one.device}, {one.threads} | {one.arithmetic} | "
            f"`{one.weights_sha256[:12]}` | `{one.commit}` | {one.judged_at[:16].replace('T', ' ')} |"
        )
    return rows


def _entries() -> list[str]:
    rows = ["| name | | family | parameters | training | paper |", "|---|---|---|---|---|---|"]
    for one in ENTRIES:
        how = f"{one.recipe.epochs} epochs, batch {one.recipe.batch}, {one.recipe.optimizer} {one.recipe.rate:g}"
        size = "" if one.parameters is None else f"{one.parameters:,}"
        rows.append(f"| {one.name} | {one.says} | {one.family} | {size} | {how} | {one.paper} |")
    return rows


def _studies() -> list[str]:
    lines = [
        "",
        "## Studies",
        "",
        "Learnt from 10,000 pictures where nothing else is said, and judged on what was not learnt from; test is never read.",
    ]
    asked = [(one.name, one.question, f"The course study: {one.claim}.") for one in STUDIES]
    for name, question, claim in [
        *asked,
        (BRANDS, BRANDS_QUESTION, "A brand check in use chose them without measuring."),
    ]:
        lines += ["", f"### {question}", "", claim, ""]
        outcomes = read_outcomes(name)
        if not outcomes:
            lines.append(f"Not run yet: `vitrine zoo study {name}`.")
            continue
        lines += ["| | last epoch | best epoch | against the first | seeds | epochs |", "|---|---|---|---|---|---|"]
        for one in findings(outcomes):
            half = "" if one.over_seeds is None else f" ± {100 * one.over_seeds:.2f}"
            gain = "" if one.gain is None else f"{100 * one.gain:+.2f}"
            gain += "" if one.gain_over_seeds is None else f" ± {100 * one.gain_over_seeds:.2f}"
            last, best = f"{100 * one.last:.2f} %{half}", f"{100 * one.best:.2f} %"
            lines.append(f"| {one.variation} | {last} | {best} | {gain} | {one.seeds} | {one.epochs} |")
    return lines


def draw() -> None:
    """Draw every plot, once for light pages and once for dark ones."""
    from matplotlib import rc_context

    evidence = read()
    drawn: dict[str, Callable[[list[Evidence], str, str], object]] = {
        "accuracy": _draw_accuracy, "curves": _draw_curves, "confusion": _draw_confusion,
    }  # fmt: skip
    for theme, ink, soft in (("light", "#17191d", "#666c76"), ("dark", "#e9eaec", "#a0a6af")):
        style = {
            "font.family": "sans-serif", "font.size": 9, "text.color": ink, "axes.edgecolor": soft, "xtick.color": soft,
            "ytick.color": ink, "axes.labelcolor": soft, "svg.hashsalt": "vitrine", "axes.spines.top": False,
            "axes.spines.right": False, "axes.spines.left": False, "ytick.major.size": 0,
        }  # fmt: skip
        accent = "#0c6878" if theme == "light" else "#5ec4d4"
        with rc_context(style):
            for name, plot in drawn.items():
                figure = plot(evidence, accent, soft)
                path = IMAGES / f"zoo-{name}-{theme}.svg"
                figure.savefig(path, transparent=True, bbox_inches="tight", metadata={"Date": None})  # type: ignore[attr-defined]


def _draw_accuracy(evidence: list[Evidence], accent: str, soft: str) -> object:
    from matplotlib.figure import Figure

    entries = summaries(evidence)[::-1]
    figure = Figure(figsize=(7, 0.5 + 0.36 * len(entries)))
    axes = figure.add_subplot()
    for row, one in enumerate(entries):
        axes.plot([100 * end for end in one.pictures], [row, row], color=accent, linewidth=2, alpha=0.45)
        axes.plot(100 * one.accuracy, row, "o", color=accent, markersize=6)
        axes.annotate(
            f"{100 * one.accuracy:.2f}", (100 * one.pictures[1], row), (6, 0), textcoords="offset points", va="center"
        )
    axes.set_yticks(range(len(entries)), [one.entry for one in entries])
    axes.set_xlabel("accuracy on the test pictures, %")
    axes.grid(axis="x", color=soft, alpha=0.2, linewidth=0.8)
    axes.margins(x=0.12, y=0.08)
    return figure


def _draw_curves(evidence: list[Evidence], accent: str, soft: str) -> object:
    from matplotlib.figure import Figure

    first = [one for one in evidence if one.result.seed == 0]
    columns = min(3, len(first))
    lines = -(-len(first) // columns)
    figure = Figure(figsize=(7, 1.75 * lines), layout="constrained")
    every = figure.subplots(lines, columns, squeeze=False, sharey=True).ravel()
    for axes, one in zip(every, first, strict=False):
        epochs = [epoch["epoch"] for epoch in one.history]
        axes.plot(epochs, [100 * epoch["score"] for epoch in one.history], color=accent, linewidth=1.6)
        axes.axvline(one.result.best_epoch, color=soft, linewidth=0.8, linestyle=(0, (2, 2)))
        axes.set_title(one.result.entry, loc="left", fontsize=9, fontweight="bold")
        axes.set_ylim(75, 97)
        axes.set_xlim(0.5, max(epochs) + 0.5)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(axis="y", color=soft, alpha=0.2, linewidth=0.8)
    for axes in every[len(first) :]:
        axes.set_visible(False)
    figure.supxlabel("epoch (dashed: the one chosen)", fontsize=8, color=soft)
    figure.supylabel("accuracy on validation, %", fontsize=8, color=soft)
    return figure


def _draw_confusion(evidence: list[Evidence], accent: str, soft: str) -> object:
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure

    best = max(evidence, key=lambda one: one.result.accuracy)
    figure = Figure(figsize=(6, 5))
    axes = figure.add_subplot()
    wrong = [[0 if row == column else n for column, n in enumerate(line)] for row, line in enumerate(best.confusion)]
    axes.imshow(wrong, cmap=LinearSegmentedColormap.from_list("wrong", [accent + "00", accent + "90"]))
    for row, line in enumerate(best.confusion):
        for column, n in enumerate(line):
            if n:
                weight = "bold" if row == column else "normal"
                axes.text(column, row, str(n), ha="center", va="center", fontsize=7.5, fontweight=weight)
    axes.set_xticks(range(len(CLASSES)), CLASSES, rotation=45, ha="right")
    axes.set_yticks(range(len(CLASSES)), CLASSES)
    axes.set_xlabel(f"answered by {best.result.entry}")
    axes.set_ylabel("true class")
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(length=0)
    return figure


if __name__ == "__main__":
    draw()
