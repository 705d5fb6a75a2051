"""What curators do, under /api/v1: take questions, decide, sweep the grid, correct a family, undo."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from vitrine.desk import decisions, grid, propagate, queue
from vitrine.desk.decisions import Answer
from vitrine.web.auth import Curator, Viewer
from vitrine.web.day import day_began
from vitrine.web.inputs import Comment, Key, Share, Word
from vitrine.web.questions import Question, ask_next
from vitrine.web.render import told_to

router = APIRouter(prefix="/api/v1", tags=["desk"])

BatchId = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9_-]{8,64}$", description="made up by the client; sent again, it changes nothing")
]
Version = Annotated[int, Field(ge=0, le=1_000_000)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class NextBody(_Body):
    """How many questions, and of which attribute."""

    attribute: Word = None
    count: int = Field(2, ge=1, le=queue.MOST_AT_ONCE)


class ReleaseBody(_Body):
    """Leases to give back; `skipped` ones come to the same person again only where nothing else is left."""

    tokens: list[Key] = Field(max_length=queue.MOST_AT_ONCE)
    skipped: bool = False


class AnswerBody(_Body):
    """One answer, with the token of its lease or the version that was seen."""

    sku: Key
    attribute: Key
    outcome: Literal["decided", "unsure", "unusable_photo", "value_missing", "rejected"] = "decided"
    value: Word = None
    comment: Comment = None
    token: Word = None
    version: Version | None = None


class DecideBody(_Body):
    """Answers that are entered together or not at all."""

    batch_id: BatchId
    answers: list[AnswerBody] = Field(min_length=1, max_length=200)


class SweepBody(_Body):
    """What a page of the grid showed (sku → version), and which of it is wrong."""

    batch_id: BatchId
    attribute: Key
    value: Key
    shown: dict[Key, Version] = Field(min_length=1, max_length=grid.MOST_ON_A_PAGE)
    wrong: list[Key] = Field(default=[], max_length=grid.MOST_ON_A_PAGE)


class FamilyBody(_Body):
    """Which of the proposed products (sku → version) get the value."""

    batch_id: BatchId
    attribute: Key
    value: Key
    chosen: dict[Key, Version] = Field(min_length=1, max_length=propagate.MOST_PROPOSED + 1)


class UndoBody(_Body):
    """The action to take back."""

    batch_id: BatchId


@dataclass(frozen=True, slots=True)
class Left:
    """What is left of one attribute; `decided` counts today, by the visitor's clock where a page has told it."""

    attribute: str
    open: int
    lent: int
    decided: int


@dataclass(frozen=True, slots=True)
class Done:
    """One entry that an action made."""

    decision_id: str
    sku: str
    attribute: str
    version: int
    outcome: str
    value: str | None


@dataclass(frozen=True, slots=True)
class Acted:
    """What an action did: its entries, products held back for a look of their own, and answers that came too late."""

    batch_id: str
    entries: list[Done]
    held_back: dict[str, str]
    conflicts: dict[str, str]


@router.get("/queue")
def queue_left(request: Request, person: Viewer) -> list[Left]:
    """What is left, attribute by attribute."""
    workspace = request.app.state.workspace
    since = day_began(request)
    return [Left(**asdict(one)) for one in queue.remaining(workspace.catalog, workspace.taxonomy, since=since)]


@router.post("/queue/next")
def queue_next(request: Request, person: Curator, body: NextBody) -> list[Question]:
    """Lend the next questions; nobody else gets them for ten minutes."""
    state = request.app.state
    return ask_next(
        state.workspace, state.neighborhood, state.examples, person, attribute=body.attribute, count=body.count
    )


@router.post("/queue/release")
def queue_release(request: Request, person: Curator, body: ReleaseBody) -> dict[str, int]:
    """Give questions back unanswered; what was skipped goes to others first."""
    catalog = request.app.state.workspace.catalog
    return {"released": queue.release(catalog, person.name, body.tokens, skipped=body.skipped)}


@router.post("/decisions")
def decide(request: Request, person: Curator, body: DecideBody) -> Acted:
    """Enter answers, all or none; 409 says who was faster."""
    workspace = request.app.state.workspace
    answers = [Answer(**one.model_dump()) for one in body.answers]
    made = decisions.decide(workspace.catalog, workspace.taxonomy, answers, author=person.name, batch_id=body.batch_id)
    return Acted(body.batch_id, [_done(one) for one in made], {}, {})


@router.post("/undo")
def undo(request: Request, person: Curator, body: UndoBody) -> Acted:
    """Take an action back as a whole; an administrator may take back anybody's."""
    catalog = request.app.state.workspace.catalog
    made = decisions.undo(catalog, body.batch_id, author=person.name, others=person.may("admin"))
    return Acted(body.batch_id, [_done(one) for one in made], {}, {})


@router.get("/grid")
def grid_page(
    request: Request,
    person: Viewer,
    attribute: Key,
    value: Key,
    after: Word = None,
    after_confidence: Share = None,
    size: Annotated[int, Query(ge=1, le=grid.MOST_ON_A_PAGE)] = 60,
) -> grid.Page:
    """Undecided products that the model says have a value, the most doubtful first."""
    workspace = request.app.state.workspace
    start = (after_confidence, after) if after is not None and after_confidence is not None else None
    return grid.page(workspace.catalog, workspace.taxonomy, attribute, value, after=start, size=size)


@router.post("/grid")
def sweep(request: Request, person: Curator, body: SweepBody) -> Acted:
    """Accept what a page of the grid showed, but for what is wrong."""
    workspace = request.app.state.workspace
    swept = grid.accept(
        workspace.catalog,
        workspace.taxonomy,
        body.attribute,
        body.value,
        shown=body.shown,
        wrong=body.wrong,
        author=person.name,
        batch_id=body.batch_id,
    )
    return Acted(
        body.batch_id, [_done(one) for one in swept.decisions], dict(swept.held_back), _late(request, swept.conflicts)
    )


@router.get("/family")
def family(request: Request, person: Viewer, sku: Key, attribute: Key, value: Key) -> list[propagate.Proposal]:
    """The products that a correction of this one speaks for."""
    state = request.app.state
    return propagate.propose(
        state.workspace.catalog,
        state.workspace.taxonomy,
        sku,
        attribute,
        value,
        surroundings=state.neighborhood.surroundings,
    )


@router.post("/family")
def correct_family(request: Request, person: Curator, body: FamilyBody) -> Acted:
    """Give the chosen products a value, in one action."""
    workspace = request.app.state.workspace
    entered = propagate.apply(
        workspace.catalog,
        workspace.taxonomy,
        body.attribute,
        body.value,
        chosen=body.chosen,
        author=person.name,
        batch_id=body.batch_id,
    )
    conflicts = {sku: why for (sku, _), why in entered.conflicts.items()}
    return Acted(body.batch_id, [_done(one) for one in entered.decisions], {}, _late(request, conflicts))


def _late(request: Request, conflicts: Mapping[str, str]) -> dict[str, str]:
    return {sku: told_to(request, why) for sku, why in conflicts.items()}


def _done(entry: object) -> Done:
    return Done(**{name: getattr(entry, name) for name in Done.__dataclass_fields__})
