"""Somebody with a browser session, without the browser."""

from fastapi import FastAPI
from fastapi.testclient import TestClient

from vitrine.web.auth import forgery_token
from vitrine.web.people import begin_session, find_person

ROLES = ("viewer", "curator", "admin")
PAGE = {"accept": "text/html"}


class Visitor(TestClient):
    """A client with the session of one account; it proves every change as the pages do."""

    forgery: str = ""


def visitor(app: FastAPI, name: str) -> Visitor:
    catalog = app.state.workspace.catalog
    secret = begin_session(catalog, find_person(catalog, name))
    client = Visitor(app, follow_redirects=False, raise_server_exceptions=False)
    client.cookies.set(app.state.access.cookie, secret)
    client.forgery = forgery_token(secret)
    client.headers["x-forgery-token"] = client.forgery
    return client
