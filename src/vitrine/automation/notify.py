"""Tell people that a plan failed: by mail, or by a webhook; addresses of webhooks and passwords never stand in the plan."""

import json
import os
import smtplib
import ssl
import urllib.error
import urllib.request
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from vitrine.errors import InputError

_PATIENCE = 20.0


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Mail(_Section):
    """A mail server and who hears from it."""

    server: str = Field(description="name of the mail server")
    port: int = Field(587, ge=1, le=65535, description="its port")
    tls: Literal["starttls", "tls", "none"] = Field("starttls", description="how the connection is protected")
    user: str | None = Field(None, description="who signs in")
    password_env: str | None = Field(None, description="the variable that has the password")
    password_file: Path | None = Field(None, description="or the file that has it")
    sender: str = Field(description="whom the mail comes from")
    to: tuple[str, ...] = Field(min_length=1, description="who gets it")


class Notices(_Section):
    """Who is told of a failure; nobody where nothing is said."""

    mail: Mail | None = None
    webhook_env: str | None = Field(None, description="the variable that has the address of a webhook")
    webhook_file: Path | None = Field(None, description="or the file that has it")


def notify(notices: Notices, subject: str, facts: dict[str, Any]) -> list[str]:
    """Tell everybody who wants to be told; returns what could not be told and why, without any secret."""
    failed = []
    for name, tell in (("mail", _send_mail), ("webhook", _post)):
        try:
            tell(notices, subject, facts)
        except InputError as error:
            failed.append(f"{name}: {error.message}")
        except (OSError, smtplib.SMTPException, ValueError) as error:
            failed.append(f"{name}: {_harmless(error)}")
    return failed


def _send_mail(notices: Notices, subject: str, facts: dict[str, Any]) -> None:
    mail = notices.mail
    if mail is None:
        return
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = subject, mail.sender, ", ".join(mail.to)
    message.set_content("\n".join(f"{name}: {value}" for name, value in facts.items() if value is not None))
    password = _secret(mail.password_env, mail.password_file)
    context = ssl.create_default_context()
    if mail.tls == "tls":
        server: smtplib.SMTP = smtplib.SMTP_SSL(mail.server, mail.port, timeout=_PATIENCE, context=context)
    else:
        server = smtplib.SMTP(mail.server, mail.port, timeout=_PATIENCE)
    with server:
        if mail.tls == "starttls":
            server.starttls(context=context)
        if mail.user is not None:
            server.login(mail.user, password or "")
        server.send_message(message)


def _post(notices: Notices, subject: str, facts: dict[str, Any]) -> None:
    address = _secret(notices.webhook_env, notices.webhook_file)
    if address is None:
        return
    if not address.startswith(("https://", "http://")):
        raise InputError("the address of the webhook is no http address")
    # "text" is what Slack, Mattermost and Teams show; the rest is for programs
    body = json.dumps({"text": subject, **facts}, ensure_ascii=False, default=str).encode()
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"}, method="POST")
    with urllib.request.urlopen(request, timeout=_PATIENCE):
        pass


def _secret(variable: str | None, file: Path | None) -> str | None:
    """What a variable or a file holds; None where neither is named."""
    if variable is not None:
        if variable not in os.environ:
            raise InputError(f"the variable {variable} is not set")
        return os.environ[variable].strip()
    return file.read_text(encoding="utf-8").strip() if file is not None else None


def _harmless(error: Exception) -> str:
    """What went wrong without the address it went wrong at."""
    if isinstance(error, urllib.error.HTTPError):
        return f"answered {error.code}"
    if isinstance(error, urllib.error.URLError):
        return f"could not be reached: {type(error.reason).__name__}"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"answered {error.smtp_code}"
    return type(error).__name__
