"""How often a caller may ask: a bucket of tokens for each, which fills at a steady rate."""

from __future__ import annotations

from collections import OrderedDict
from time import monotonic

from api.callers import Caller
from kg.errors import TooMany

__all__ = ["Rates"]

# So many callers are remembered; one who is forgotten begins with a full bucket.
_MOST_CALLERS = 10_000


class Rates:
    """Counts requests per caller; a rate of 0 sets no bound.

    >>> rates = Rates(2)
    >>> rates.spend(Caller("192.0.2.1", "address"), 0.0), rates.spend(Caller("192.0.2.1", "address"), 0.0)
    (None, None)
    >>> rates.spend(Caller("192.0.2.1", "address"), 0.1)
    Traceback (most recent call last):
    kg.errors.TooMany: More than 2 requests a second.
    """

    def __init__(self, per_s: float) -> None:
        self._per_s = per_s
        self._most = max(1.0, per_s)
        # caller -> what was left, and when
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def spend(self, caller: Caller, now: float | None = None) -> None:
        """Count a request. Raises: TooMany, which says when there is room again."""
        if not self._per_s or caller.local:
            return
        now = monotonic() if now is None else now
        left, then = self._buckets.pop(caller.key, (self._most, now))
        left = min(self._most, left + (now - then) * self._per_s)
        self._buckets[caller.key] = (left - 1 if left >= 1 else left, now)
        if len(self._buckets) > _MOST_CALLERS:
            self._buckets.popitem(last=False)
        if left < 1:
            raise TooMany(
                f"More than {self._per_s:g} requests a second.",
                hint="Send them one after the other, and wait as Retry-After says.",
                retry_after_s=(1 - left) / self._per_s,
            )
