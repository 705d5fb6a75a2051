"""`vitrine users`: who may come to the desk, and API tokens."""

from pathlib import Path
from typing import Annotated

import typer

from vitrine.cli import output
from vitrine.cli.options import AsJson, Folder

users = typer.Typer(help="Accounts of the desk: roles viewer, curator and admin.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The account's name.", show_default=False)]
Password = Annotated[
    str,
    typer.Option("--password", help="The password; asked for where it is not given.", prompt=True, hide_input=True),
]


@users.command()
def add(
    name: Name,
    password: Password,
    role: Annotated[str, typer.Option("--role", help="viewer, curator or admin.")] = "curator",
    language: Annotated[str, typer.Option("--language", help="en, pt, es or id.")] = "en",
    workspace: Folder = Path("."),
    as_json: AsJson = False,
) -> None:
    """Add somebody who may come to the desk."""
    import vitrine
    from vitrine.web.people import add_person

    person = add_person(vitrine.open(workspace).catalog, name, password, role=role, language=language)
    _report({"name": person.name, "role": person.role}, f"added {person.name} as {person.role}", as_json)


@users.command("list")
def list_people(workspace: Folder = Path("."), as_json: AsJson = False) -> None:
    """Everybody who may or might come to the desk."""
    import vitrine
    from vitrine.web.people import people

    everybody = people(vitrine.open(workspace).catalog)
    if as_json:
        fields = ("name", "role", "language", "active", "has_password")
        output.show_json([{field: getattr(person, field) for field in fields} for person in everybody])
        return
    rows = [(one.name, one.role, one.language, "yes" if one.active else "no") for one in everybody]
    output.show_table("Accounts", ["name", "role", "language", "active"], rows)


@users.command()
def disable(name: Name, workspace: Folder = Path("."), as_json: AsJson = False) -> None:
    """Shut somebody out at once; their decisions stay."""
    import vitrine
    from vitrine.web.people import set_active

    set_active(vitrine.open(workspace).catalog, name, False)
    _report({"name": name, "active": False}, f"{name} is shut out", as_json)


@users.command()
def enable(name: Name, workspace: Folder = Path("."), as_json: AsJson = False) -> None:
    """Let somebody in again."""
    import vitrine
    from vitrine.web.people import set_active

    set_active(vitrine.open(workspace).catalog, name, True)
    _report({"name": name, "active": True}, f"{name} may come in", as_json)


@users.command()
def password(name: Name, password: Password, workspace: Folder = Path("."), as_json: AsJson = False) -> None:
    """Give somebody another password; their open sessions end."""
    import vitrine
    from vitrine.web.people import set_password

    set_password(vitrine.open(workspace).catalog, name, password)
    _report({"name": name}, f"{name} has a new password", as_json)


@users.command()
def token(
    name: Name,
    scope: Annotated[str, typer.Option("--scope", help="read, curate or manage; never more than the role.")] = "read",
    days: Annotated[int | None, typer.Option("--days", min=1, help="Days until it expires; empty: never.")] = 90,
    note: Annotated[str, typer.Option("--note", help="What it is for.")] = "",
    workspace: Folder = Path("."),
    as_json: AsJson = False,
) -> None:
    """Make an API token; it is shown this once."""
    import vitrine
    from vitrine.web.people import issue_token

    made = issue_token(vitrine.open(workspace).catalog, name, name=note, scope=scope, days=days)
    if as_json:
        output.show_json({"token": made, "owner": name, "scope": scope, "days": days})
        return
    print(made)
    output.say("Send it as  Authorization: Bearer TOKEN. It cannot be shown again.")


def _report(data: dict[str, object], sentence: str, as_json: bool) -> None:
    if as_json:
        output.show_json(data)
    else:
        output.say(sentence)
