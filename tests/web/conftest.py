"""The desk over a small drawn workspace, as each role sees it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.testclient import TestClient
from visitors import ROLES, Visitor, visitor

from vitrine.stores import schema
from vitrine.web.app import create_app
from vitrine.web.auth import Access
from vitrine.web.people import add_person
from vitrine.workspace import Workspace

PASSWORD = "a long enough password"


@pytest.fixture(scope="session")
def classified_folder(trained_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The drawn catalog with a champion and its answers, a third of it without labels, and one account a role.

    Copy it before writing.
    """
    folder = Path(shutil.copytree(trained_folder, tmp_path_factory.mktemp("classified") / "workspace"))
    workspace = Workspace(folder)
    labels = schema.labels
    with workspace.catalog.transaction() as connection:  # as if these were new arrivals
        connection.execute(sa.delete(labels).where(sa.or_(*(labels.c.sku.endswith(digit) for digit in "147"))))
    workspace.classify()
    for role in ROLES:  # here, since keeping a password takes long on purpose
        add_person(workspace.catalog, role, PASSWORD, role=role)
    workspace.catalog.close()
    return folder


@pytest.fixture
def workspace(classified_folder: Path, tmp_path: Path) -> Iterator[Workspace]:
    """A copy of the classified workspace, to be changed at will."""
    opened = Workspace(Path(shutil.copytree(classified_folder, tmp_path / "workspace")))
    yield opened
    opened.catalog.close()


@pytest.fixture
def app(workspace: Workspace) -> FastAPI:
    """The app as it stands on an address that others reach."""
    return create_app(workspace, Access(by_link=False))


@pytest.fixture
def viewer(app: FastAPI) -> Visitor:
    return visitor(app, "viewer")


@pytest.fixture
def curator(app: FastAPI) -> Visitor:
    return visitor(app, "curator")


@pytest.fixture
def admin(app: FastAPI) -> Visitor:
    return visitor(app, "admin")


@pytest.fixture
def nobody(app: FastAPI) -> TestClient:
    return TestClient(app, follow_redirects=False, raise_server_exceptions=False)
