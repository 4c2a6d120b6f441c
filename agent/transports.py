"""Makes the transports to the cloud, each with its own library, which weighs megabytes.

Raises OperatorError where the certificate files do not fit or a library is not installed.
"""

from agent.config import Config
from agent.identity.keys import FileKeyStore, KeyStore
from agent.provision.carrier import Carrier, OpenCarrier
from agent.uplink.access import CloudAccess
from agent.uplink.kinds import UplinkKind
from agent.uplink.port import Uplink
from shared.clock import SystemClock
from shared.errors import OperatorError

AWS_MISSING = "uplink kind 'aws' needs the package {name}, which is not installed"
AWS_HINT = "pip install 'hearthlink[agent,aws]', or set uplink.kind = \"mqtt\""
PKCS11_MISSING = "MQTT with a key in a PKCS#11 token needs the package {name}, not installed here"
PKCS11_HINT = "pip install 'hearthlink[agent,aws,pkcs11]', or set identity.key_store = \"file\""


def open_uplink(kind: UplinkKind, thing: str, access: CloudAccess) -> Uplink:
    """Make the transport of this kind for readings.

    MQTT with a key in a token goes by the AWS runtime whichever broker it is: the TLS of Python,
    which paho uses, wants the key in a file.
    """
    if kind is UplinkKind.HTTPS:
        from agent.uplink.https import HttpsUplink  # noqa: PLC0415  # only where it is wanted

        return HttpsUplink(thing, access, SystemClock())
    if kind is UplinkKind.AWS or access.token_key is not None:
        try:
            from agent.uplink.aws import AwsUplink  # noqa: PLC0415  # as above
        except ModuleNotFoundError as error:
            raise _missing(kind, error) from error
        return AwsUplink(thing, access, is_aws=kind is UplinkKind.AWS)
    from agent.uplink.mqtt import MqttUplink  # noqa: PLC0415  # as above

    return MqttUplink(thing, access)


def carrier_of(kind: UplinkKind) -> OpenCarrier:
    """Choose what carries the provisioning dialogue of a cloud of this kind, by where the key is.

    A claim's key is a file; a renewal goes by the hub's own, which may be in a token.
    """

    def open_carrier(client_id: str, access: CloudAccess) -> Carrier:
        if kind is UplinkKind.AWS or access.token_key is not None:
            try:
                from agent.provision.aws_carrier import AwsCarrier  # noqa: PLC0415  # as above
            except ModuleNotFoundError as error:
                raise _missing(kind, error) from error
            return AwsCarrier(client_id, access, is_aws=kind is UplinkKind.AWS)
        from agent.provision.mqtt_carrier import MqttCarrier  # noqa: PLC0415  # as above

        return MqttCarrier(client_id, access)

    return open_carrier


def _missing(kind: UplinkKind, error: ModuleNotFoundError) -> OperatorError:
    if kind is UplinkKind.AWS:
        return OperatorError(AWS_MISSING.format(name=error.name), hint=AWS_HINT)
    return OperatorError(PKCS11_MISSING.format(name=error.name), hint=PKCS11_HINT)


def open_keys(config: Config) -> KeyStore:
    """Open the store that the hub's key lives in."""
    if config.identity_key_store == "file":
        return FileKeyStore()
    module = config.identity_pkcs11_module
    if module is None or not config.identity_pkcs11_token:
        raise OperatorError(
            "identity.key_store = 'pkcs11' without a token",
            hint="name identity.pkcs11_module and identity.pkcs11_token",
        )
    try:
        from agent.identity.token import Token, TokenKeyStore  # noqa: PLC0415  # as above
    except ModuleNotFoundError as error:
        raise OperatorError(
            f"identity.key_store = 'pkcs11' needs the package {error.name}, not installed here",
            hint="pip install 'hearthlink[agent,pkcs11]'",
        ) from error
    return TokenKeyStore(Token(module, config.identity_pkcs11_token, config.identity_pkcs11_pin))
