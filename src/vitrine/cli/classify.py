"""`vitrine classify`: the champion's answers for every product."""

from dataclasses import asdict
from pathlib import Path

from vitrine.cli import output
from vitrine.cli.options import AsJson, Folder


def classify(workspace: Folder = Path("."), as_json: AsJson = False) -> None:
    """Decide every product with the champion and publish what its certificates allow.

    Writes a Parquet data set and the catalog. Interrupted, it continues; run twice, it changes nothing.
    """
    import vitrine

    opened = vitrine.open(workspace)
    with output.progress("classify") as update:
        report = opened.classify(on_progress=update)
    if as_json:
        output.show_json(asdict(report))
        return
    share = report.published / max(1, report.predictions)
    output.show_table(
        f"Classified by {report.model_id}",
        ["products", "predictions", "published", "to review", "photos/s"],
        [
            (
                f"{report.products:,}",
                f"{report.predictions:,}",
                f"{report.published:,} ({share:.0%})",
                f"{report.to_review:,}",
                f"{report.photos_per_second:,.0f}",
            )
        ],
    )
    output.say(f"data set: {report.output}")
