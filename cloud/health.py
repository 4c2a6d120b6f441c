"""`/v1/health`: whether the API, its database and its broker connection work. Needs no token."""

from http import HTTPStatus
from pathlib import Path

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from cloud.answers import reply
from cloud.auth import ANYONE
from cloud.fleet.crl import FILE_NAME, read_list
from cloud.parts import Parts, Shared

router = APIRouter(prefix="/v1", tags=["health"])


class Health(BaseModel):
    """`broker` is "none" where no broker is configured.

    `revocation_list` is "ok", "due" (its refresh fails: within ten days the broker refuses every
    hub), "expired" or "missing"; "none" where `fleet_dir` is not set.
    """

    status: str
    database: str
    broker: str
    revocation_list: str

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "status": "ok",
                "database": "ok",
                "broker": "connected",
                "revocation_list": "ok",
            }
        }
    )


@router.get(
    "/health",
    dependencies=[ANYONE],
    response_model=Health,
    summary="Whether the service works",
    responses={503: {"model": Health, "description": "The database cannot be read"}},
)
def health(parts: Shared) -> Response:
    """Say how the database and the broker connection are; 503 where the database cannot be read."""
    database = "ok"
    try:
        with parts.database.reading() as connection:
            connection.execute(text("SELECT store_id FROM store"))
    except SQLAlchemyError:
        database = "unavailable"
    broker = "none"
    if parts.publish is not None:
        broker = "connected" if parts.is_connected() else "disconnected"
    listed = _revocation_list(parts)
    is_well = database == "ok" and broker != "disconnected" and listed in ("ok", "none")
    response = reply(
        {
            "status": "ok" if is_well else "degraded",
            "database": database,
            "broker": broker,
            "revocation_list": listed,
        }
    )
    if database != "ok":
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    return response


def _revocation_list(parts: Parts) -> str:
    if not parts.config.fleet_dir:
        return "none"
    known = read_list(Path(parts.config.fleet_dir) / FILE_NAME)
    return known.standing(parts.clock.utc_ms())
