"""Puts the layers of a request around the application, in their order."""

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from cloud.db import Database
from cloud.transfer.deprecation import Announcements
from cloud.transfer.guard import Guard
from cloud.transfer.repetition import RepeatedError, Repetition, repeat
from cloud.transfer.representation import Representation
from cloud.transfer.shortcut import Shortcut

EXPOSED = (
    "Content-Disposition",
    "Deprecation",
    "ETag",
    "Idempotency-Replayed",
    "Link",
    "Location",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "Sunset",
)
"""Header fields that a script of another origin may read."""

TAKEN = (
    "Accept",
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-None-Match",
    "Last-Event-ID",
)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
PREFLIGHT_S = 3_600


def install(app: FastAPI, database: Database, origins: list[str]) -> None:
    """Add the layers; the last one added is the first that a request meets."""
    handlers: dict[type[Exception], object] = {RepeatedError: repeat}
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)  # type: ignore[arg-type]  # takes its own error
    app.add_middleware(Shortcut, owner=app)
    app.add_middleware(Announcements)
    app.add_middleware(Repetition, database=database)
    app.add_middleware(Representation)
    app.add_middleware(Guard)
    if origins:
        # Without credentials: a script of another origin shows a token, and never our cookie.
        app.add_middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=METHODS,
            allow_headers=TAKEN,
            expose_headers=EXPOSED,
            max_age=PREFLIGHT_S,
        )
