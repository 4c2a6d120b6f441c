"""What the page says of the hub's place in its cloud."""

import pytest

from agent.home.joining import JoinState, view_joining


@pytest.mark.parametrize(
    ("state", "text", "wants_claim"),
    [
        (JoinState(), "Not joined to a cloud yet.", True),
        (JoinState(is_busy=True), "Joining a cloud; begun.", False),
        (
            JoinState(is_busy=True, steps=("redeem the claim",)),
            "Joining a cloud; redeem the claim: done.",
            False,
        ),
        (
            JoinState(problem="this claim has expired"),
            "Not joined yet: this claim has expired.",
            True,
        ),
        (JoinState(thing="hub-1"), "Joined as hub-1.", False),
        (
            JoinState(thing="hub-1", is_busy=True),
            "Joined as hub-1; the certificate is renewed just now.",
            False,
        ),
        (
            JoinState(thing="hub-1", problem="nobody answers"),
            "Joined as hub-1; nobody answers.",
            False,
        ),
    ],
)
def test_each_state_has_its_words(state: JoinState, text: str, *, wants_claim: bool) -> None:
    """And the form is there only while a claim is wanted."""
    view = view_joining(state)

    assert view is not None
    assert (view.text, view.wants_claim) == (text, wants_claim)


def test_a_hub_with_files_in_its_configuration_says_nothing() -> None:
    """There is nothing to join."""
    assert view_joining(None) is None
