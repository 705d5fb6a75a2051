"""`vitrine market …`: the marketplace's tables, features, models and scores."""

import typer

from vitrine.cli.market import demo, features, models, scores, tables

market = typer.Typer(no_args_is_help=True, help="Sellers, orders and leads: features, models and scores over time.")

for command in (
    demo.demo,
    tables.ingest,
    tables.attributes,
    tables.simulate,
    features.build,
    features.lookahead,
    features.abt,
    models.train,
    models.promote,
    models.models,
    models.uplift,
    scores.score,
    scores.refresh,
    scores.report,
):
    market.command()(command)
