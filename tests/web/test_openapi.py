"""Schemathesis sends what the OpenAPI description allows and forbids; no answer is a mistake of the server."""

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from visitors import visitor

from vitrine.workspace import Workspace

schemathesis = pytest.importorskip("schemathesis", reason="pip install schemathesis")

LONG_WORK = {("post", "/api/v1/jobs")}


@pytest.mark.slow
def test_no_generated_request_makes_the_server_fail(app: FastAPI, workspace: Workspace) -> None:
    client = visitor(app, "admin")
    schema = schemathesis.openapi.from_dict(app.openapi())
    seen: set[tuple[str, str]] = set()
    for result in schema.get_all_operations():
        operation = result.ok()
        key = (operation.method.lower(), operation.path)
        if key in LONG_WORK:
            continue

        @settings(
            max_examples=12, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
        )
        @given(case=operation.as_strategy())
        def send(case: schemathesis.Case) -> None:
            arguments = case.as_transport_kwargs(base_url="http://testserver")
            arguments.pop("cookies", None)  # the client brings its own
            answer = client.request(**arguments)
            assert answer.status_code < 500, f"{case.method} {case.formatted_path}: {answer.text}"
            if answer.status_code >= 400 and answer.status_code != 405:
                assert set(answer.json()) == {"error", "message", "hint"}

        send()
        seen.add(key)
    assert len(seen) > 15
