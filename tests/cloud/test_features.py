"""The API's features: gathered once, and nothing of one application in another."""

from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.dependencies import utils
from starlette.testclient import TestClient

from cloud.app import create_app
from cloud.features import features
from shared.clock import DrivenClock
from tests.support.cloud import START_MS, config_in

LAST = "/v1/fleet/jobs"
"""Of the last of the features: whoever asks for it goes by the routes of nearly all."""


def _app(folder: Path, **settings: object) -> FastAPI:
    return create_app(config_in(folder, **settings), DrivenClock(START_MS))


def _ask(app: FastAPI, token: str) -> int:
    client = TestClient(app, raise_server_exceptions=False)
    return client.get(LAST, headers={"Authorization": f"Bearer {token}"}).status_code


def test_what_routes_take_is_worked_out_once_for_all_applications(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second application answers by what the first has worked out."""
    first, second = _app(tmp_path / "first"), _app(tmp_path / "second")
    worked_out: list[Any] = []
    work_out = utils.analyze_param

    def note(**given: Any) -> Any:
        worked_out.append(given)
        return work_out(**given)

    before = _ask(first, "nobody's")
    monkeypatch.setattr(utils, "analyze_param", note)

    after = _ask(second, "nobody's")

    assert before == after == 401
    assert worked_out == []


def test_each_application_judges_by_its_own_settings(tmp_path: Path) -> None:
    """They share routes, and what a route goes by is the application that was asked."""
    token = "a" * 32
    mine, anothers = _app(tmp_path / "mine", api_token=token), _app(tmp_path / "anothers")

    answers = [_ask(app, token) for app in (mine, anothers, mine)]

    assert answers == [200, 401, 200]
    assert all(
        route in app.router.routes for app in (mine, anothers) for route in features().routes
    )
