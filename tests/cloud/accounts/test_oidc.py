"""Access tokens of an OIDC provider: of Amazon Cognito as moto plays it, and forged ones."""

import hmac
import json
import threading
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped]  # it ships no types
import moto
import pytest
import requests
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from cloud.accounts import jwks
from cloud.accounts.door import Door
from cloud.accounts.jwks import KEYS_HOLD_MS, REFETCH_MS, KeyRing, fetch
from cloud.accounts.oidc import Access, Provider
from cloud.errors import ProblemError
from shared.clock import DrivenClock
from shared.units import MS_PER_HOUR, MS_PER_SECOND
from tests.support.cloud import START_MS, TOKEN
from tests.support.people import OTHER_HOME, PASSWORD, People

ISSUER = "https://id.example"
CLIENT = "the-app"
NOW_S = START_MS // MS_PER_SECOND
CLAIMS = {
    "iss": ISSUER,
    "sub": "ada",
    "client_id": CLIENT,
    "token_use": "access",
    "auth_time": NOW_S - 10,
    "iat": NOW_S - 10,
    "exp": NOW_S + 3_600,
}
# 2048 bits take most of a second to find: one key for all tests.
RSA = RSAKey.generate_key(2048, {"kid": "r1", "use": "sig"})
EC = ECKey.generate_key("P-256", {"kid": "e1"})


class Published:
    """What a provider publishes, and how often it was asked."""

    def __init__(self, *keys: RSAKey | ECKey) -> None:
        self.keys = list(keys)
        self.asked: list[str] = []
        self.is_away = False

    def fetch(self, url: str) -> bytes:
        """Answer for the description and for the keys."""
        self.asked.append(url)
        if self.is_away:
            raise OSError("away")
        if url.endswith("openid-configuration"):
            return json.dumps({"jwks_uri": f"{ISSUER}/keys"}).encode()
        return json.dumps({"keys": [key.as_dict(private=False) for key in self.keys]}).encode()


class Scene:
    """A provider, and what takes its tokens."""

    def __init__(self, *keys: RSAKey | ECKey, jwks_url: str = "", audience: str = "") -> None:
        self.clock = DrivenClock(START_MS)
        self.published = Published(*keys)
        self.ring = KeyRing(ISSUER, jwks_url, self.clock, self.published.fetch)
        clients = frozenset() if audience else frozenset({CLIENT})
        self.provider = Provider(ISSUER, clients, audience, self.ring, self.clock)

    def wait(self, passed_ms: int) -> None:
        """Let time pass."""
        self.clock.advance_to(self.clock.utc_ms() + passed_ms)


def _token(key: Any = RSA, algorithm: str = "RS256", kid: str = "r1", **claims: object) -> str:
    told = {name: value for name, value in {**CLAIMS, **claims}.items() if value is not None}
    return jwt.encode({"alg": algorithm, "kid": kid}, told, key, algorithms=[algorithm])


def test_token_of_the_provider_is_taken() -> None:
    """RS256 and ES256, whose subject and sign-in time are told."""
    scene = Scene(RSA, EC)

    by_rsa = scene.provider.read(_token())
    by_ec = scene.provider.read(_token(EC, "ES256", "e1", sub="bob", auth_time=None))

    assert by_rsa == Access(ISSUER, "ada", (NOW_S - 10) * MS_PER_SECOND)
    assert by_ec == Access(ISSUER, "bob", 0)
    assert scene.published.asked == [
        f"{ISSUER}/.well-known/openid-configuration",
        f"{ISSUER}/keys",
    ]


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"},
        {"iss": None},
        {"client_id": "another-app"},
        {"client_id": None},
        {"client_id": None, "aud": CLIENT},
        {"client_id": [CLIENT]},
        {"token_use": "id"},
        {"exp": NOW_S - 61},
        {"exp": None},
        {"exp": "tomorrow"},
        {"exp": True},
        {"exp": 10**400},
        {"nbf": NOW_S + 61},
        {"iat": NOW_S + 61},
        {"sub": None},
        {"sub": ""},
        {"sub": "x" * 256},
        {"sub": {"$ne": ""}},
    ],
)
def test_token_with_a_wrong_claim_opens_nothing(claims: dict[str, Any]) -> None:
    """However well it is signed."""
    assert Scene(RSA).provider.read(_token(**claims)) is None


