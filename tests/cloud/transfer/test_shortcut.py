"""Plain routes answer the same by the shortcut as by the framework, whatever they are asked."""

from collections.abc import Iterator
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, Query, Request, Response, WebSocket
from fastapi.testclient import TestClient
from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope, Send

from cloud import errors
from cloud.problems import NotFoundError
from cloud.transfer.plans import Plan
from cloud.transfer.shortcut import Shortcut
from tests.support.api_stage import KNOWN, ApiStage

RIGHT = {"from": "2026-03-01", "to": "2026-03-03", "at": "2026-03-02T00:00:00Z", "limit": "5"}
WRONG = {"from": "x" * 99, "limit": "many", "resolution": "aeon", "zone": "Nowhere", "after": "-"}


def _shortcut(app: Any) -> Shortcut:
    """Find the layer of an application that has served a request."""
    layer = app.middleware_stack
    while not isinstance(layer, Shortcut):
        layer = layer.app if hasattr(layer, "app") else layer._app
    return layer


@pytest.fixture(name="stage", scope="module")
def _stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiStage]:
    stage = ApiStage(tmp_path_factory.mktemp("shortcut"))
    with stage.client:
        yield stage


@pytest.mark.parametrize("query", [RIGHT, WRONG])
def test_every_plain_route_answers_as_by_the_framework(
    stage: ApiStage, query: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With parameters that are right, or wrong: the same status, fields and document."""
    stage.client.get("/v1/health")
    layer = _shortcut(stage.client.app)
    plain = [one for listed in layer._places.values() for one in listed if one.plan is not None]
    paths = [one.route.path_format.format_map(_Names()) for one in plain]

    short = [_answer(stage.client, path, query) for path in paths]
    monkeypatch.setattr(layer, "_places", {})
    long = [_answer(stage.client, path, query) for path in paths]

    assert len(plain) > 40
    assert short == long


class _Names(dict[str, object]):
    """What stands for a path's parameters."""

    def __missing__(self, name: str) -> object:
        return KNOWN.get(name, "home")


def _answer(
    client: TestClient, path: str, query: dict[str, str]
) -> tuple[int, dict[str, str], str]:
    answer = client.get(path, params=query)
    return answer.status_code, dict(answer.headers), answer.text


def test_what_apps_ask_most_has_a_plan(stage: ApiStage) -> None:
    """What is changed about these routes shall not take it from them unseen."""
    stage.client.get("/v1/health")
    listed = _shortcut(stage.client.app)._places.values()
    plain = {one.route.path for places in listed for one in places if one.plan is not None}

    assert plain >= {"/v1/meters", "/v1/meters/{meter}/usage", "/v1/usage", "/v1/changes"}


async def _caller(connection: HTTPConnection, name: str = "nobody") -> str:
    connection.state.calls = getattr(connection.state, "calls", 0) + 1
    return name


def _made() -> FastAPI:
    app = FastAPI()
    errors.install(app)
    app.add_middleware(Shortcut, owner=app)
    caller = Annotated[str, Depends(_caller)]

    @app.get("/things/first")
    def first() -> dict[str, str]:
        return {"by": "the framework"}

    @app.get("/things/{thing}")
    async def thing(
        request: Request,
        thing: str,
        name: caller,
        again: caller,
        count: int = 1,
        tags: Annotated[list[str], Query(alias="tag")] = [],  # noqa: B006  # FastAPI copies it
    ) -> Response:
        tags.append("end")
        return Response(f"{thing} {name} {again} {count} {tags} {request.state.calls}")

    @app.get("/missing/{thing}")
    def missing(thing: str) -> Response:
        raise NotFoundError(f"no {thing}")

    @app.get("/broken")
    async def broken() -> Response:
        raise RuntimeError("unforeseen")

    @app.post("/things/{thing}")
    async def make(thing: str) -> Response:
        return Response(f"made {thing}")

    @app.websocket("/things/{thing}/live")
    async def live(socket: WebSocket) -> None:
        await socket.accept()
        await socket.close()

    @app.get("/things/{thing}/live")
    async def living(thing: str) -> Response:
        return Response(f"live {thing}")

    @app.get("/files/{path:path}")
    async def file(path: str) -> Response:
        return Response(f"file {path}")

    return app


@pytest.fixture(name="made")
def _made_client(monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """An application whose framework says so wherever it is reached by a plain route."""
    client = TestClient(_made(), raise_server_exceptions=False)
    client.get("/")
    router = client.app.router.middleware_stack  # type: ignore[attr-defined]  # an application

    async def noting(scope: Scope, receive: Receive, send: Send) -> None:
        client.reached = True  # type: ignore[attr-defined]  # for the tests to look at
        await router(scope, receive, send)

    monkeypatch.setattr(client.app.router, "middleware_stack", noting)  # type: ignore[attr-defined]
    client.reached = False  # type: ignore[attr-defined]
    return client


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/things/a", "a nobody nobody 1 ['end'] 1"),
        ("/things/a?name=me&count=2&count=3", "a me me 3 ['end'] 1"),
        ("/things/b?tag=x&tag=y&tag=", "b nobody nobody 1 ['x', 'y', '', 'end'] 1"),
        ("/things/%C3%A4%20b", "ä b nobody nobody 1 ['end'] 1"),
        ("/things/a/live", "live a"),
    ],
)
def test_parameters_are_read_as_declared(made: TestClient, path: str, said: str) -> None:
    """Defaults, repeated ones, lists; a default that is changed is no other request's."""
    answers = [made.get(path) for _ in range(2)]

    assert [one.text for one in answers] == [said, said]
    assert not made.reached  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/things/first", 200),
        ("GET", "/things/a?count=many", 422),
        ("GET", "/files/a/b", 200),
        ("GET", "/nowhere", 404),
        ("POST", "/things/a", 200),
        ("DELETE", "/things/a", 405),
    ],
)
def test_all_else_is_the_frameworks(made: TestClient, method: str, path: str, status: int) -> None:
    """Other methods, routes that are not plain, and parameters that are not as they should be."""
    answer = made.request(method, path)

    assert answer.status_code == status
    assert made.reached  # type: ignore[attr-defined]


