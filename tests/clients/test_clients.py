"""Clients made from the OpenAPI document: they are made without a gap, fit together, and work."""

import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.docs.openapi import openapi_page
from tests.support.api_stage import ApiStage
from tests.support.cloud import TOKEN

HERE = Path(__file__).parent
TOOLS = Path(sys.prefix) / "typescript"
"""Where `make` puts what tests/clients/typescript/package-lock.json pins."""

LIMIT_S = 120


def run(*command: str | Path, folder: Path) -> str:
    """Run a tool that must end well; return what it said."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [str(one) for one in command],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(name="document")
def _document(tmp_path: Path) -> Path:
    path = tmp_path / "openapi.json"
    path.write_text(openapi_page(), encoding="utf-8")
    return path


@pytest.mark.slow
def test_python_client_is_whole_and_typed_and_works(
    document: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Generated without a warning, strict for mypy with an app on it, and run against the API."""
    folder = document.parent
    shutil.copy(HERE / "app.py.in", folder / "app.py")
    said = run(
        Path(sys.executable).parent / "openapi-python-client",
        *("generate", "--path", document, "--meta", "none", "--fail-on-warning"),
        *("--config", HERE / "python.yaml", "--output-path", folder / "hearthlink_client"),
        folder=folder,
    )
    run(sys.executable, "-m", "mypy", "--strict", "--no-incremental", "app.py", folder=folder)
    monkeypatch.syspath_prepend(str(folder))

    app, made = (importlib.import_module(name) for name in ("app", "hearthlink_client"))
    stage = ApiStage(tmp_path_factory.mktemp("api"))
    stage.furnish()
    client = made.AuthenticatedClient("http://testserver", TOKEN)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    client.set_httpx_client(
        httpx.Client(base_url="http://testserver", transport=_Bridge(stage), headers=headers)
    )
    used = app.used_mwh(client)
    stage.close()

    assert "warning" not in said.lower()
    assert used == [250_000, *[500_000] * 23]


class _Bridge(httpx.BaseTransport):
    """Lets a client of httpx call an application in this process."""

    def __init__(self, stage: ApiStage) -> None:
        self._stage = stage

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self._stage.client.request(
            request.method,
            str(request.url),
            content=request.read(),
            headers={"Authorization": request.headers["authorization"]},
        )
        return httpx.Response(answer.status_code, content=answer.content)


@pytest.mark.slow
def test_typescript_client_is_typed(document: Path) -> None:
    """The types are made, and an app on them passes tsc at its strictest."""
    folder = document.parent
    if not (TOOLS / "node_modules").exists():
        shutil.copytree(HERE / "typescript", TOOLS, dirs_exist_ok=True)
        run("npm", "ci", "--silent", folder=TOOLS)
    for name in ("app.ts", "tsconfig.json", "package.json"):
        shutil.copy(HERE / "typescript" / name, folder)
    (folder / "node_modules").symlink_to(TOOLS / "node_modules")
    tools = TOOLS / "node_modules" / ".bin"

    run(tools / "openapi-typescript", document, "--output", "api.d.ts", folder=folder)
    run(tools / "tsc", "--project", ".", folder=folder)

    types = (folder / "api.d.ts").read_text(encoding="utf-8")
    assert "get_meter_usage" in types


def test_lock_names_no_registry() -> None:
    """Versions and integrity alone: whichever registry npm is set to gives the same."""
    lock = (HERE / "typescript" / "package-lock.json").read_text(encoding="utf-8")

    assert '"integrity": "sha512-' in lock
    assert '"resolved"' not in lock
