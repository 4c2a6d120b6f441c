"""What the AWS Common Runtime wants to be told, for every connection made with it."""

from typing import Any

from awscrt import io  # type: ignore[import-untyped]  # it ships no types

from agent.uplink.access import CloudAccess

ALPN_PORT = 443
ALPN_PROTOCOL = "x-amzn-mqtt-ca"
"""On 443 AWS IoT Core tells MQTT from HTTPS by this name (AWS IoT developer guide, protocols)."""


def tls_options(access: CloudAccess, *, is_aws: bool = True) -> Any:
    """Make the runtime's TLS options: mutual, AWS's by ALPN on port 443; SNI it sends by itself.

    A key in a PKCS#11 token signs the handshake there.
    """
    certificate, key = access.certificate_file, access.token_key
    if key is None:
        options = io.TlsContextOptions.create_client_with_mtls_from_path(
            str(certificate), str(access.key_file)
        )
    else:
        options = io.TlsContextOptions.create_client_with_mtls_pkcs11(
            pkcs11_lib=io.Pkcs11Lib(file=str(key.module)),
            user_pin=key.pin,
            token_label=key.token_label,
            private_key_label=key.key_label,
            cert_file_path=str(certificate),
        )
    if access.ca_file is not None:
        options.override_default_trust_store_from_path(None, str(access.ca_file))
    if is_aws and access.port == ALPN_PORT:
        options.alpn_list = [ALPN_PROTOCOL]
    return options


def name_of(error: Any) -> str:
    """Name an error of the runtime: its code is what one can look up."""
    return f"{getattr(error, 'name', type(error).__name__)} ({getattr(error, 'message', error)})"