def test_token_that_is_wrongly_signed_opens_nothing() -> None:
    """By another's key, by none, by the public key as a shared secret, or altered."""
    scene = Scene(RSA)
    head, body, mark = _token().split(".")
    shared = urlsafe_b64encode(b'{"alg":"HS256","kid":"r1"}').decode().rstrip("=")
    mac = hmac.digest(RSA.as_pem(private=False), f"{shared}.{body}".encode(), "sha256")
    forged = [
        _token(RSAKey.generate_key(2048, {"kid": "r1"})),
        f"{shared}.{body}.{urlsafe_b64encode(mac).decode().rstrip('=')}",
        _token(RSA, "RS512"),
        _token(kid="r2"),
        _token(EC, "ES256", "r1"),
        f"{head}.{body}.",
        f"{head}.{body[:-2]}AA.{mark}",
        "eyJhbGciOiJub25lIn0.e30.",
        "a.b.c",
        "..",
        "é.é.é",
    ]

    assert [scene.provider.read(one) for one in forged] == [None] * len(forged)
    assert scene.provider.read(_token()) is not None


def test_audience_is_looked_at_where_it_is_configured() -> None:
    """Alone or among several; an ID token, whose audience is the app, opens nothing."""
    scene = Scene(RSA, audience="https://api.example")

    read = [
        scene.provider.read(_token(client_id=None, token_use=None, aud=one))
        for one in ("https://api.example", ["x", "https://api.example"], CLIENT, None, 7)
    ]

    assert [one is not None for one in read] == [True, True, False, False, False]


def test_keys_are_fetched_once_an_hour_and_a_new_one_at_once() -> None:
    """A rotated key is found; keys of nobody's make no flood of requests."""
    scene = Scene(RSA, jwks_url=f"{ISSUER}/keys")
    for _ in range(3):
        assert scene.provider.read(_token())
    once = len(scene.published.asked)
    scene.published.keys.append(EC)

    early = scene.provider.read(_token(EC, "ES256", "e1"))
    scene.wait(REFETCH_MS)
    rotated = scene.provider.read(_token(EC, "ES256", "e1"))
    for number in range(9):
        scene.provider.read(_token(kid=f"nobodys-{number}"))

    assert (once, early, rotated is not None) == (1, None, True)
    assert len(scene.published.asked) == 2
    scene.wait(KEYS_HOLD_MS)
    scene.provider.read(_token())
    assert len(scene.published.asked) == 3


def test_provider_that_is_away_keeps_nobody_out_who_is_known() -> None:
    """Keys held go on; without any it is 503, which passes."""
    scene = Scene(RSA)
    scene.published.is_away = True
    with pytest.raises(ProblemError) as raised:
        scene.provider.read(_token())
    scene.published.is_away = False
    scene.wait(REFETCH_MS)
    assert scene.provider.read(_token())
    scene.published.is_away = True
    scene.wait(MS_PER_HOUR - 120_000)

    later = scene.provider.read(_token(exp=NOW_S + 99_999))

    assert raised.value.status == 503
    assert later is not None


@pytest.mark.parametrize(
    "document",
    [b"", b"[]", b'{"keys": 7}', b'{"keys": [7, {}, {"kid": 1}, {"kid": "x", "kty": "RSA"}]}'],
)
def test_broken_key_set_is_no_key(document: bytes) -> None:
    """Neither an error of ours, nor anything that opens."""
    ring = KeyRing(ISSUER, f"{ISSUER}/keys", DrivenClock(START_MS), lambda _url: document)

    if document.endswith(b"}]}"):
        assert ring.find("x") is None
        return
    with pytest.raises(ProblemError) as raised:
        ring.find("x")
    assert raised.value.status == 503


