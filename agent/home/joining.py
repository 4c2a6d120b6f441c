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
    return _of_a_member(state) if state.thing else _of_a_newcomer(state)


def _of_a_newcomer(state: JoinState) -> JoinView:
    if state.is_busy:
        doing = f"{state.steps[-1]}: done" if state.steps else "begun"
        return JoinView(f"Joining a cloud; {doing}.", "", wants_claim=False)
    if state.problem:
        return JoinView(f"Not joined yet: {state.problem}.", state.hint, wants_claim=True)
    hint = "Ask your installer or operator for a claim."
    return JoinView("Not joined to a cloud yet.", hint, wants_claim=True)


def _of_a_member(state: JoinState) -> JoinView:
    more = ""
    if state.is_busy:
        more = "; the certificate is renewed just now"
    elif state.problem:
        more = f"; {state.problem}"
    return JoinView(f"Joined as {state.thing}{more}.", state.hint, wants_claim=False)
