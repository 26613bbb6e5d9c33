"""Stop without hurting those who were being answered: refuse what is new, finish what has begun.

The server keeps listening meanwhile, so that who comes is told to come back, not left without an
answer; it ends as soon as nothing runs any more, or at the bound.
"""

from __future__ import annotations

from time import monotonic
from types import FrameType

import uvicorn

from api.desk import Desk

__all__ = ["FINISH_S", "Server"]

# What has begun may take so long to finish; then it is cut.
FINISH_S = 10.0


class Server(uvicorn.Server):
    """Ends in two steps at a first SIGTERM or SIGINT, at once at a second."""

    def __init__(self, config: uvicorn.Config, desk: Desk, finish_s: float = FINISH_S) -> None:
        super().__init__(config)
        self._desk = desk
        self._finish_s = finish_s
        self._deadline: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002  uvicorn's signature
        """Take a signal."""
        if self._deadline is None:
            self._desk.stopping = True
            self._deadline = monotonic() + self._finish_s
        else:
            self.should_exit = self.force_exit = True

    async def on_tick(self, counter: int) -> bool:
        """See, ten times a second, whether it is time to end."""
        if self._deadline is not None and (not self._desk.n_present or monotonic() > self._deadline):
            self._desk.stop_all()
            self.should_exit = True
        return await super().on_tick(counter)
