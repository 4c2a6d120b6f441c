"""A JSON object of some short values and one long list, whose entries are read one by one. Pure.

What a whole document becomes in memory is up to who wrote it: fifteen megabytes of brackets are
half a gigabyte of lists. Here no more than one entry or one value is held at once, and each has a
length that it may not pass.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from cloud.imports.rows import MAX_ROWS, too_many_rows
from shared.errors import BadInputError

MAX_VALUE_CHARS = 65_536
"""Of a value beside the list: Glow repeats the question there, some hundred characters."""

MAX_ENTRY_CHARS = 4_096
"""Of an entry; one of these services has some 150."""

MAX_KEYS = 64
"""Beside the list; these services write ten."""

_SPACE = re.compile(r"[ \t\n\r]*")


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number")


# Numbers stay text: a float would be another amount.
_decode = json.JSONDecoder(parse_float=str, parse_constant=_refuse).raw_decode


class Listing:
    """A document's short values, and where its one list begins.

    Raises BadInputError for what is no JSON object, lacks the list, or passes a limit.
    """

    def __init__(self, body: bytes, name: str) -> None:
        try:
            self._text = body.decode(json.detect_encoding(body), "surrogatepass")
        except ValueError as error:
            raise BadInputError(f"the body is no JSON: {error}"[:200]) from error
        self._list_at = -1
        self.values: Mapping[str, Any] = self._read(name)
        if self._list_at < 0:
            raise BadInputError(
                f"the document has no list {name!r}", hint="name the `format` it is in"
            )

    def entries(self) -> Iterator[tuple[int, Any]]:
        """Yield each entry with its place in the list, from 1 on."""
        return ((line, entry) for line, entry, _ in self._entries(self._list_at))

    def _read(self, name: str) -> dict[str, Any]:
        """Read the values beside the list, and look through the list for its end."""
        values: dict[str, Any] = {}
        place = self._space(0)
        if not self._text.startswith("{", place):
            # To tell what is no JSON from what is another kind of it.
            self._value(place, MAX_VALUE_CHARS, "the document")
            raise BadInputError(
                "the body is no JSON object", hint="send the answer as it was given"
            )
        place = self._space(place + 1)
        while not self._text.startswith("}", place):
            key, place = self._value(place, MAX_ENTRY_CHARS, "a name")
            if not isinstance(key, str) or len(values) >= MAX_KEYS:
                raise BadInputError(f"the body is no JSON object of at most {MAX_KEYS} names")
            place = self._space(self._past(":", self._space(place)))
            if key == name and self._text.startswith("[", place):
                self._list_at = place
                place = self._end_of_list(place)
            else:
                values[key], place = self._value(place, MAX_VALUE_CHARS, f"value of {key[:20]!r}")
            place = self._space(place)
            if not self._text.startswith("}", place):
                place = self._space(self._past(",", place))
                if self._text.startswith("}", place):
                    self._past('"', place)
        if self._space(place + 1) != len(self._text):
            raise BadInputError(f"the body is no JSON: more follows at character {place + 1}")
        return values

    def _end_of_list(self, place: int) -> int:
        end = self._space(place + 1) + 1
        for _, _, after in self._entries(place):
            end = self._space(after) + 1
        return end

    def _entries(self, place: int) -> Iterator[tuple[int, Any, int]]:
        place = self._space(place + 1)
        if self._text.startswith("]", place):
            return
        line = 0
        while True:
            line += 1
            if line > MAX_ROWS:
                raise too_many_rows()
            entry, place = self._value(place, MAX_ENTRY_CHARS, f"entry {line} of the list")
            yield line, entry, place
            place = self._space(place)
            if self._text.startswith("]", place):
                return
            place = self._space(self._past(",", place))

    def _value(self, place: int, chars_max: int, what: str) -> tuple[Any, int]:
        piece = self._text[place : place + chars_max]
        try:
            found, length = _decode(piece)
        except (ValueError, RecursionError) as error:
            if len(piece) == chars_max:
                raise BadInputError(
                    f"{what} has over {chars_max} characters, at character {place}",
                    hint="send the answer as it was given",
                ) from error
            raise BadInputError(f"the body is no JSON: {what}: {error}"[:200]) from error
        return found, place + length

    def _space(self, place: int) -> int:
        found = _SPACE.match(self._text, place)
        return found.end() if found else place

    def _past(self, mark: str, place: int) -> int:
        if not self._text.startswith(mark, place):
            raise BadInputError(f"the body is no JSON: no {mark} at character {place}")
        return place + len(mark)
