"""What leaves the home, in words: the choices the page offers to whoever knows the PIN. Pure."""

import msgspec

from agent.home.inputs import HubState
from shared.consent import Granularity

WORDS = {
    Granularity.LIVE: "Live: every reading, and power as it is measured",
    Granularity.TEN_SECONDS: "Every ten seconds",
    Granularity.HALF_HOURLY: "Half-hourly totals",
    Granularity.DAILY: "Daily totals",
    Granularity.NONE: "Nothing",
}


class Choice(msgspec.Struct, frozen=True):
    """One granularity: its value for `POST /granularity`, and its words."""

    value: str
    text: str


def list_choices() -> list[Choice]:
    """List what may be chosen, the widest first."""
    return [Choice(granularity.value, WORDS[granularity]) for granularity in Granularity]


def granularity_in_words(granularity: str) -> str:
    """Say what leaves the home; a granularity of a later version is shown as it is written."""
    words = {choice.value: choice.text for choice in list_choices()}
    return words.get(granularity, granularity)


def limit_in_words(hub: HubState) -> str:
    """Say why less leaves than the household allows, or may have allowed, and how that ends."""
    if hub.is_choice_lost:
        return "What you allowed was lost to a damaged disk. Nothing leaves until you choose anew."
    if not hub.is_limited:
        return ""
    chosen = granularity_in_words(hub.chosen_granularity)
    return f"The cloud limits it. You allowed: {chosen}. Choosing anew here lifts the limit."
