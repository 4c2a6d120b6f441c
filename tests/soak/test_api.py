"""The exploration of the API, short: no request there is makes a 500."""

from pathlib import Path

import pytest

from tests.soak import api
from tests.support.api_stage import ApiStage


@pytest.mark.slow
def test_no_request_makes_an_error_of_ours(capsys: pytest.CaptureFixture[str]) -> None:
    """A few hundred, over every path."""
    assert api.main(["--count", "250"]) == 0

    assert "0 faults" in capsys.readouterr().out


@pytest.mark.slow
def test_error_of_ours_is_told(tmp_path: Path) -> None:
    """With the request that made it."""
    stage = ApiStage(tmp_path)
    document = stage.app.openapi()
    document["paths"] = {"/v1/meters": document["paths"]["/v1/meters"]}
    stage.app.state.parts = None

    answers, faults = api.explore(stage, 10, 0)
    stage.close()

    assert answers[500] > 0
    assert faults
