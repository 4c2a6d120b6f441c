"""What the page says of the hub's place in its cloud, and whether a claim is wanted. Pure."""

from dataclasses import dataclass

import msgspec


@dataclass(frozen=True, slots=True)
class JoinState:
    """How the hub stands to its cloud; `steps` are done in this try, `problem` is in the way."""

    thing: str = ""
    is_busy: bool = False
    steps: tuple[str, ...] = ()
    problem: str = ""
    hint: str = ""


class JoinView(msgspec.Struct, frozen=True):
    """What is shown; `wants_claim` shows the form."""

    text: str
    hint: str
    wants_claim: bool


def view_joining(state: JoinState | None) -> JoinView | None:
    """Say it in words; None where the hub's certificate was made elsewhere."""
    if state is None:
        return None
    if state.is_busy:
        doing = f"{state.steps[-1]}: done" if state.steps else "begun"
        return JoinView(f"Joining a cloud; {doing}.", "", wants_claim=False)
    if state.problem and not state.thing:
        return JoinView(f"Not joined yet: {state.problem}.", state.hint, wants_claim=True)
    if not state.thing:
        hint = "Ask your installer or operator for a claim."
        return JoinView("Not joined to a cloud yet.", hint, wants_claim=True)
    if state.problem:
        return JoinView(f"Joined as {state.thing}; {state.problem}.", state.hint, wants_claim=False)
    return JoinView(f"Joined as {state.thing}.", "", wants_claim=False)
