"""Signed requests: as RFC 9421 writes them, and as another's library verifies them."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from http_message_signatures import HTTPMessageVerifier, HTTPSignatureKeyResolver, algorithms

from agent.uplink.access import CloudAccess
from agent.uplink.signing import Signer
from cloud.fleet.authority import Authority, Credentials
from shared import hubrequests
from shared.clock import SystemClock
from shared.errors import OperatorError

BODY = b'{"hello": "world"}'


@pytest.fixture
def hub(tmp_path: Path) -> Credentials:
    """A hub's certificate and key."""
    authority = Authority(tmp_path / "fleet", SystemClock())
    authority.prepare()
    return authority.issue("hub-1")


def access_of(hub: Credentials, key: Path | None = None) -> CloudAccess:
    return CloudAccess("localhost", 1, hub.authority, hub.certificate, key or hub.key)


@dataclass
class Message:
    """A request as the library wants it."""

    headers: dict[str, str]
    method: str = "POST"
    url: str = "https://cloud.example/v1/frames"
    body: bytes = field(default=BODY)


class KeyOf(HTTPSignatureKeyResolver):
    """The key of one certificate."""

    def __init__(self, certificate: Path) -> None:
        self._key = x509.load_pem_x509_certificate(certificate.read_bytes()).public_key()

    def resolve_public_key(self, key_id: str) -> Any:
        """Find it."""
        return self._key


def test_the_digest_is_that_of_rfc_9530() -> None:
    """The example of the appendix: sha-256 of {"hello": "world"} and a line feed."""
    written = hubrequests.content_digest(BODY + b"\n")

    assert written == "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"


def test_the_base_is_that_of_rfc_9421() -> None:
    """One line for each component, in order, and what is signed of them last, without an end."""
    parameters = hubrequests.signature_parameters("ab12", 1_618_884_473)

    assert hubrequests.signature_base("/v1/frames", "sha-256=:AAAA:", parameters) == (
        b'"@method": POST\n'
        b'"@path": /v1/frames\n'
        b'"content-digest": sha-256=:AAAA:\n'
        b'"@signature-params": ("@method" "@path" "content-digest");created=1618884473'
        b';keyid="ab12";alg="ecdsa-p256-sha256";tag="hearthlink-v1"'
    )


def test_another_library_verifies_what_is_signed_here(hub: Credentials) -> None:
    """Method, path and content are covered, and the signature is the certificate's key's."""
    now_s = SystemClock().utc_ms() // 1000
    signed = dict(Signer(access_of(hub)).sign("/v1/frames", BODY, now_s))
    verifier = HTTPMessageVerifier(
        signature_algorithm=algorithms.ECDSA_P256_SHA256, key_resolver=KeyOf(hub.certificate)
    )

    (result,) = verifier.verify(
        Message(signed),
        expect_tag=hubrequests.TAG,
        require_components=hubrequests.COMPONENTS,
        body=BODY,
    )

    assert result.body == BODY
    assert result.parameters["created"] == now_s


def test_a_key_of_another_kind_is_an_operators_error(hub: Credentials, tmp_path: Path) -> None:
    """A key that cannot sign these requests is named, with what to do."""
    for key in (rsa.generate_private_key(65_537, 2_048), ec.generate_private_key(ec.SECP384R1())):
        path = tmp_path / "other.key"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )

        with pytest.raises(OperatorError, match="no EC key on P-256"):
            Signer(access_of(hub, path))


@pytest.mark.parametrize("content", [b"", b"no key", None])
def test_a_key_that_cannot_be_read_is_an_operators_error(
    hub: Credentials, tmp_path: Path, content: bytes | None
) -> None:
    """An empty, foreign or missing file is named."""
    path = tmp_path / "broken.key"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(OperatorError, match=r"broken\.key cannot be read"):
        Signer(access_of(hub, path))


def test_certificate_followed_by_its_issuers_is_shown_alone(tmp_path: Path) -> None:
    """A fleet whose root is offline gives its hubs a chain; the field has room for the first."""
    authority = Authority(tmp_path / "fleet", SystemClock())
    authority.prepare(tmp_path / "root")
    chained = authority.issue("hub-1")

    headers = dict(Signer(access_of(chained)).sign("/v1/frames", BODY, 0))

    own = x509.load_pem_x509_certificate(chained.certificate.read_bytes())
    shown = hubrequests.byte_sequence(own.public_bytes(serialization.Encoding.DER))
    assert headers[hubrequests.CERTIFICATE_FIELD] == shown
