"""What a hub's settings come to once it is provisioned, for commands that look at them."""

import dataclasses

from agent.config import Config
from agent.identity.folder import IdentityFolder
from agent.identity.keys import KEY_NAME, FileKeyStore
from shared.errors import HearthlinkError


def settled(config: Config) -> Config:
    """Fill the uplink's settings from the identity folder; those in the configuration win.

    A hub without an identity, or whose key is in a token, keeps its settings as they are.
    """
    if config.uplink_host:
        return config
    try:
        present = IdentityFolder(config.identity_folder, FileKeyStore()).current()
    except HearthlinkError:
        return config
    if present is None or not (present.folder / KEY_NAME).exists():
        return config
    place = present.place
    return dataclasses.replace(
        config,
        hub_thing=place.thing,
        uplink_kind=place.kind,
        uplink_host=place.host,
        uplink_port=place.port,
        uplink_frames_prefix=place.frames_prefix,
        uplink_ca_file=present.authority_file,
        uplink_certificate_file=present.certificate_file,
        uplink_key_file=present.folder / KEY_NAME,
    )
