"""What the service counts of itself, as Prometheus reads it.

Source: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from collections.abc import Iterator
from time import monotonic

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from api.exchange import Exchange
from kg.workers import Workers

__all__ = ["MEDIA_TYPE", "OUTCOMES", "Metrics"]

MEDIA_TYPE = CONTENT_TYPE_LATEST
OUTCOMES = (
    *("ok", "malformed", "not_acceptable", "refused", "too_large", "time_limit", "memory", "busy"),
    *("rate_limited", "client_gone", "cancelled", "stopping", "failed", "service_failed", "written"),
)
_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class Metrics:
    """The counters of one service, apart from those of any other in this process."""

    def __init__(self, workers: Workers) -> None:
        self._registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._registry)
        self._registry.register(_Gauges(workers))
        queries = Counter(
            "kg_queries", "Queries and writes by outcome.", ["outcome"], registry=self._registry
        )
        # Each is there from the start, so that its rate is known when it first happens.
        self._outcomes = {outcome: queries.labels(outcome) for outcome in OUTCOMES}
        self._first_byte = Histogram(
            "kg_first_byte_seconds",
            "From a query's arrival to the first byte of its answer.",
            buckets=_BUCKETS_S,
            registry=self._registry,
        )
        self._whole = Histogram(
            "kg_answer_seconds",
            "From a query's arrival to the last byte of its answer.",
            buckets=_BUCKETS_S,
            registry=self._registry,
        )
        self._kept = Counter("kg_kept_answers", "Answers that were known already.", registry=self._registry)
        self._bytes = Counter("kg_answer_bytes", "Bytes of answers sent.", registry=self._registry)

    def count(self, exchange: Exchange) -> None:
        """Count a query that has ended."""
        self._outcomes[exchange.outcome].inc()
        self._bytes.inc(exchange.n_bytes)
        if exchange.is_kept:
            self._kept.inc()
        if exchange.outcome == "ok" and exchange.first_byte_at is not None:
            self._first_byte.observe(exchange.first_byte_at - exchange.began)
            self._whole.observe(monotonic() - exchange.began)

    def text(self) -> bytes:
        """Return all of it, in the text format."""
        return generate_latest(self._registry)


class _Gauges(Collector):
    """What is read when it is asked for, and costs nothing until then."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers

    def collect(self) -> Iterator[GaugeMetricFamily]:
        counts = self._workers.counts()
        workers = GaugeMetricFamily("kg_workers", "Processes that answer, by state.", labels=["state"])
        for state in ("busy", "idle"):
            workers.add_metric([state], counts[state])
        yield workers
        yield GaugeMetricFamily("kg_queries_waiting", "Queries waiting for a worker.", counts["waiting"])
        number = self._workers.release.number
        yield GaugeMetricFamily("kg_release", "The number of the Release in service.", number)
