"""One contract for every place a hub's key can live."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from agent.identity.certificates import make_csr, public_der, renewal_proof
from agent.identity.keys import FileKeyStore, KeyStore
from agent.identity.token import TokenKeyStore
from agent.uplink.access import CloudAccess
from agent.uplink.signing import Signer
from cloud.fleet.authority import LEAF_VALIDITY, Authority
from cloud.hubauth import HubGate, HubRequest
from shared.clock import SystemClock
from shared.errors import OperatorError
from tests.support.softhsm import software_token

STORES: dict[str, Callable[[], KeyStore]] = {
    "file": FileKeyStore,
    "pkcs11": lambda: TokenKeyStore(software_token()),
}
SHA256 = ec.ECDSA(hashes.SHA256())


@pytest.fixture(params=["file", "pkcs11"])
def store(request: pytest.FixtureRequest) -> KeyStore:
    """Each adapter."""
    return STORES[request.param]()


def test_a_key_is_made_once_and_found_again(store: KeyStore, tmp_path: Path) -> None:
    """Making it twice, or opening it, gives the same key: a cut in between costs nothing."""
    made = public_der(store.make(tmp_path))

    again = public_der(store.make(tmp_path))

    assert made == again == public_der(store.open(tmp_path))


def test_each_folder_has_a_key_of_its_own(store: KeyStore, tmp_path: Path) -> None:
    """Two identities never share one."""
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()

    keys = {public_der(store.make(folder)) for folder in folders}

    assert len(keys) == 2


def test_it_signs_what_its_public_half_verifies(store: KeyStore, tmp_path: Path) -> None:
    """ECDSA on P-256 with SHA-256, DER; another text does not verify."""
    key = store.make(tmp_path)

    signature = key.sign(b"statement", SHA256)

    key.public_key().verify(signature, b"statement", SHA256)
    with pytest.raises(InvalidSignature):
        key.public_key().verify(signature, b"another", SHA256)


def test_it_signs_a_request_for_its_certificate(store: KeyStore, tmp_path: Path) -> None:
    """The CSR names the hub, carries the proof, and its signature is the key's."""
    key = store.make(tmp_path)

    csr = x509.load_pem_x509_csr(make_csr(key, "hub-1", renewal_proof(key, key)).encode())

    assert csr.is_signature_valid
    assert csr.subject.rfc4514_string() == "CN=hub-1"


def test_a_forgotten_key_is_gone(store: KeyStore, tmp_path: Path) -> None:
    """It cannot be opened any more, and forgetting it again is no fault."""
    store.make(tmp_path)

    store.forget(tmp_path)
    store.forget(tmp_path)

    with pytest.raises(OperatorError, match="cannot be read"):
        store.open(tmp_path)


def test_no_key_is_an_operators_error(store: KeyStore, tmp_path: Path) -> None:
    """The message says what to do."""
    with pytest.raises(OperatorError) as caught:
        store.reach(tmp_path / "nowhere") if isinstance(store, FileKeyStore) else store.open(
            tmp_path / "nowhere"
        )

    assert "provision" in caught.value.hint


def test_a_key_is_never_shown(store: KeyStore, tmp_path: Path) -> None:
    """Neither a key nor the way to it shows a secret when it is printed."""
    store.make(tmp_path)

    shown = repr(store.open(tmp_path)) + repr(store.reach(tmp_path))

    assert "PRIVATE" not in shown
    assert "4711" not in shown


def test_https_requests_are_signed_with_it(store: KeyStore, tmp_path: Path) -> None:
    """The uplink over HTTPS signs through either, and the cloud's gate believes it."""
    authority = Authority(tmp_path / "fleet", SystemClock())
    authority.prepare()
    key = store.make(tmp_path)
    issued = authority.sign("hub-1", key.public_key(), LEAF_VALIDITY)
    certificate = tmp_path / "device.crt"
    certificate.write_text(issued.chain_pem)
    reached = store.reach(tmp_path)
    access = CloudAccess(
        "localhost",
        1,
        authority.certificate,
        certificate,
        reached if isinstance(reached, Path) else None,
        token_key=None if isinstance(reached, Path) else reached,
    )

    fields = dict(Signer(access).sign("/v1/hub/hello", b"{}", SystemClock().utc_ms() // 1000))
    fields["content-type"] = "application/json"
    gate = HubGate(str(authority.issuer_certificate), SystemClock())
    sender = gate.identify(HubRequest("POST", "https://x.invalid/v1/hub/hello", fields, b"{}"))

    assert sender.thing == "hub-1"


def test_a_tokens_key_does_not_leave_it(tmp_path: Path) -> None:
    """It is not extractable; asking for it is a programmer's error."""
    key = TokenKeyStore(software_token()).make(tmp_path)

    with pytest.raises(TypeError, match="never leaves"):
        key.private_numbers()
    assert not any(b"PRIVATE" in path.read_bytes() for path in tmp_path.iterdir())


MAKE_WITH_A_WRONG_PIN = """
import sys
from pathlib import Path
from agent.identity.token import Token, TokenKeyStore
from shared.errors import OperatorError
try:
    TokenKeyStore(Token(Path(sys.argv[1]), sys.argv[2], "wrong-pin")).make(Path(sys.argv[3]))
except OperatorError as error:
    print(error)
"""


def test_a_wrong_pin_names_the_settings(tmp_path: Path) -> None:
    """A token that cannot be used says which settings to look at, and not the PIN.

    In a process of its own: a login holds for all of a process, and this one may have one.
    """
    token = software_token()

    said = subprocess.run(
        [sys.executable, "-c", MAKE_WITH_A_WRONG_PIN, token.module, token.label, tmp_path],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    ).stdout

    assert "identity.pkcs11_module" in said
    assert "wrong-pin" not in said


def test_an_unknown_token_is_named(tmp_path: Path) -> None:
    """The label that was looked for stands in the message."""
    token = software_token()

    with pytest.raises(OperatorError, match="knows no token 'other'"):
        TokenKeyStore(type(token)(token.module, "other", token.pin)).make(tmp_path)
