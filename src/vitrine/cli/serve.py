"""`vitrine serve`: the desk in a browser."""

import ipaddress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vitrine.cli import output
from vitrine.cli.options import AsJson, Folder
from vitrine.errors import InputError, Refused, VitrineError

if TYPE_CHECKING:
    from vitrine.web.auth import Access
    from vitrine.workspace import Workspace


def serve(
    workspace: Folder = Path("."),
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; any but this machine's needs accounts.")
    ] = ("127.0.0.1"),
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Port to listen on; 0 takes a free one.")
    ] = 8300,
    workers: Annotated[
        int, typer.Option("--workers", min=1, max=64, help="Processes that answer; each takes memory of its own.")
    ] = 1,
    tls_cert: Annotated[
        Path | None,
        typer.Option("--tls-cert", help="Certificate (PEM), to serve over TLS; the phone's live camera needs it."),
    ] = None,
    tls_key: Annotated[Path | None, typer.Option("--tls-key", help="Its private key (PEM).")] = None,
    as_json: AsJson = False,
) -> None:
    """Open the desk in a browser: curate, search the catalog, compare models.

    On this machine it prints a link that works once. Any other address demands accounts: [dim]vitrine users add[/].
    """
    import vitrine

    tls = _tls_files(tls_cert, tls_key)
    opened = vitrine.open(workspace)
    access = how_people_come_in(opened, host, port)
    fill_queue_once(opened)
    opened.catalog.note_sizes()
    _run(opened, access, host, port, workers, tls, as_json)


def how_people_come_in(workspace: "Workspace", host: str, port: int) -> "Access":
    """By link on this machine alone, else by accounts; Refused when there is no account that could manage it."""
    from vitrine.web.auth import Access
    from vitrine.web.people import people

    cookie = f"vitrine-{port}"  # browsers do not keep the cookies of two ports apart
    if _is_this_machine(host):
        return Access(by_link=True, cookie=cookie)
    if not any(person.active and person.has_password and person.may("admin") for person in people(workspace.catalog)):
        raise Refused(
            f"listening on {host} lets others in, and there is no administrator with a password yet",
            hint="vitrine users add NAME --role admin",
        )
    return Access(by_link=False, cookie=cookie)


def fill_queue_once(workspace: "Workspace") -> None:
    """Ask people what a workspace classified before there was a queue leaves open; what hinders it is only told."""
    import sqlalchemy as sa

    from vitrine.stores import schema

    catalog = workspace.catalog
    if catalog.count(schema.queue) or not catalog.count(sa.select(schema.predictions.c.sku).limit(1)):
        return
    try:
        workspace.ask()
    except VitrineError as error:
        output.say(f"The queue stays empty: {error.message}\nvitrine classify fills it.")


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _tls_files(cert: Path | None, key: Path | None) -> tuple[Path, Path] | None:
    """Certificate and key, None without TLS; InputError for files that do not make a pair."""
    import ssl

    if cert is None and key is None:
        return None
    if cert is None or key is None:
        raise InputError("TLS needs a certificate and its key", hint="give both --tls-cert FILE and --tls-key FILE")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key, password=_no_password)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise InputError(
            f"{cert} and {key} cannot be used for TLS: {reason}", hint="both are PEM files, the key without a password"
        ) from None
    return cert, key


def _no_password() -> str:
    raise ValueError("the key is locked by a password")  # else OpenSSL would ask for it in the terminal


def _run(
    workspace: "Workspace",
    access: "Access",
    host: str,
    port: int,
    workers: int,
    tls: tuple[Path, Path] | None,
    as_json: bool,
) -> None:
    import socket

    from vitrine.errors import MissingPart
    from vitrine.web.processes import MakeApp
    from vitrine.web.processes import serve as serve_on

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends without delay only on a socket that names its protocol; else each answer waits 40 ms for the reader's ACK
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)  # whoever opens the link at once waits instead of being refused
    except OSError as error:
        raise MissingPart(
            f"{host}:{port} cannot be listened on: {error.strerror}", hint="choose another with --port"
        ) from error
    taken = listener.getsockname()[1]
    shown = f"[{host}]" if ":" in host else host
    link = f"{'https' if tls else 'http'}://{shown}:{taken}/" + (f"open?token={access.link}" if access.by_link else "")
    if as_json:
        output.show_json({"url": link, "by_link": access.by_link})
    else:
        _tell(link, access.by_link, bool(tls))
    workspace.catalog.close()  # each process opens its own
    serve_on(MakeApp(workspace.folder, access), listener, workers=workers, tls=tls)


def _tell(link: str, by_link: bool, tls: bool) -> None:
    if by_link:
        output.say(f"The desk is open. This link works once:\n\n  {link}\n\nCtrl-C closes it.")
    elif tls:
        output.say(f"The desk is open at {link}\nCtrl-C closes it.")
    else:
        output.say(
            f"The desk is open at {link}\nPasswords and cookies go over this connection as they are: "
            "give --tls-cert and --tls-key, or put TLS before it (docs/guides/server.md).\nCtrl-C closes it."
        )
