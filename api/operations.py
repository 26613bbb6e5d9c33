"""What those who run the service, or wait for it, ask of it: health, readiness, metrics, what runs."""

from __future__ import annotations

from time import monotonic
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from api.desk import Desk
from api.exchange import Exchange
from api.metrics import MEDIA_TYPE
from api.problems import Stopping, UnknownQuery
from kg.workers import Workers

__all__ = ["router"]

router = APIRouter()
_NO_STORE = {"Cache-Control": "no-store"}


@router.get("/health", summary="Does the process answer?")
async def health() -> dict[str, str]:
    """Answer as long as the process does."""
    return {"status": "ok"}


@router.get("/ready", summary="Can a query be answered now?")
async def ready(request: Request) -> Response:
    """Answer a query through a worker: 200 when that works, 503 when not, or when the service stops."""
    if _desk(request).stopping:
        raise Stopping
    workers: Workers = request.app.state.workers
    await workers.rows("SELECT (1 AS ?one) {}", {})
    return JSONResponse(
        {"status": "ready", "release": workers.release.number, "workers": workers.counts()}, headers=_NO_STORE
    )


@router.get("/metrics", summary="Counters, for Prometheus")
async def metrics(request: Request) -> Response:
    """Queries by outcome, latencies, workers, the Release, the process."""
    return Response(_desk(request).metrics.text(), headers={"Content-Type": MEDIA_TYPE, **_NO_STORE})


@router.get("/queries", summary="Your own queries that have not ended")
async def queries(request: Request) -> Response:
    """List the caller's queries: id, seconds since they came, and waiting, running or streaming."""
    running = [_shown(each) for each in _desk(request).queries_of(_exchange(request).caller)]
    return JSONResponse({"queries": running}, headers=_NO_STORE)


@router.delete("/queries/{query_id}", summary="Stop a query of yours", status_code=204)
async def stop(request: Request, query_id: str) -> Response:
    """Stop it: 204; 404 when the caller has none of that id running."""
    if not _desk(request).stop(query_id, _exchange(request).caller):
        raise UnknownQuery(
            f"You have no query {query_id} running.",
            hint="X-Query-Id of its answer, or /queries, says its id.",
        )
    return Response(status_code=204)


def _shown(exchange: Exchange) -> dict[str, Any]:
    seconds = round(monotonic() - exchange.began, 3)
    return {"id": exchange.query_id, "seconds": seconds, "state": exchange.claim.state}


def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


def _exchange(request: Request) -> Exchange:
    exchange: Exchange = request.scope["kg.exchange"]
    return exchange
