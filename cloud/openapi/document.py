"""Builds the OpenAPI document: FastAPI's, with every field and parameter described and shown.

What the code says of a field wins; what it leaves open comes from fields.toml, where a name has one
meaning everywhere. Nothing here decides what an endpoint takes or gives.
"""

import tomllib
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import iter_route_contexts

from cloud.auth import OpenRule, rules_of
from cloud.gate import SECURITY_SCHEMES
from cloud.openapi.structs import components
from cloud.problems import PROBLEM_MEDIA_TYPE
from cloud.transfer.deprecation import mark

TAGS = (
    ("meters", "Meters, what they displayed and what was used."),
    ("tariffs", "What it cost, what it will cost, and what it would cost elsewhere."),
    ("usage", "What was used, in the household's own calendar."),
    ("exports", "Usage as files."),
    ("imports", "History from elsewhere."),
    ("quality", "What is missing or estimated, and what was corrected."),
    ("live", "What is used at this moment."),
    ("changes", "What has changed since an app last looked."),
    ("account", "Signing in, and who you are."),
    ("households", "Your homes, their members and keys."),
    ("gateways", "The household's hubs, what is missing of their logs, and consent."),
    ("fleet", "Every hub of every household; for the operator."),
    ("hubs", "What hubs say over HTTPS; each request is signed by its hub."),
    ("health", "Whether the service works."),
)
"""In the order of the documentation page."""

_METHODS = ("get", "put", "post", "delete", "patch")
_NESTED_MAX = 8
"""Deeper than any of the models; a model that held itself would end here."""

Row = tuple[str, Any]


def describe(app: FastAPI) -> None:
    """Let the application publish the completed document, built when it is first asked for."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = build(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI's manual has it


def build(app: FastAPI) -> dict[str, Any]:
    """Build the document anew."""
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
    )
    document["tags"] = _tags(document)
    _secure(app, document)
    schemas: dict[str, Any] = document.setdefault("components", {}).setdefault("schemas", {})
    for name, schema in components().items():
        schemas.setdefault(name, schema)
    rows = read_fields()
    for name, schema in schemas.items():
        for field, of_field in schema.get("properties", {}).items():
            _fill(of_field, rows.get(f"{name}.{field}") or rows.get(field))
    for schema in schemas.values():
        for of_field in schema.get("properties", {}).values():
            _show(of_field, schemas)
    for operation in operations(document):
        _complete(operation, rows)
    mark(document)
    return document


def _secure(app: FastAPI, document: dict[str, Any]) -> None:
    """Say of each operation that asks who calls how that is shown.

    Rules read it themselves: a dependency for each scheme would be solved with every request.
    """
    document.setdefault("components", {})["securitySchemes"] = SECURITY_SCHEMES
    asked: list[dict[str, list[str]]] = [{name: []} for name in SECURITY_SCHEMES]
    for route in iter_route_contexts(app.routes):
        rules = rules_of(getattr(route, "dependant", None))
        if any(not isinstance(rule, OpenRule) for rule in rules):
            path = document["paths"].get(getattr(route, "path", ""), {})
            for method in getattr(route, "methods", None) or ():
                path.get(method.lower(), {}).setdefault("security", asked)


def operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """List the operations of a document."""
    for path in document["paths"].values():
        yield from (path[method] for method in _METHODS if method in path)


def read_fields() -> dict[str, Row]:
    """Read fields.toml: by the name of a field, its meaning and an example."""
    text = files("cloud.openapi").joinpath("fields.toml").read_text(encoding="utf-8")
    return _flat(tomllib.loads(text))


def _flat(table: dict[str, Any]) -> dict[str, Row]:
    return {name: (str(row[0]), row[1]) for name, row in table.items()}


def _tags(document: dict[str, Any]) -> list[dict[str, str]]:
    used = {tag for operation in operations(document) for tag in operation["tags"]}
    return [{"name": name, "description": said} for name, said in TAGS if name in used]


def _fill(schema: dict[str, Any], row: Row | None) -> None:
    """Add what the code left open; an empty example is left to be composed."""
    if row is None:
        return
    schema.setdefault("description", row[0])
    if "examples" not in schema and "example" not in schema and row[1] not in ([], {}):
        schema["examples"] = [row[1]]


def _show(schema: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Give a field an example made of its own parts, where it has none."""
    if "examples" not in schema and "example" not in schema:
        composed = _compose(schema, schemas, 0)
        if composed is not None:
            schema["examples"] = [composed]


def _compose(schema: dict[str, Any], schemas: dict[str, Any], depth: int) -> Any:
    for key in ("examples", "enum"):
        if schema.get(key):
            return schema[key][0]
    for key in ("example", "const", "default"):
        if schema.get(key) is not None:
            return schema[key]
    if depth > _NESTED_MAX:
        return None
    if "$ref" in schema:
        return _compose(schemas[schema["$ref"].rsplit("/", 1)[1]], schemas, depth + 1)
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return _compose(schema[key][0], schemas, depth + 1)
    return _compose_by_type(schema, schemas, depth)


def _compose_by_type(schema: dict[str, Any], schemas: dict[str, Any], depth: int) -> Any:
    if schema.get("type") == "array":
        one = _compose(schema.get("items", {}), schemas, depth + 1)
        return [] if one is None else [one]
    if "properties" in schema:
        return {
            name: _compose(of_field, schemas, depth + 1)
            for name, of_field in schema["properties"].items()
        }
    return None


def _complete(operation: dict[str, Any], rows: dict[str, Row]) -> None:
    for parameter in operation.get("parameters", ()):
        name = parameter["name"]
        row = rows.get(f"parameter.{name}") or rows.get(name)
        schema = parameter.setdefault("schema", {})
        if row is not None:
            parameter.setdefault("description", schema.get("description", row[0]))
        shown = "example" in parameter or "examples" in schema or "example" in schema
        if not shown and row is not None:
            schema["examples"] = [row[1]]
    for status, answer in operation["responses"].items():
        if not status.startswith("2"):
            content = answer.get("content", {})
            # FastAPI files a model under JSON too; a problem has a media type of its own.
            if PROBLEM_MEDIA_TYPE in content and "application/json" in content:
                content[PROBLEM_MEDIA_TYPE] = content.pop("application/json")
