"""Who may do what: people with a role, their sessions and API tokens; only hashes of secrets are kept.

>>> Person("ana", "curator").may("viewer"), Person("ana", "curator").may("admin")
(True, False)
>>> Person("ana", "admin").limited_to("read").role
'viewer'
"""

import hashlib
import re
import secrets
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from vitrine.errors import InputError, NotFound
from vitrine.records import now
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog

ROLES = ("viewer", "curator", "admin")  # each may do what those before it may
SCOPES = {"read": "viewer", "curate": "curator", "manage": "admin"}
LANGUAGES = ("en", "pt", "es", "id")
LOCAL = "local"  # whoever sits at this machine and opens the one-time link

_LEAST_PASSWORD = 10
_MOST_PASSWORD = 1_000  # hashing takes time that grows with the length
_NAME = re.compile(r"[\w.@+-]{1,64}")
_SESSION = timedelta(days=14)
_hasher = PasswordHasher()


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is signed in; `name` stands as author in every decision."""

    name: str
    role: str
    language: str = "en"
    active: bool = True
    has_password: bool = False

    def may(self, role: str) -> bool:
        """Whether this person may do what `role` may."""
        return ROLES.index(self.role) >= ROLES.index(role)

    def limited_to(self, scope: str) -> "Person":
        """The same person with at most the rights of a token's `scope`."""
        most = SCOPES[scope]
        return replace(self, role=min(self.role, most, key=ROLES.index))


def add_person(catalog: Catalog, name: str, password: str | None, *, role: str, language: str = "en") -> Person:
    """Add somebody; InputError when the name is taken or unusable, or the password too short."""
    if not _NAME.fullmatch(name):
        raise InputError(f"'{name}' is no name for an account", hint="letters, digits and . _ @ + -, at most 64")
    _check_choice("role", role, ROLES)
    _check_choice("language", language, LANGUAGES)
    row = {
        "name": name,
        "password_hash": None if password is None else _hash_password(password),
        "role": role,
        "language": language,
        "active": True,
        "added_at": now(),
    }
    if not catalog.add(schema.people, [row]):
        raise InputError(f"there is an account '{name}' already", hint="vitrine users list")
    return Person(name, role, language, True, password is not None)


def people(catalog: Catalog) -> list[Person]:
    """Everybody, by name."""
    table = schema.people
    return [_person(row) for row in catalog.rows(sa.select(table).order_by(table.c.name))]


def find_person(catalog: Catalog, name: str) -> Person:
    """The person of that name; NotFound with the names there are."""
    row = _row(catalog, name)
    if row is None:
        known = ", ".join(person.name for person in people(catalog)) or "none yet"
        raise NotFound(f"there is no account '{name}' (there are: {known})", hint="vitrine users add NAME")
    return _person(row)


def set_password(catalog: Catalog, name: str, password: str) -> None:
    """Give somebody another password; sessions that are open end."""
    find_person(catalog, name)
    _change(catalog, name, {"password_hash": _hash_password(password)}, end_sessions=True)


def set_active(catalog: Catalog, name: str, active: bool) -> None:
    """Shut somebody out at once, sessions and tokens included, or let them in again."""
    find_person(catalog, name)
    _change(catalog, name, {"active": active}, end_sessions=not active)


def set_language(catalog: Catalog, name: str, language: str) -> None:
    """Show somebody the pages in another language."""
    _check_choice("language", language, LANGUAGES)
    _change(catalog, name, {"language": language}, end_sessions=False)


def check_password(catalog: Catalog, name: str, password: str) -> Person | None:
    """The active person of that name and password, or None; an unknown name takes as long as a wrong password."""
    row = _row(catalog, name)
    known = row is not None and row["password_hash"] is not None
    try:
        _hasher.verify(row["password_hash"] if row and known else _unknown(), password[:_MOST_PASSWORD])
    except (VerifyMismatchError, InvalidHashError):
        return None
    return _person(row) if row and known and row["active"] else None


