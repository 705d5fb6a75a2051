"""A workspace whose photos, vectors and runs lie on S3 and whose catalog is PostgreSQL, and one Ray cluster for all tests."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
import sqlalchemy as sa
import tomlkit

from answers import predictions
from small_store import new_database, reach_store
from vitrine.backup import backup, restore
from vitrine.stores import schema
from vitrine.workspace import Workspace

SHARED = ("photos", "embeddings", "runs")


@pytest.fixture(scope="session")
def small_folder(trained_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the trained workspace with photos of 70 products only, and no vectors."""
    folder = Path(shutil.copytree(trained_folder, tmp_path_factory.mktemp("small") / "workspace"))
    shutil.rmtree(folder / ".vitrine" / "embeddings")
    links, catalog = schema.product_photos, Workspace(folder).catalog
    kept = catalog.read(sa.select(links.c.sku).distinct().order_by(links.c.sku).limit(70)).column("sku").to_pylist()
    with catalog.transaction() as connection:
        connection.execute(sa.delete(links).where(links.c.sku.not_in(kept)))
    names = {photo_id for photo_id in catalog.read(links).column("photo_id").to_pylist()}
    for path in (folder / ".vitrine" / "photos").rglob("*.jpg"):
        if path.name.partition("-")[0] not in names:
            path.unlink()
    catalog.close()
    return folder


@pytest.fixture
def shared(small_folder: Path, tmp_path: Path, bucket: str, postgresql: str) -> Workspace:
    """The small workspace with nothing on its own disk that another machine would need, in pieces of 10 products."""
    import s3fs

    folder = Path(shutil.copytree(small_folder, tmp_path / "before"))
    s3fs.S3FileSystem().put(f"{folder}/.vitrine/photos", f"{bucket}/photos", recursive=True)
    storage = {name: f"s3://{bucket}/{name}" for name in SHARED}
    change_settings(folder, {"storage": storage, "cluster": {"piece": 10, "workers": 2}})
    backup(Workspace(folder), tmp_path / "b.zip")
    restore(tmp_path / "b.zip", tmp_path / "shared", catalog_url=new_database(postgresql))
    return Workspace(tmp_path / "shared")


@pytest.fixture(scope="session")
def cluster(s3_endpoint: str) -> Iterator[str]:
    """The address of a Ray cluster of two cores on this machine."""
    ray = pytest.importorskip("ray", reason="ray is not installed: pip install 'vitrine[ray]'")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_worker_niceness", "0")
    with pytest.MonkeyPatch.context() as patch:  # workers get the environment in which the cluster began
        reach_store(patch, s3_endpoint)
        context = ray.init(
            address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, _node_ip_address="127.0.0.1"
        )
        ray.data.DataContext.get_current().enable_progress_bars = False
        yield context.address_info["gcs_address"]
        ray.shutdown()


@pytest.fixture(scope="session")
def one_machine(small_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The small workspace, classified in folders and SQLite."""
    folder = shutil.copytree(small_folder, tmp_path_factory.mktemp("one-machine") / "workspace")
    workspace = Workspace(Path(folder))
    workspace.classify()
    return workspace


@pytest.fixture(scope="session")
def expected(one_machine: Workspace) -> pa.Table:
    """What one machine says."""
    return predictions(one_machine)


def change_settings(folder: Path, changes: dict[str, dict[str, object]]) -> None:
    """Write these settings into the vitrine.toml of a folder."""
    path = folder / "vitrine.toml"
    document = tomlkit.parse(path.read_text(encoding="utf-8"))
    for section, values in changes.items():
        document.setdefault(section, tomlkit.table()).update(values)
    path.write_text(tomlkit.dumps(document), encoding="utf-8")
