"""The ways a hub may reach its cloud. Pure: naming one loads none of its libraries."""

import enum


class UplinkKind(enum.StrEnum):
    """What `uplink.kind` may be."""

    MQTT = "mqtt"
    AWS = "aws"
    HTTPS = "https"
