"""The OpenAPI document in the tree, and what of it a release has promised.

`python -m tests.docs.openapi --release` takes over what is there now as the released surface; done
once, when a version is released.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from cloud.app import create_app
from cloud.config import load

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
DOCUMENT = REFERENCE / "openapi.json"
SURFACE = Path(__file__).parents[1] / "golden" / "openapi" / "released.json"

Surface = dict[str, dict[str, Any]]


def openapi_page() -> str:
    """Write the document as the tree has it."""
    with tempfile.TemporaryDirectory() as folder:
        settings = {"HEARTHLINK_CLOUD_STATE_DIR": folder}
        app = create_app(load(None, environment=settings))
        document = app.openapi()
        app.state.parts.database.close()
    document["info"]["version"] = "v1"
    return json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def surface_of(document: dict[str, Any]) -> Surface:
    """Boil a document down to what a client relies on.

    `fields` has the type of each "Model.field", `parameters` whether each is required.
    """
    schemas = document["components"]["schemas"]
    fields = {
        f"{name}.{field}": _type(of_field)
        for name, schema in schemas.items()
        for field, of_field in schema.get("properties", {}).items()
    }
    parameters = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            parameters[f"{method.upper()} {path}"] = False
            for one in operation.get("parameters", ()):
                asked = f"{method.upper()} {path}?{one['name']}"
                parameters[asked] = one.get("required", False)
    return {"fields": dict(sorted(fields.items())), "parameters": dict(sorted(parameters.items()))}


def lost(before: Surface, after: Surface) -> list[str]:
    """List what a client of `before` misses in `after`."""
    found = []
    for name, type_ in before["fields"].items():
        now = after["fields"].get(name)
        if now is None:
            found.append(f"{name} is gone")
        elif now != type_:
            found.append(f"{name} was {type_}, is {now}")
    for name, is_required in before["parameters"].items():
        if name not in after["parameters"]:
            found.append(f"{name} is gone")
        elif after["parameters"][name] and not is_required:
            found.append(f"{name} is required now")
    for name, is_required in after["parameters"].items():
        is_of_old_path = name.split("?")[0] in before["parameters"]
        if is_required and name not in before["parameters"] and is_of_old_path:
            found.append(f"{name} is required, and new")
    return found


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"].rsplit("/", 1)[1])
    if "anyOf" in schema:
        return " | ".join(sorted(_type(one) for one in schema["anyOf"]))
    if schema.get("type") == "array":
        return f"[{_type(schema.get('items', {}))}]"
    return str(schema.get("type", "any"))


if __name__ == "__main__":
    taken = surface_of(json.loads(DOCUMENT.read_text(encoding="utf-8")))
    if "--release" in sys.argv:
        SURFACE.parent.mkdir(parents=True, exist_ok=True)
        SURFACE.write_text(json.dumps(taken, indent=1) + "\n", encoding="utf-8")
