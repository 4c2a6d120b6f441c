"""The messages that stand on a simulated panel, and how one is laid out, as the C reference does.

Pure. Which stand is firmware_bridge/reference/texts.c, the lines are those of picture.c; the tests
hold both languages to the same.
"""

from firmware_bridge.display.messages import PanelMessage, Text, Welcome

TEXTS_MAX = 8
"""As many as the hub lets wait; where there is no room the oldest goes."""

SPELLINGS = {"£": "GBP", "€": "EUR", "…": "...", "\u2019": "'"}
"""How a panel without the sign writes it; the ellipsis ends what the hub had to cut."""

UNKNOWN = "?"
CUT = "..."


class StandingTexts:
    """The texts told and not taken back, the newest last; a hub started anew tells them again."""

    def __init__(self) -> None:
        self._told: list[Text] = []
        self._session: int | None = None

    @property
    def shown(self) -> Text | None:
        """The newest that stands, to be shown and answered; None where none does."""
        return self._told[-1] if self._told else None

    def take(self, message: PanelMessage) -> bool:
        """Take a message; True where what stands is another now."""
        before = self._told
        match message:
            case Welcome(session=session):
                if session != self._session:
                    self._session, self._told = session, []
                return self._told != before
            case Text(message_id=number):
                kept = [one for one in before if one.message_id != number]
                self._told = [*kept, message][-TEXTS_MAX:] if message.text else kept
                return bool(message.text) or kept != before
            case _:
                return False


def lay_out(text: str, signs: str, columns: int, lines_max: int) -> list[str]:
    """Wrap a message between words into capitals of these signs; cut with dots where it must be."""
    left = "".join(_spelt(one, signs) for one in text)
    lines = []
    for _ in range(lines_max):
        fits = _fitting(left, columns)
        lines.append(left[:fits])
        left = left[fits:].lstrip(" ")
    if left:
        lines[-1] = lines[-1][: columns - len(CUT)] + CUT
    return lines


def _spelt(one: str, signs: str) -> str:
    sign = one.upper() if one.isascii() else one
    return SPELLINGS.get(one) or (sign if sign in signs else UNKNOWN)


def _fitting(left: str, columns: int) -> int:
    """Say how much goes into a line: up to a space, or all that fits of a long word."""
    if len(left) <= columns:
        return len(left)
    return left.rfind(" ", 1, columns + 1) if " " in left[1 : columns + 1] else columns
