"""Which CSRs are signed: every way in which one can be wrong is refused with its reason."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

from cloud.fleet.certificates import new_key
from cloud.fleet.policy import (
    MAX_CSR_CHARS,
    CsrError,
    check_claim_proof,
    check_renewal_proof,
    read_csr,
)
from shared.enrolment import claim_proof, key_id_of
from tests.support.enrolling import claim_csr, csr_of, key_der, pem_of, renewal_csr

CLAIM_KEY = b"k" * 32


def test_good_request_is_read() -> None:
    """Name, key and proof come out as they went in."""
    key = new_key()
    proof = claim_proof(CLAIM_KEY, key_der(key))

    csr = read_csr(pem_of(csr_of(key, "claim-1", proof)))

    assert (csr.name, csr.proof, csr.key_id) == ("claim-1", proof, key_id_of(key_der(key)))
    check_claim_proof(csr, CLAIM_KEY)


@pytest.mark.parametrize(
    "key",
    [
        rsa.generate_private_key(65537, 1024),
        rsa.generate_private_key(65537, 2048),
        ec.generate_private_key(ec.SECP192R1()),
        ec.generate_private_key(ec.SECP384R1()),
        ec.generate_private_key(ec.SECP256K1()),
    ],
    ids=["rsa-1024", "rsa-2048", "p-192", "p-384", "secp256k1"],
)
def test_keys_of_other_kinds_are_refused(key: object) -> None:
    """Weak or only different: a fleet has one kind of key."""
    with pytest.raises(CsrError, match="P-256"):
        read_csr(pem_of(csr_of(key, "claim-1")))


def test_ed25519_is_refused() -> None:
    """A good key that Mosquitto's TLS peers may not know."""
    csr = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))

    with pytest.raises(CsrError, match="P-256"):
        read_csr(pem_of(csr.sign(ed25519.Ed25519PrivateKey.generate(), None)))


@pytest.mark.parametrize(
    "extension",
    [
        x509.BasicConstraints(ca=True, path_length=None),
        x509.SubjectAlternativeName([x509.DNSName("cloud-ingest")]),
        x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.SERVER_AUTH]),
    ],
    ids=["authority", "another-name", "server"],
)
def test_extensions_are_refused(extension: object) -> None:
    """A hub has no say in what its certificate is good for."""
    with pytest.raises(CsrError, match="extensions"):
        read_csr(pem_of(csr_of(new_key(), "claim-1", extension=extension)))


def test_broken_signature_is_refused() -> None:
    """Whoever asks holds the key: a stranger's public key is not certified."""
    der = bytearray(csr_of(new_key(), "claim-1").public_bytes(serialization.Encoding.DER))
    der[-1] ^= 1
    broken = x509.load_der_x509_csr(bytes(der))

    with pytest.raises(CsrError, match="signature"):
        read_csr(pem_of(broken))


@pytest.mark.parametrize(
    "subject",
    [
        x509.Name([]),
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name) for name in ("a", "b")]),
        x509.Name(
            [
                x509.NameAttribute(NameOID.COMMON_NAME, "a"),
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "b"),
            ]
        ),
        x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "a")]),
    ],
    ids=["none", "two", "more", "another"],
)
def test_subject_that_is_not_one_name_is_no_name(subject: x509.Name) -> None:
    """It is read as nobody's: redeeming looks at no subject, all else needs one."""
    assert read_csr(pem_of(csr_of(new_key(), subject))).name == ""


@pytest.mark.parametrize("text", ["", "x", "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n", "x" * 9])
def test_what_is_no_request_is_refused(text: str) -> None:
    """With a reason, and without a key."""
    with pytest.raises(CsrError) as caught:
        read_csr(text)

    assert caught.value.key_id == ""


def test_request_that_is_too_long_is_not_parsed() -> None:
    """Bounded before anything reads it."""
    with pytest.raises(CsrError, match="at most"):
        read_csr("x" * (MAX_CSR_CHARS + 1))


def test_proof_that_is_too_long_is_refused() -> None:
    """No one's proof has 300 characters."""
    with pytest.raises(CsrError, match="challengePassword"):
        read_csr(pem_of(csr_of(new_key(), "claim-1", "x" * 255 + "y" * 45)))


def test_proof_of_another_claim_or_key_is_refused() -> None:
    """A proof is of one claim for one key: neither half may be changed."""
    key, other = new_key(), new_key()
    of_other_key = read_csr(pem_of(csr_of(key, "c", claim_proof(CLAIM_KEY, key_der(other)))))
    of_other_claim = read_csr(claim_csr(key, "c", "A" * 20))

    for csr in (of_other_key, of_other_claim, read_csr(pem_of(csr_of(key, "c")))):
        with pytest.raises(CsrError, match="does not prove"):
            check_claim_proof(csr, CLAIM_KEY)


def test_renewal_is_proved_by_the_present_key_alone() -> None:
    """Signed by the new key, by a stranger's, or not in Base64: refused."""
    present, new = new_key(), new_key()

    check_renewal_proof(read_csr(renewal_csr(new, "hub-a", present)), present.public_key())

    for text in (
        renewal_csr(new, "hub-a", new),
        renewal_csr(new, "hub-a", new_key()),
        pem_of(csr_of(new, "hub-a", "not base64!")),
        pem_of(csr_of(new, "hub-a")),
    ):
        with pytest.raises(CsrError, match="present key"):
            check_renewal_proof(read_csr(text), present.public_key())
