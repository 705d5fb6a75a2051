"""A market: the folder that holds a marketplace's sources, features and models; what every market command opens.

>>> from tempfile import mkdtemp
>>> Market.open(Path(mkdtemp())).sources.source_id
Traceback (most recent call last):
...
vitrine.errors.NotFound: nothing was ingested here: ...sources/manifest.json does not exist
"""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from vitrine import config
from vitrine.errors import NotFound
from vitrine.market.ingest import IngestReport, Progress, ingest
from vitrine.market.sources import Sources

if TYPE_CHECKING:
    from vitrine.market.store import FeatureStore
    from vitrine.stores.catalog import Catalog
    from vitrine.tracking import Tracker


class Market:
    """An opened market; it may share a folder with a photo workspace, and needs none."""

    def __init__(self, folder: Path) -> None:
        """Use `folder`; the settings of its `vitrine.toml`, or the defaults where there is none."""
        self.folder = folder.resolve()
        self.settings = config.load(folder) if (folder / config.FILE).exists() else config.Settings()

    @classmethod
    def open(cls, folder: str | Path = ".") -> "Market":
        """Open the market in an existing folder; NotFound where there is no such folder."""
        if not Path(folder).is_dir():
            raise NotFound(f"{folder} is no folder", hint="make it first, or give another one with --workspace")
        return cls(Path(folder))

    @property
    def data(self) -> Path:
        """Where the market's files lie; nothing in it is meant to be edited."""
        return self.folder / ".vitrine" / "market"

    @property
    def sources(self) -> Sources:
        """What was ingested last, read anew each time: another process may have ingested since."""
        return Sources(self.data / "sources")

    def ingest(self, folder: Path, *, on_progress: Progress | None = None) -> IngestReport:
        """Bring the official files in `folder` in, all or nothing (see `vitrine.market.ingest`)."""
        return ingest(folder, self.data / "sources", on_progress=on_progress)

    @property
    def features(self) -> "FeatureStore":
        """The features of sellers at reference dates, made from the sources of now."""
        from vitrine.market.store import FeatureStore

        return FeatureStore(self.data / "features", self.sources)

    @cached_property
    def catalog(self) -> "Catalog":
        """The workspace's catalog: promotions and scores."""
        from vitrine.stores.catalog import Catalog

        (self.folder / ".vitrine").mkdir(exist_ok=True)
        return Catalog(config.inside(self.folder, self.settings.storage.catalog))

    @cached_property
    def tracker(self) -> "Tracker":
        """MLflow; imported only where something is logged, because that takes seconds."""
        from vitrine.tracking import Tracker

        uri = config.inside(self.folder, self.settings.storage.tracking)
        return Tracker(uri, self.folder / ".vitrine" / "mlflow")
