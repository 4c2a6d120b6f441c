"""The OpenAPI schemas of what the code keeps as msgspec structs rather than as response models."""

from typing import Any

import msgspec

from shared.enrolment import AuthorityAnswer, RedeemAnswer, RedeemRequest, RenewAnswer, RenewRequest
from shared.tariffs.agreements import Agreement
from shared.tariffs.model import Tariff
from shared.tariffs.offers import Offer

PLACE = "#/components/schemas/{name}"
JSON = "application/json"

SHOWN = (
    Agreement,
    AuthorityAnswer,
    Offer,
    RedeemAnswer,
    RedeemRequest,
    RenewAnswer,
    RenewRequest,
    Tariff,
)
"""Those that a path takes or answers with; what they hold comes with them."""


def schema_of(shown: type[msgspec.Struct]) -> dict[str, Any]:
    """Refer to a struct's schema; raises LookupError where it is not among `SHOWN`."""
    if shown not in SHOWN:
        raise LookupError(f"{shown.__name__} is not shown by the OpenAPI document")
    return {"$ref": PLACE.format(name=shown.__name__)}


def taking(schema: dict[str, Any], example: object = None, description: str = "") -> dict[str, Any]:
    """Describe a JSON body for a route that reads it by itself."""
    content = {"schema": schema} if example is None else {"schema": schema, "example": example}
    body: dict[str, Any] = {"required": True, "content": {JSON: content}}
    if description:
        body["description"] = description
    return {"requestBody": body}


def answering(schema: dict[str, Any]) -> dict[int | str, dict[str, Any]]:
    """Describe the JSON answer of a route that writes it by itself."""
    return {200: {"content": {JSON: {"schema": schema}}}}


def components() -> dict[str, Any]:
    """Give the schema of each struct that the document refers to, by name."""
    _, found = msgspec.json.schema_components(SHOWN, ref_template=PLACE)
    return found
