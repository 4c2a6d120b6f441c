"""Makes the transports to the cloud, each with its own library, which weighs megabytes.

Raises OperatorError where the certificate files do not fit or a library is not installed.
"""

from agent.config import Config
from agent.identity.keys import FileKeyStore, KeyStore
from agent.provision.carrier import OpenCarrier
from agent.uplink.access import CloudAccess
from agent.uplink.kinds import UplinkKind
from agent.uplink.port import Uplink
from shared.clock import SystemClock
from shared.errors import OperatorError

AWS_MISSING = "uplink kind 'aws' needs the package {name}, which is not installed"
AWS_HINT = "pip install 'hearthlink[agent,aws]', or set uplink.kind = \"mqtt\""


def open_uplink(kind: UplinkKind, thing: str, access: CloudAccess) -> Uplink:
    """Make the transport of this kind for readings."""
    if kind is UplinkKind.HTTPS:
        from agent.uplink.https import HttpsUplink  # noqa: PLC0415  # only where it is wanted

        return HttpsUplink(thing, access, SystemClock())
    if kind is UplinkKind.AWS:
        try:
            from agent.uplink.aws import AwsUplink  # noqa: PLC0415  # as above
        except ModuleNotFoundError as error:
            raise OperatorError(AWS_MISSING.format(name=error.name), hint=AWS_HINT) from error
        return AwsUplink(thing, access)
    from agent.uplink.mqtt import MqttUplink  # noqa: PLC0415  # as above

    return MqttUplink(thing, access)


def carrier_of(kind: UplinkKind) -> OpenCarrier:
    """Choose what carries the provisioning dialogue of a cloud of this kind."""
    if kind is UplinkKind.AWS:
        try:
            from agent.provision.aws_carrier import AwsCarrier  # noqa: PLC0415  # as above
        except ModuleNotFoundError as error:
            raise OperatorError(AWS_MISSING.format(name=error.name), hint=AWS_HINT) from error
        return AwsCarrier
    from agent.provision.mqtt_carrier import MqttCarrier  # noqa: PLC0415  # as above

    return MqttCarrier


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
