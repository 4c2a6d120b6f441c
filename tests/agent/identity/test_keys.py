"""Key files: who may read them, and what is taken for a key."""

import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from agent.identity.files import write_whole
from agent.identity.keys import KEY_NAME, FileKeyStore
from shared.errors import OperatorError

STORE = FileKeyStore()


def write_key(folder: Path, curve: ec.EllipticCurve, form: serialization.PrivateFormat) -> Path:
    """Put a key of another make in the place of the hub's own."""
    key = ec.generate_private_key(curve)
    pem = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    write_whole(folder / KEY_NAME, pem)
    return folder / KEY_NAME


def test_the_way_to_the_own_key_is_told_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TLS reads it: the library that makes keys is not loaded for it."""
    STORE.make(tmp_path)
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.serialization", None)

    assert STORE.reach(tmp_path) == tmp_path / KEY_NAME


def test_a_key_in_another_form_is_good(tmp_path: Path) -> None:
    """An operator may have brought one (SEC 1)."""
    path = write_key(tmp_path, ec.SECP256R1(), serialization.PrivateFormat.TraditionalOpenSSL)

    assert STORE.reach(tmp_path) == path


def test_a_key_on_another_curve_is_refused(tmp_path: Path) -> None:
    """The cloud takes P-256 alone."""
    write_key(tmp_path, ec.SECP384R1(), serialization.PrivateFormat.PKCS8)

    with pytest.raises(OperatorError, match="no EC key on P-256"):
        STORE.reach(tmp_path)


@pytest.mark.parametrize("content", [b"", b"no key", b"-----BEGIN PRIVATE KEY-----\nAAAA"])
def test_what_is_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    """A card that rotted, or a file of another kind."""
    write_whole(tmp_path / KEY_NAME, content)

    with pytest.raises(OperatorError, match="cannot be read"):
        STORE.reach(tmp_path)


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    """Before anything of it is read."""
    STORE.make(tmp_path)
    (tmp_path / KEY_NAME).chmod(0o640)

    with pytest.raises(OperatorError, match="others may be able to read it"):
        STORE.reach(tmp_path)
