"""The requests of the HTTPS uplink as both sides know them: paths, fields, what a signature covers.

A request is signed with the hub's key by HTTP Message Signatures (RFC 9421) over its method, its
path and the digest of its content (RFC 9530), and carries the hub's certificate. Authority and
scheme are left out: a proxy may change them. Pure; the keys are the callers' business.
"""

import base64
import hashlib

FRAMES_PATH = "/v1/frames"
HELLO_PATH = "/v1/hub/hello"
LIVE_PATH = "/v1/hub/live"
STATUS_PATH = "/v1/hub/status"
TARIFF_PATH = "/v1/hub/tariff"

METHOD = "POST"
CERTIFICATE_FIELD = "hearthlink-certificate"
"""The hub's certificate, DER as a byte sequence. Not `Client-Cert`, which proxies that end TLS set
themselves and take away from requests (RFC 9440 §2.4)."""

TIME_FIELD = "hearthlink-time-ms"
"""In a 401: the cloud's time, for a hub whose clock is too far off to sign by."""

ALGORITHM = "ecdsa-p256-sha256"
TAG = "hearthlink-v1"
LABEL = "hub"
COMPONENTS = ("@method", "@path", "content-digest")

SIGNATURE_WINDOW_S = 300
"""How far `created` may lie from the cloud's clock. Within it a repeated request does no harm:
frames merge to the same state, and what else is said is the hub's own word of those minutes."""


def byte_sequence(value: bytes) -> str:
    """Write bytes as a structured field's byte sequence (RFC 9651 §3.3.5)."""
    return f":{base64.b64encode(value).decode()}:"


def content_digest(body: bytes) -> str:
    """Write the Content-Digest of a body."""
    return f"sha-256={byte_sequence(hashlib.sha256(body).digest())}"


def signature_parameters(key_id: str, created_s: int) -> str:
    """Write what is signed of a request, when and by whom: the member of Signature-Input."""
    covered = " ".join(f'"{name}"' for name in COMPONENTS)
    return f'({covered});created={created_s};keyid="{key_id}";alg="{ALGORITHM}";tag="{TAG}"'


def signature_base(path: str, digest: str, parameters: str) -> bytes:
    """Write the text that is signed (RFC 9421 §2.5)."""
    values = dict(zip(COMPONENTS, (METHOD, path, digest), strict=True))
    lines = [f'"{name}": {value}' for name, value in values.items()]
    return "\n".join([*lines, f'"@signature-params": {parameters}']).encode("ascii")


def key_id_of(certificate_der: bytes) -> str:
    """Name a certificate: its SHA-256 fingerprint in hexadecimal, as AWS IoT names it too."""
    return hashlib.sha256(certificate_der).hexdigest()
