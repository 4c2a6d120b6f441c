"""AWS's own client of fleet provisioning against our device service, on a real Mosquitto."""

import statistics
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import awsiot  # type: ignore[import-untyped]  # awsiotsdk ships no types
import pytest
from awscrt.mqtt_request_response import (  # type: ignore[import-untyped]  # as above
    ClientOptions,
)
from awsiot import iotidentity, mqtt5_client_builder
from cryptography import x509

from cloud.fleet.authority import Credentials
from cloud.fleet.certificates import new_key
from cloud.fleet.enrolment import MAX_PENDING
from tests.support.device_cloud import DeviceCloud, until
from tests.support.enrolling import claim_csr

WAIT_S = 60.0
ROUND_TRIP_S_MAX = 0.150

pytestmark = pytest.mark.slow


@pytest.fixture(name="cloud")
def _cloud(tmp_path: Path) -> Iterator[DeviceCloud]:
    cloud = DeviceCloud(tmp_path)
    cloud.broker.start()
    with cloud.serving() as service:
        until(lambda: service.is_leading)
        yield cloud
    cloud.close()


@contextmanager
def client_of(cloud: DeviceCloud, credentials: Credentials, name: str) -> Iterator[Any]:
    """Connect AWS's MQTT 5 client."""
    connected: Future[None] = Future()

    def note_connected(_event: object) -> None:
        if not connected.done():
            connected.set_result(None)

    stopped: Future[None] = Future()
    client = mqtt5_client_builder.mtls_from_path(
        str(credentials.certificate),
        str(credentials.key),
        endpoint=cloud.broker.host,
        port=cloud.broker.port,
        ca_filepath=str(credentials.authority),
        client_id=name,
        on_lifecycle_connection_success=note_connected,
        on_lifecycle_stopped=lambda _event: stopped.set_result(None),
    )
    client.start()
    try:
        connected.result(WAIT_S)
        yield client
    finally:
        client.stop()
        stopped.result(WAIT_S)


def identity_of(client: Any) -> iotidentity.IotIdentityClientV2:
    """Make the client of fleet provisioning."""
    options = ClientOptions(
        max_request_response_subscriptions=4,
        max_streaming_subscriptions=2,
        operation_timeout_in_seconds=int(WAIT_S),
    )
    return iotidentity.IotIdentityClientV2(client, options)


def test_awss_client_provisions_a_hub_that_then_connects(
    cloud: DeviceCloud, capsys: pytest.CaptureFixture[str]
) -> None:
    """CreateCertificateFromCsr, a token that is refused, RegisterThing, and the certificate."""
    claimant = cloud.redeem("hub-aws")
    key, took_s = new_key(), []
    with client_of(cloud, claimant.credentials, claimant.name) as client:
        identity = identity_of(client)

        def create(of: Any) -> Any:
            csr = claim_csr(of, claimant.name, claimant.code)
            request = iotidentity.CreateCertificateFromCsrRequest(certificate_signing_request=csr)
            started_s = time.monotonic()
            answer = identity.create_certificate_from_csr(request).result(WAIT_S)
            took_s.append(time.monotonic() - started_s)
            return answer

        def register(token: str) -> Any:
            request = iotidentity.RegisterThingRequest(
                template_name=claimant.answer.template,
                certificate_ownership_token=token,
                parameters={},
            )
            return identity.register_thing(request).result(WAIT_S)

        for _ in range(MAX_PENDING - 1):
            create(new_key())
        created = create(key)
        with pytest.raises(awsiot.V2ServiceException) as refused:
            register("not the token")
        registered = register(created.certificate_ownership_token)

    made = x509.load_pem_x509_certificate(created.certificate_pem.encode())
    assert made.public_key() == key.public_key()
    assert refused.value.modeled_error.error_code == "InvalidCertificateOwnershipToken"
    assert refused.value.modeled_error.status_code == 403
    assert registered.thing_name == "hub-aws"
    with client_of(cloud, cloud.credentials("hub-aws", key, created.certificate_pem), "hub-aws"):
        pass
    with capsys.disabled():
        shown = f"{statistics.median(took_s) * 1_000:.0f} ms, at most {max(took_s) * 1_000:.0f} ms"
        print(f" CSR round trip {shown} ", end="")
    assert min(took_s) <= ROUND_TRIP_S_MAX


def test_awss_client_is_told_why_a_csr_is_refused(cloud: DeviceCloud) -> None:
    """In the words of AWS's own errors."""
    claimant = cloud.redeem("hub-aws-2")
    with client_of(cloud, claimant.credentials, claimant.name) as client:
        identity = identity_of(client)
        request = iotidentity.CreateCertificateFromCsrRequest(
            certificate_signing_request=claim_csr(new_key(), "claim-1", claimant.code)
        )

        with pytest.raises(awsiot.V2ServiceException) as refused:
            identity.create_certificate_from_csr(request).result(WAIT_S)

    assert refused.value.modeled_error.error_code == "InvalidCertificateSigningRequest"
