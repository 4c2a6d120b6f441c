"""What the API consists of: every feature's routes, in the order a request is held against them.

Gathered once a process, for all the applications it makes: FastAPI works out what a route takes and
gives when a request first comes by it, and for an application's own that is as often as there are
applications. Nothing here belongs to one of them.
"""

from functools import cache

from fastapi import APIRouter, Depends

from cloud import health
from cloud.accounts import endpoints as accounts
from cloud.accounts import homes, invitationendpoints, keyendpoints, me, waitingendpoints
from cloud.changes import endpoints as changes
from cloud.costs import comparison, prepayment, preview
from cloud.costs import endpoints as costs
from cloud.exports import endpoints as exports
from cloud.fleet import endpoints as claims
from cloud.fleet import hubendpoints as fleet
from cloud.fleet import installer
from cloud.fleet import jobendpoints as jobs
from cloud.gaps import endpoints as gaps
from cloud.imports import endpoints as imports
from cloud.ingest import consent, gateways, hubs
from cloud.ingest import endpoints as dead_letters
from cloud.openapi.operations import operation_id
from cloud.readings import conversion_endpoints, quality_endpoints, usage_endpoints
from cloud.readings import endpoints as meters
from cloud.streams import endpoints as streams
from cloud.tariffs import catalogue_endpoints as catalogue
from cloud.tariffs import endpoints as tariffs
from cloud.transfer.media import check_media_type
from cloud.web import endpoints as web


@cache
def features() -> APIRouter:
    """Gather the routes; they are to be read alone."""
    router = APIRouter(
        dependencies=[Depends(check_media_type)], generate_unique_id_function=operation_id
    )
    readings = (health, gateways, consent, meters, streams, changes, gaps, dead_letters)
    usage = (usage_endpoints, quality_endpoints, conversion_endpoints, exports, imports)
    money = (costs, preview, comparison, prepayment, tariffs, catalogue)
    people = (accounts, me, homes, invitationendpoints, waitingendpoints, keyendpoints)
    fleets = (hubs, claims, installer, fleet, jobs)
    # A request is held against one after the other: what apps ask for most comes first.
    for feature in (*usage, *readings, *money, *people, *fleets, web):
        router.include_router(feature.router)
    return router
