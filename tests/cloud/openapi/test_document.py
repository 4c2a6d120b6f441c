"""The OpenAPI document: whole, stable, and the one in the tree."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cloud.openapi.document import TAGS, operations, read_fields
from tests.docs.openapi import DOCUMENT, SURFACE, Surface, lost, surface_of
from tests.support.api_stage import ApiStage

SAFE_TO_REPEAT = (
    # What hubs post: their protocol lets them send it again.
    "/v1/frames",
    "/v1/hub/",
    "/v1/claims/redeem",
    "/v1/fleet/renew",
    # Asks until a time, or names its own content: again is the same.
    "/v1/meters/{meter}/live",
    "/v1/imports",
    # Signing in and proving: no answer of these is for keeping.
    "/v1/sessions",
    "/v1/set-up",
    # A code that works once, or a membership that ends once; a repetition is refused.
    "/v1/invitations/acceptance",
    "/v1/me/invitations/{invitation}/acceptance",
    "/v1/users",
    "/v1/households/{household_id}/departure",
)
"""Paths, with all below them, that may be posted again without a key."""


@pytest.fixture(scope="module", name="stage")
def _stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiStage]:
    stage = ApiStage(tmp_path_factory.mktemp("api"))
    yield stage
    stage.close()


@pytest.fixture(scope="module", name="document")
def _document(stage: ApiStage) -> dict[str, Any]:
    return stage.client.get("/openapi.json").json()  # type: ignore[no-any-return]


def is_shown(schema: dict[str, Any]) -> bool:
    """Tell whether a schema has an example."""
    return "example" in schema or bool(schema.get("examples"))


def bodies_of(operation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """List the contents of an operation's request and good answers."""
    yield from operation.get("requestBody", {}).get("content", {}).values()
    for status, answer in operation["responses"].items():
        if status.startswith("2"):
            yield from answer.get("content", {}).values()


def test_every_field_is_described_and_shown(document: dict[str, Any]) -> None:
    """Each property of each schema says its meaning and has an example; the rest is named here."""
    bare = [
        f"{name}.{field}"
        for name, schema in document["components"]["schemas"].items()
        for field, of_field in schema.get("properties", {}).items()
        if not of_field.get("description") or not is_shown(of_field)
    ]

    assert not bare, f"describe these in cloud/openapi/fields.toml or where they stand: {bare}"


def test_every_parameter_is_described_and_shown(document: dict[str, Any]) -> None:
    """In the path, the query and the header."""
    bare = [
        f"{operation['operationId']}.{parameter['name']}"
        for operation in operations(document)
        for parameter in operation.get("parameters", ())
        if not parameter.get("description")
        or not (is_shown(parameter) or is_shown(parameter["schema"]))
    ]

    assert not bare, f"describe these in cloud/openapi/fields.toml or where they stand: {bare}"


def test_every_operation_is_named_tagged_and_summed_up(document: dict[str, Any]) -> None:
    """Each id is one operation's; each tag has a description."""
    found = list(operations(document))
    ids = [one["operationId"] for one in found]

    assert len(set(ids)) == len(ids)
    assert all(one["summary"] and one["description"] for one in found)
    assert {tag for one in found for tag in one["tags"]} <= {name for name, _ in TAGS}


def test_ids_come_from_method_and_path(document: dict[str, Any]) -> None:
    """So that renaming a function renames nothing in a client."""
    paths = document["paths"]

    assert paths["/v1/meters/{meter}/usage"]["get"]["operationId"] == "get_meter_usage"
    assert paths["/v1/fleet/hubs/{thing}"]["get"]["operationId"] == "get_fleet_hub"
    assert paths["/v1/dead-letters"]["get"]["operationId"] == "get_dead_letters"


def test_every_answer_has_a_shape(document: dict[str, Any]) -> None:
    """JSON in and out refers to a schema; the shadow's document is the protocol's own."""
    shapeless = [
        one["operationId"]
        for one in operations(document)
        for content in bodies_of(one)
        if not content.get("schema")
    ]

    assert set(shapeless) <= {"post_hub_tariff", "get_fleet_hub_report"}


def test_errors_are_problems(document: dict[str, Any]) -> None:
    """No error is documented as plain JSON."""
    for operation in operations(document):
        for status, answer in operation["responses"].items():
            if status[0] in "45" and (operation["operationId"], status) != ("get_health", "503"):
                assert list(answer["content"]) == ["application/problem+json"]
                assert answer["content"]["application/problem+json"]["schema"]


def test_no_meaning_is_left_over(document: dict[str, Any]) -> None:
    """Each row of fields.toml is of a field or parameter that exists."""
    schemas = document["components"]["schemas"].items()
    used = {f"{name}.{one}" for name, schema in schemas for one in schema.get("properties", {})}
    used |= {name.split(".")[1] for name in used}
    for operation in operations(document):
        for parameter in operation.get("parameters", ()):
            used |= {parameter["name"], f"parameter.{parameter['name']}"}

    assert set(read_fields()) <= used


def test_every_write_by_post_can_be_sent_again(document: dict[str, Any]) -> None:
    """It takes an Idempotency-Key, or is one that repeats itself safely by its protocol."""
    posts = {path: one["post"] for path, one in document["paths"].items() if "post" in one}

    keyed = {
        path
        for path, operation in posts.items()
        for one in operation.get("parameters", ())
        if one["name"] == "Idempotency-Key"
    }

    assert keyed
    assert {path for path in posts if not path.startswith(SAFE_TO_REPEAT)} == keyed


def test_document_in_the_tree_is_the_programs(document: dict[str, Any]) -> None:
    """`make reference` writes it."""
    kept = json.loads(DOCUMENT.read_text())

    assert kept == {**document, "info": {**document["info"], "version": kept["info"]["version"]}}


def test_nothing_released_is_gone(document: dict[str, Any]) -> None:
    """Every path, parameter and field that the last release had is still there, as it was."""
    assert lost(json.loads(SURFACE.read_text()), surface_of(document)) == []


def test_what_is_gone_is_told() -> None:
    """A field that is away, one of another type, and a parameter that is asked for anew."""
    before: Surface = {
        "fields": {"A.x": "string", "A.y": "integer"},
        "parameters": {"GET /a": False, "GET /a?b": False},
    }
    after: Surface = {
        "fields": {"A.x": "integer"},
        "parameters": {"GET /a": False, "GET /a?b": True, "GET /a?c": True},
    }

    assert lost(before, after) == [
        "A.x was string, is integer",
        "A.y is gone",
        "GET /a?b is required now",
        "GET /a?c is required, and new",
    ]


def test_reference_lies_where_the_docs_say() -> None:
    """Beside the other pages."""
    assert Path(__file__).parents[3] / "docs" / "reference" / "openapi.json" == DOCUMENT
