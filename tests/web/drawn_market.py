"""A workspace with a marketplace as reports, models and scores leave it behind, drawn instead of trained."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from vitrine.learn.promote import promote
from vitrine.market.at_risk import Reason, Scored
from vitrine.market.clusters import Choice
from vitrine.market.proof import AucComparison
from vitrine.market.report.summary import (
    Auc,
    DriftSummary,
    MarketSummary,
    MonthAuc,
    Moved,
    MovedFeature,
    ProfitSummary,
    RouteSummary,
    SegmentSummary,
    TaskSummary,
    to_json,
)
from vitrine.records import ModelRecord, Score
from vitrine.stores import schema
from vitrine.workspace import Workspace

MOMENT = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
AT = date(2018, 6, 1)
PROFIT = {
    "contact_cost": 10.0, "loss": 100.0, "saved": 0.3, "threshold": 0.4, "contacted": 0.3,
    "profit_per_1000": {"mean": 1500.0, "low": 900.0, "high": 2100.0}, "curve": [[0.0, 0.5, 1.0], [0.0, 2.0, -3.0]],
}  # fmt: skip
WHY = [
    {"feature": "sales_orders_56d", "value": 3.0, "part": -0.4},
    {"feature": "reviews_score_mean_56d", "value": 2.5, "part": 0.9},
]


def draw_market(workspace: Workspace, sellers: Sequence[str], *, champions: int = 2, thinned: str = "") -> None:
    """Churn models, the last of `champions` the champion with a score for each of `sellers`; and a report."""
    models = [f"churn-{n}" for n in range(1, champions + 1)]
    for n, model_id in enumerate(models):
        record = ModelRecord(model_id, f"abt-{n}", None, None, MOMENT + timedelta(days=n), "market-churn")
        workspace.catalog.add(schema.models, [record])
        promote(
            workspace.catalog,
            model_id,
            AucComparison(model_id, models[n - 1], 900, 300, 0.02, (0.01, 0.03)) if n else None,
            line="market-churn",
        )
        folder = workspace.data / "market" / "models" / model_id
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "scorecard.json").write_text(json.dumps({"profit": PROFIT, "thinned": thinned}), encoding="utf-8")
    scores = [
        Score("churn", seller, AT, models[-1], seller, round(0.9 - place / len(sellers), 6), json.dumps(WHY), MOMENT)
        for place, seller in enumerate(sellers)
    ]
    workspace.catalog.add(schema.scores, scores)
    path = workspace.folder / "reports" / "market.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(to_json(replace(SUMMARY, thinned=thinned)), encoding="utf-8")


def _months() -> list[MonthAuc]:
    known = [MonthAuc(f"2017-{n:02d}", Auc(0.75 + n / 100, 0.7, 0.9, 100 * n), n > 9) for n in range(7, 12)]
    return [*known, MonthAuc("2017-12", Auc(None, None, None, 12), True)]


SUMMARY = MarketSummary(
    written_at=MOMENT,
    thinned="",
    tasks=[
        TaskSummary(
            task="churn",
            model="churn-2",
            kind="blend",
            auc=Auc(0.8134, 0.782, 0.840, 1_266),
            later_from="2017-10-01",
            months=_months(),
            at=AT,
            scored=1_932,
            expected=428.4,
            bad=True,
            top=[Scored("seller<script>", "seller<script>", 0.91, [Reason("days since the last sale", "38", True)])],
            profit=ProfitSummary(10.0, 100.0, 0.3, 0.4, 0.3, 1500.0, 900.0, 2100.0, [(0.0, 0.0), (1.0, -300.0)]),
            drift=DriftSummary(
                ["2017-10", "2017-11", "2018-06-01"],
                [120, 130, 150],
                [Moved(0.02, 0.2, False)] * 3,
                [MovedFeature("mean item price, 56 days", [Moved(0.05, 0.2, False), *[Moved(0.61, 0.2, True)] * 2])],
                96,
                1,
            ),
        )
    ],
    routes=[RouteSummary("SP", "RJ", 41, 6.4), RouteSummary("SP", "BA", 12, 4.1), RouteSummary("MG", "SP", 9, 0.3)],
    segments=[
        SegmentSummary("small and new", 611, 0.31, 0.82, {"orders": 3.0, "revenue": 412.5}),
        SegmentSummary("large, many states", 99, 0.69, 0.61, {"orders": 120.0, "revenue": 19_412.5}),
    ],
    tried=[Choice(2, 0.31, 0.82, 0.61, 99), Choice(3, 0.21, 0.5, 0.3, 12)],
    points=[(float(n % 7), float(n % 5), n % 2) for n in range(60)],
)
