"""Stores for tests: a bucket on S3 over HTTP, a database in PostgreSQL."""

import uuid

import pytest
import sqlalchemy as sa


def reach_store(patch: pytest.MonkeyPatch, url: str) -> None:
    """Until `patch` is undone, s3:// leads to the server at `url`; skips where s3fs is not installed."""
    s3fs = pytest.importorskip("s3fs", reason="s3fs is not installed: pip install 'vitrine[s3]'")
    patch.setenv("AWS_ACCESS_KEY_ID", "test")
    patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    patch.setenv("AWS_ENDPOINT_URL", url)
    patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture
def bucket(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a new bucket; this process and those it starts find the store."""
    reach_store(monkeypatch, s3_endpoint)
    return new_bucket()


def new_bucket() -> str:
    """The name of a bucket that nobody else has, at the store that `reach_store` leads to."""
    import s3fs

    name = f"b{uuid.uuid4().hex}"
    s3fs.S3FileSystem().mkdir(name)
    return name


def new_database(server: str, *, like: str = "template1") -> str:
    """The URL of a database of its own at a PostgreSQL (fixture `postgresql`): empty, or a copy of the one named."""
    name = f"t{uuid.uuid4().hex}"
    with sa.create_engine(server.format(name="postgres"), isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name} TEMPLATE {like}"))
    return server.format(name=name)