def begin_session(catalog: Catalog, person: Person) -> str:
    """Open a session; returns the secret for the cookie."""
    secret = secrets.token_urlsafe(32)
    row = {
        "session_hash": _digest(secret),
        "person": person.name,
        "started_at": now(),
        "expires_at": now() + _SESSION,
    }
    with catalog.transaction() as connection:
        table = schema.sessions
        connection.execute(sa.delete(table).where(table.c.expires_at < now()))
        catalog.add(table, [row], connection=connection)
    return secret


def person_of_session(catalog: Catalog, secret: str) -> Person | None:
    """Who holds this session; None when it is unknown, over, or its person is shut out."""
    sessions, table = schema.sessions, schema.people
    query = sa.select(table, sessions.c.expires_at).join(sessions, sessions.c.person == table.c.name)
    query = query.where(sessions.c.session_hash == _digest(secret), table.c.active)
    row = _alive(catalog, query)
    return _person(row) if row else None


def end_session(catalog: Catalog, secret: str) -> None:
    """Close a session."""
    table = schema.sessions
    with catalog.transaction() as connection:
        connection.execute(sa.delete(table).where(table.c.session_hash == _digest(secret)))


def issue_token(catalog: Catalog, owner: str, *, name: str, scope: str, days: int | None) -> str:
    """Make an API token for somebody; returns it, this once. None as `days` never expires."""
    find_person(catalog, owner)
    _check_choice("scope", scope, tuple(SCOPES))
    token = f"vt_{secrets.token_urlsafe(32)}"
    row = {
        "token_hash": _digest(token),
        "name": name,
        "owner": owner,
        "scopes": scope,
        "expires_at": None if days is None else now() + timedelta(days=days),
        "added_at": now(),
    }
    catalog.add(schema.tokens, [row])
    return token


def person_of_token(catalog: Catalog, token: str) -> Person | None:
    """Whose API token this is, limited to its scope; None when it is unknown, over, or its owner is shut out."""
    tokens, table = schema.tokens, schema.people
    query = sa.select(table, tokens.c.expires_at, tokens.c.scopes).join(tokens, tokens.c.owner == table.c.name)
    query = query.where(tokens.c.token_hash == _digest(token), table.c.active)
    row = _alive(catalog, query)
    return _person(row).limited_to(row["scopes"]) if row else None


def _alive(catalog: Catalog, query: sa.Select[Any]) -> dict[str, Any] | None:
    """The row of a session or token that has not run out."""
    for row in catalog.rows(query):
        if row["expires_at"] is None or row["expires_at"] > now():
            return row
    return None


def _change(catalog: Catalog, name: str, values: dict[str, Any], *, end_sessions: bool) -> None:
    table, sessions = schema.people, schema.sessions
    with catalog.transaction() as connection:
        connection.execute(sa.update(table).where(table.c.name == name).values(**values))
        if end_sessions:
            connection.execute(sa.delete(sessions).where(sessions.c.person == name))


def _row(catalog: Catalog, name: str) -> dict[str, Any] | None:
    rows = catalog.rows(sa.select(schema.people).where(schema.people.c.name == name))
    return rows[0] if rows else None


def _person(row: dict[str, Any]) -> Person:
    return Person(row["name"], row["role"], row["language"], row["active"], row["password_hash"] is not None)


def _hash_password(password: str) -> str:
    if not _LEAST_PASSWORD <= len(password) <= _MOST_PASSWORD:
        raise InputError(
            f"a password has {_LEAST_PASSWORD} to {_MOST_PASSWORD:,} characters, this one has {len(password):,}"
        )
    return _hasher.hash(password)


@lru_cache(maxsize=1)
def _unknown() -> str:
    """A hash that no password has, for names that are not there."""
    return _hasher.hash(secrets.token_urlsafe(32))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _check_choice(what: str, given: str, choices: tuple[str, ...]) -> None:
    if given not in choices:
        raise InputError(f"{what} '{given}' is none of {', '.join(choices)}")
