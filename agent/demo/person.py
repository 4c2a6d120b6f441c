"""Somebody who lives in the demo's home, so that its web app can be signed in to."""

import re
import secrets

from agent.demo.processes import START_S
from agent.demo.stage import Stage
from shared.errors import OperatorError

EMAIL = "demo@example.org"

PASSWORD_BYTES = 12

_CODE = re.compile(r"\b[0-9A-Z]{4}(?:-[0-9A-Z]{4})+\b")


def add_person(stage: Stage) -> str:
    """Add the home's owner as an operator would, and choose a password by the code.

    Returns the password, made anew for each demo. Raises OperatorError where there is no code.
    """
    adding = stage.cloud("users", "add", EMAIL)
    told, _ = adding.communicate(timeout=START_S)
    code = _CODE.search(told)
    if adding.returncode or code is None:
        raise OperatorError(f"hearthlink cloud users add ended with {adding.returncode}: {told}")
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    stage.send("POST", f"{stage.api_url}/v1/set-up", {"code": code[0], "password": password})
    return password
