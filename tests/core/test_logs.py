"""Logs say what went wrong and where, and nothing of what the variables held."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from project.logs import configure_logs


@pytest.fixture(autouse=True)
def _logs_as_they_were() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


@pytest.mark.parametrize("as_json", [True, False])
def test_an_exception_is_logged_with_its_traceback_and_without_its_variables(
    capsys: pytest.CaptureFixture[str], *, as_json: bool
) -> None:
    configure_logs(as_json=as_json, level="INFO")
    secret = "hunter" + "2"
    try:
        _fail()
    except ValueError:
        logging.getLogger("somewhere").exception("failed", extra={"length": len(secret)})
    said = capsys.readouterr().err
    assert "ValueError: It went wrong." in said
    assert 'raise ValueError("It went wrong.")' in said.replace('\\"', '"')
    assert secret not in said
    if as_json:
        assert json.loads(said)["event"] == "failed"


def _fail() -> None:
    raise ValueError("It went wrong.")