def test_description_without_keys_and_wrong_urls_are_errors() -> None:
    """Of the kind the ring waits out."""
    ring = KeyRing(ISSUER, "", DrivenClock(START_MS), lambda _url: b"{}")

    with pytest.raises(ProblemError):
        ring.find("x")
    for url in ("file:///etc/passwd", "http://127.0.0.1:1/keys", "http://["):
        with pytest.raises(OSError, match=r"."):
            fetch(url)


def test_keys_are_read_over_http_within_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a provider serves them; a document without end is not read to its end."""

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"x" * 100)

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        url = f"http://127.0.0.1:{server.server_port}/keys"
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        whole = fetch(url)
        monkeypatch.setattr(jwks, "MAX_DOCUMENT_BYTES", 99)
        with pytest.raises(OSError, match="over 99 bytes"):
            fetch(url)
        server.shutdown()
        serving.join()

    assert whole == b"x" * 100


@pytest.fixture(name="cognito")
def _cognito(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, str, str]]:
    """Make a user pool with one user who is signed in: pool, client, access token."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with moto.mock_aws():
        client = boto3.client("cognito-idp", region_name="eu-west-2")
        pool = client.create_user_pool(PoolName="homes")["UserPool"]["Id"]
        app = client.create_user_pool_client(
            UserPoolId=pool, ClientName="app", ExplicitAuthFlows=["ALLOW_ADMIN_USER_PASSWORD_AUTH"]
        )["UserPoolClient"]["ClientId"]
        client.admin_create_user(UserPoolId=pool, Username="ada")
        client.admin_set_user_password(
            UserPoolId=pool, Username="ada", Password="Aa1!" + PASSWORD, Permanent=True
        )
        result = client.admin_initiate_auth(
            UserPoolId=pool,
            ClientId=app,
            AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": "ada", "PASSWORD": "Aa1!" + PASSWORD},
        )["AuthenticationResult"]
        yield pool, app, json.dumps(result)


def test_cognito_user_has_part_by_an_invitation(
    tmp_path: Path, cognito: tuple[str, str, str]
) -> None:
    """By the access token alone; it has no `aud`, and the ID token opens nothing."""
    pool, app, result = cognito
    tokens = json.loads(result)
    people = People(tmp_path)
    issuer = f"https://cognito-idp.eu-west-2.amazonaws.com/{pool}"
    claims = _claims(tokens["AccessToken"])
    people.clock.advance_to(int(claims["iat"]) * MS_PER_SECOND)
    ring = KeyRing(issuer, f"{issuer}/.well-known/jwks.json", people.clock, _fetch_from_moto)
    provider = Provider(issuer, frozenset({app}), "", ring, people.clock)
    door = Door(people.database, people.clock, TOKEN, provider)
    people.app.state.gate = replace(people.app.state.gate, identify=door.identify)
    ada, by_id = people.bearer(tokens["AccessToken"]), people.bearer(tokens["IdToken"])
    code = people.operator.post("/v1/households/home/invitations", json={"role": "viewer"}).json()[
        "code"
    ]

    before = ada.get("/v1/meters")
    accepted = ada.post("/v1/invitations/acceptance", json={"code": code})

    assert "aud" not in claims
    assert (before.status_code, before.json()["code"]) == (403, "no-household")
    assert accepted.status_code == 200
    assert ada.get("/v1/meters").status_code == 200
    assert ada.get("/v1/meters", params={"household": OTHER_HOME}).status_code == 404
    assert ada.get("/v1/me").json()["kind"] == "access-token"
    assert ada.put("/v1/me/password", json={"password": PASSWORD}).status_code == 403
    assert by_id.get("/v1/me").status_code == 401
    assert people.bearer(tokens["AccessToken"][:-4] + "AAAA").get("/v1/me").status_code == 401


def _fetch_from_moto(url: str) -> bytes:
    return requests.get(url, timeout=60).content


def _claims(token: str) -> dict[str, Any]:
    body = token.split(".")[1]
    claims: dict[str, Any] = json.loads(urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return claims