def test_what_a_route_raises_is_told_as_always(made: TestClient) -> None:
    """As its problem; what nobody foresaw is the outermost layer's."""
    missing, broken = made.get("/missing/it"), made.get("/broken")

    assert (missing.status_code, missing.json()["detail"]) == (404, "no it")
    assert broken.status_code == 500
    assert not made.reached  # type: ignore[attr-defined]


def test_behind_a_path_of_its_own_the_framework_serves(made: TestClient) -> None:
    """An application that is mounted somewhere is asked for other paths than it has."""
    mounted = TestClient(made.app, root_path="/there")

    assert mounted.get("/there/things/a").text == "a nobody nobody 1 ['end'] 1"
    assert made.reached  # type: ignore[attr-defined]


def test_a_route_with_more_than_paths_and_queries_has_no_plan() -> None:
    """A header, a body's type or what is no coroutine: nothing that a plan could miss."""
    app = FastAPI()
    app.add_middleware(Shortcut, owner=app)

    def slow() -> int:
        return 1

    @app.get("/slow")
    async def by_slow(number: Annotated[int, Depends(slow)]) -> Response:
        return Response(str(number))

    @app.get("/response")
    async def by_response(response: Response) -> Response:
        response.status_code = 201
        return response

    @app.get("/plain")
    async def plain() -> Response:
        return Response("plain")

    client = TestClient(app)
    assert [client.get(path).text for path in ("/slow", "/plain")] == ["1", "plain"]
    plans = {
        one.route.path: one.plan for listed in _shortcut(app)._places.values() for one in listed
    }
    assert isinstance(plans["/plain"], Plan)
    assert plans["/slow"] is plans["/response"] is None
