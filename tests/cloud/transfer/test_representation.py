"""How answers travel: entity tags, content codings, HEAD, media types and caching."""

import gzip
from collections.abc import AsyncIterator, Iterator

import brotli  # type: ignore[import-untyped]  # as in cloud/transfer/representation.py
import pytest
from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse
from fastapi.testclient import TestClient

from cloud.transfer import representation
from cloud.transfer.representation import Representation
from tests.support.api_stage import ApiStage
from tests.support.cloud import METER

LONG = b'{"text":"' + b"hearth " * 1_000 + b'"}'
PLAIN = {"Accept-Encoding": "identity"}


def small_app() -> FastAPI:
    """Make an application with an answer of each kind."""
    app = FastAPI()
    app.add_middleware(Representation)

    @app.get("/long")
    def _long() -> Response:
        return Response(LONG, media_type="application/json")

    @app.get("/secret")
    def _secret() -> Response:
        headers = {"Cache-Control": "no-store"}
        return Response(LONG, media_type="application/json", headers=headers)

    @app.get("/revised")
    def _revised(request: Request) -> Response:
        if request.headers.get("if-none-match") == '"7"':
            return Response(status_code=304, headers={"ETag": '"7"'})
        return Response(LONG, media_type="application/json", headers={"ETag": '"7"'})

    @app.get("/stream")
    async def _stream() -> StreamingResponse:
        async def events() -> AsyncIterator[bytes]:
            for _ in range(3):
                yield b"data: x\n\n"

        return StreamingResponse(events(), media_type="text/event-stream")

    @app.post("/long")
    def _post() -> Response:
        return Response(LONG, media_type="application/json")

    return app


@pytest.fixture(name="client")
def _client() -> Iterator[TestClient]:
    with TestClient(small_app()) as client:
        yield client


def test_answer_in_hand_is_not_sent_again(client: TestClient) -> None:
    """304 with the same tag and no body, in whichever content coding it was got."""
    first = client.get("/long", headers={"Accept-Encoding": "br"})
    tag = first.headers["etag"]

    again = client.get("/long", headers={"If-None-Match": f'"other", {tag}'})
    plain = client.get("/long", headers={**PLAIN, "If-None-Match": f"W/{tag}"})

    assert tag.startswith('"')
    assert (again.status_code, again.content) == (304, b"")
    assert plain.status_code == 304
    assert client.get("/long", headers={"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize(
    ("asked", "coding"), [("gzip", "gzip"), ("gzip, br", "br"), ("br;q=0", "")]
)
def test_content_coding_is_the_clients_choice(asked: str, coding: str) -> None:
    """The bytes are those of the coding that is named, and the tag is that coding's own."""
    client = TestClient(small_app())

    with client.stream("GET", "/long", headers={"Accept-Encoding": asked}) as answer:
        raw = b"".join(answer.iter_raw())

    decoded = {"gzip": gzip.decompress, "br": brotli.decompress, "": bytes}[coding](raw)
    assert answer.headers.get("content-encoding", "") == coding
    assert decoded == LONG
    assert int(answer.headers["content-length"]) == len(raw)
    assert answer.headers["etag"].endswith(f'-{coding}"' if coding else '"')
    assert "Accept-Encoding" in answer.headers["vary"]


def test_other_sites_learn_nothing_from_a_length(client: TestClient) -> None:
    """With a cookie only our own page has a compressed answer; a secret never is."""
    cookie = {"Cookie": "session=x", "Accept-Encoding": "br"}

    foreign = client.get("/long", headers={**cookie, "Sec-Fetch-Site": "cross-site"})
    unsaid = client.get("/long", headers=cookie)
    own = client.get("/long", headers={**cookie, "Sec-Fetch-Site": "same-origin"})
    secret = client.get("/secret", headers={"Accept-Encoding": "br"})

    assert "content-encoding" not in foreign.headers
    assert "content-encoding" not in unsaid.headers
    assert own.headers["content-encoding"] == "br"
    assert "content-encoding" not in secret.headers
    assert "etag" not in secret.headers


def test_endpoints_own_tag_holds(client: TestClient) -> None:
    """Where a revision is at hand it is the tag, and the endpoint may spare itself the work."""
    plain = client.get("/revised", headers=PLAIN).headers["etag"]
    coded = client.get("/revised", headers={"Accept-Encoding": "br"}).headers["etag"]

    again = [client.get("/revised", headers={"If-None-Match": tag}) for tag in (plain, coded)]

    assert (plain, coded) == ('"7"', '"7-br"')
    assert [one.status_code for one in again] == [304, 304]
    assert {one.headers["cache-control"] for one in again} == {"private, no-cache"}


def test_stream_passes_as_it_is(client: TestClient) -> None:
    """Neither held back nor compressed."""
    answer = client.get("/stream", headers={"Accept-Encoding": "br"})

    assert answer.content == b"data: x\n\n" * 3
    assert "content-encoding" not in answer.headers
    assert "etag" not in answer.headers


def test_head_is_get_without_a_body(client: TestClient) -> None:
    """With the same header fields; of a stream only these are sent."""
    got, head = client.get("/long", headers=PLAIN), client.head("/long", headers=PLAIN)

    assert head.content == b""
    assert {**head.headers} == {**got.headers}
    assert client.head("/stream").headers["content-type"].startswith("text/event-stream")
    assert client.head("/none").status_code == 404


def test_client_is_not_given_what_it_cannot_take(client: TestClient) -> None:
    """406 says what there is; a refusing `q=0` counts."""
    refused = client.get("/long", headers={"Accept": "text/html"})
    stream = client.get("/stream", headers={"Accept": "application/json"})
    barred = client.get("/long", headers={"Accept": "*/*, application/json;q=0"})

    assert refused.status_code == stream.status_code == barred.status_code == 406
    assert refused.json()["code"] == "not-acceptable"
    assert "application/json" in refused.json()["detail"]
    assert client.get("/long", headers={"Accept": "application/*;q=0.1"}).status_code == 200


def test_answers_to_writes_are_kept_by_nobody(client: TestClient) -> None:
    """They have neither tag nor coding."""
    answer = client.post("/long", headers={"Accept-Encoding": "br"})

    assert answer.headers["cache-control"] == "no-store"
    assert "etag" not in answer.headers
    assert "content-encoding" not in answer.headers


def test_long_document_goes_out_as_it_comes(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is not held whole has no tag, and loses nothing."""
    monkeypatch.setattr(representation, "BUFFERED_BYTES_MAX", 100)
    app = FastAPI()
    app.add_middleware(Representation)

    @app.get("/parts")
    async def _parts() -> StreamingResponse:
        async def parts() -> AsyncIterator[bytes]:
            for _ in range(5):
                yield b"x" * 60

        return StreamingResponse(parts(), media_type="application/json")

    answer = TestClient(app).get("/parts")

    assert answer.content == b"x" * 300
    assert "etag" not in answer.headers


def test_api_answers_are_private_and_revalidated(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Caches between keep nothing, and the client asks each time."""
    stage = ApiStage(tmp_path_factory.mktemp("api"))
    stage.furnish()
    path = f"/v1/meters/{METER}/usage?from=2026-03-01&to=2026-03-02"

    got = stage.client.get(path)
    again = stage.client.get(path, headers={"If-None-Match": got.headers["etag"]})
    wrong = stage.client.get("/v1/meters/none/registers")
    stage.close()

    assert got.headers["cache-control"] == "private, no-cache"
    assert {"Authorization", "Cookie"} <= set(got.headers["vary"].split(", "))
    assert again.status_code == 304
    assert wrong.headers["cache-control"] == "no-store"
