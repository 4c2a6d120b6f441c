"""`/v1/health`: whether the API, its database and its broker connection work. Needs no token."""

from http import HTTPStatus

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from cloud.answers import reply
from cloud.parts import Shared

router = APIRouter(prefix="/v1", tags=["health"])


class Health(BaseModel):
    """`broker` is "none" where no broker is configured."""

    status: str
    database: str
    broker: str

    model_config = ConfigDict(
        json_schema_extra={"example": {"status": "ok", "database": "ok", "broker": "connected"}}
    )


@router.get(
    "/health",
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
    status = "ok" if database == "ok" and broker != "disconnected" else "degraded"
    response = reply({"status": status, "database": database, "broker": broker})
    if database != "ok":
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    return response
