"""How a simulated device answers what a hub asks of one of its endpoints.

Pure: attributes and the cluster's own commands are given; here is only the ZCL's etiquette.
"""

from collections.abc import Callable, Mapping

from firmware_bridge.simulator.zigbee_zcl import (
    CONFIGURE,
    CONFIGURE_ANSWER,
    DEFAULT_ANSWER,
    READ,
    READ_ONLY,
    SUCCESS,
    UNSUPPORTED_CLUSTER,
    UNSUPPORTED_COMMAND,
    UNSUPPORTED_GENERAL,
    WRITE,
    WRITE_ANSWER,
    Attributes,
    Request,
    cluster_answer,
    general_answer,
    read_answer,
    read_request,
    requested_ids,
)

Commands = Mapping[tuple[int, int], Callable[[bytes], tuple[int, bytes] | None]]
"""By cluster and command: from a request's payload to the answer's command and payload."""


def answer_of(
    clusters: Mapping[int, Attributes], commands: Commands, cluster: int, frame: bytes
) -> bytes | None:
    """Return the frame that answers a request to an endpoint with these clusters, or None."""
    request = read_request(frame)
    if request is None or request.is_answer:
        return None
    attributes = clusters.get(cluster)
    if attributes is None:
        return _default(request, UNSUPPORTED_CLUSTER)
    if request.is_general:
        return _general_answer(request, attributes)
    command = commands.get((cluster, request.command))
    if command is None:
        return _default(request, UNSUPPORTED_COMMAND)
    answer = command(request.payload)
    return None if answer is None else cluster_answer(request.tsn, *answer)


def _general_answer(request: Request, attributes: Attributes) -> bytes | None:
    if request.command == READ:
        return read_answer(request.tsn, attributes, requested_ids(request.payload))
    if request.command == CONFIGURE:
        return general_answer(request.tsn, CONFIGURE_ANSWER, bytes((SUCCESS,)))
    if request.command == WRITE:
        body = bytes((READ_ONLY,)) + request.payload[:2]
        return general_answer(request.tsn, WRITE_ANSWER, body)
    if request.command == DEFAULT_ANSWER:
        return None
    return _default(request, UNSUPPORTED_GENERAL)


def _default(request: Request, status: int) -> bytes:
    return general_answer(request.tsn, DEFAULT_ANSWER, bytes((request.command, status)))
