"""The finder of look-alikes that the server keeps: built aside, and anew when there is another champion."""

from threading import Lock, Thread
from typing import TYPE_CHECKING

from vitrine.errors import VitrineError, sentence
from vitrine.learn.promote import champion_of

if TYPE_CHECKING:
    from vitrine.lookalike.finder import Finder
    from vitrine.workspace import Workspace

_PATIENCE = 20.0  # seconds that a visitor waits for the first one before being told to come back


class Preparing(VitrineError):
    """It is being made and will be there soon."""

    code = "preparing"
    http_status = 503


class Finding:
    """While a new finder is built, the one before goes on answering: its space, shelf and heads belong together."""

    def __init__(self, workspace: "Workspace") -> None:
        self._workspace = workspace
        self._lock = Lock()
        self._finder: Finder | None = None
        self._building: Thread | None = None
        self._failed: VitrineError | None = None
        self._done = (0, 0)

    def finder(self) -> "Finder":
        """What finds look-alikes now. Preparing while the first one is built, or the error that building it met."""
        champion = champion_of(self._workspace.catalog)
        finder = self._finder
        if finder is not None and finder.space.model_id == champion:
            return finder
        building = self._begin()
        if finder is not None:
            return finder
        building.join(_PATIENCE)
        if self._finder is not None:
            return self._finder
        if self._failed is not None:
            raise self._failed
        raise Preparing(self._progress(), hint=sentence("ask again in a few seconds"))

    def _progress(self) -> str:
        done, total = self._done
        if not total:
            return sentence("look-alikes are being prepared")
        return sentence("look-alikes are being prepared: {done:,} of {total:,} products", done=done, total=total)

    def _begin(self) -> Thread:
        with self._lock:
            if self._building is None or not self._building.is_alive():
                self._building = Thread(target=self._build, name="look-alikes", daemon=True)
                self._building.start()
            return self._building

    def _build(self) -> None:
        try:
            finder = self._workspace.open_finder()
            finder.refresh(on_progress=self._note)
        except VitrineError as error:
            self._failed = error
            return
        self._finder, self._failed = finder, None

    def _note(self, done: int, total: int) -> None:
        self._done = done, total
