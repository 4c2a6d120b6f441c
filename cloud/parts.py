"""What the API's endpoints share, made once by the composition root (cloud/app.py)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import Depends, Request

from cloud.config import Config
from cloud.db import Database
from cloud.live.feed import LiveFeed
from cloud.registry.port import DeviceRegistry
from shared.clock import Clock

Publish = Callable[[str, bytes], None]
"""Publishes a payload to a topic; does nothing that blocks."""


@dataclass(frozen=True)
class Parts:
    """The API's parts; `publish` and `is_connected` stand for no broker where there is none."""

    config: Config
    database: Database
    clock: Clock
    zone: ZoneInfo
    live: LiveFeed
    publish: Publish | None
    is_connected: Callable[[], bool]
    registry: DeviceRegistry


async def parts_of(request: Request) -> Parts:
    """Find the parts of the application that serves a request."""
    parts: Parts = request.app.state.parts
    return parts


Shared = Annotated[Parts, Depends(parts_of)]
"""The parameter of every endpoint that needs them."""
