"""The table of protocols: every codec is there, built when asked for, and no key is ever shown."""

import subprocess
import sys
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from firmware_bridge.meters.catalog import CODECS, codec_for
from firmware_bridge.meters.keys import KEY_BYTES, Keys, parse_key
from shared.errors import OperatorError

LONDON = ZoneInfo("Europe/London")
SECRET = "00112233445566778899AABBCCDDEEFF"


@pytest.mark.parametrize("protocol", CODECS)
@pytest.mark.parametrize("keys", [None, Keys(bytes(16)), Keys(bytes(16), bytes(16))])
def test_every_protocol_has_a_codec_with_and_without_keys(protocol: str, keys: Keys | None) -> None:
    """A hub checks its configuration by building one."""
    codec = codec_for(protocol, LONDON, keys)

    assert codec.feed(b"") == []


def test_unknown_protocol_names_the_known_ones() -> None:
    """It is a person's mistake, told with the choice."""
    with pytest.raises(OperatorError, match=r"dlms.*iec62056.*p1.*raven.*sml"):
        codec_for("morse", LONDON)


def test_hub_loads_only_the_codec_it_uses() -> None:
    """Each codec costs memory for as long as the hub runs."""
    program = (
        "import sys; from zoneinfo import ZoneInfo;"
        "from firmware_bridge.meters.catalog import codec_for; codec_for('p1', ZoneInfo('UTC'));"
        "print(*[name for name in sys.modules if name.startswith('firmware_bridge.meters.')])"
    )

    loaded = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[3],
    ).stdout.split()

    assert "firmware_bridge.meters.p1" in loaded
    for other in ("sml", "dlms", "iec62056", "raven", "p1_encrypted", "ciphering"):
        assert f"firmware_bridge.meters.{other}" not in loaded


@pytest.mark.parametrize(
    "written",
    [
        SECRET,
        SECRET.lower(),
        f" {SECRET}\n",
        "0x" + SECRET,
        "\ufeff" + SECRET,
        SECRET.replace("88", " 88:"),
    ],
)
def test_key_is_read_however_the_operator_wrote_it(written: str) -> None:
    """With spaces, colons or a prefix."""
    assert parse_key(written, "key") == bytes.fromhex(SECRET)


@pytest.mark.parametrize("written", ["", SECRET[:-1], SECRET + "0", "G" * 32, "0x", "É" * 32])
def test_text_that_is_no_key_is_refused_without_repeating_it(written: str) -> None:
    """A key with one wrong digit is still a secret."""
    with pytest.raises(OperatorError, match="is not a key") as refused:
        parse_key(written, "key")

    assert not written or written not in str(refused.value)


def test_keys_are_not_in_their_representation() -> None:
    """What logs a value must not log a key."""
    keys = Keys(b"k" * KEY_BYTES, b"a" * KEY_BYTES)

    assert "kkk" not in repr(keys)
    assert "aaa" not in repr(keys)
