"""Take a write: who may, what it holds, and the answer once its Release is served."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import uuid4

from api.exchange import Exchange
from api.problems import Reply, Unauthorized
from kg.committer import Committer
from kg.errors import RefusedQuery, SettingsError
from kg.namespaces import GRAPH
from kg.settings import Settings
from kg.tokens import Token, find_token, load_tokens
from kg.write import Outcome, Write

__all__ = ["Door", "done"]

_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="kg", Basic realm="kg", charset="UTF-8"'}


class Door:
    """Lets in the writes of those who have a token; without any configured token it is shut."""

    def __init__(self, settings: Settings, committer: Committer) -> None:
        self._tokens = settings.tokens
        self._merged = settings.default_graph == "merge"
        self._committer = committer

    @property
    def is_open(self) -> bool:
        return bool(self._tokens)

    def check(self, exchange: Exchange) -> Token:
        """Return whose request it is. Raises: RefusedQuery when writing is off, Unauthorized."""
        if not self._tokens:
            raise RefusedQuery(
                "Writing is off at this endpoint.", hint="The operator turns it on by KG_TOKENS."
            )
        token = find_token(load_tokens(Path(self._tokens)), exchange.headers.get("authorization", ""))
        if token is None:
            hint = "Send `Authorization: Bearer <token>`, or Basic with the name and the token."
            raise Unauthorized("Writing needs a token that is known here.", hint=hint, headers=_CHALLENGE)
        return token

    def new_graph(self, url: str) -> str:
        """Return the IRI of a graph that the client leaves to us; `url` is the address of the store."""
        return f"{GRAPH}online/{uuid4()}" if self._merged else f"{url}/{uuid4()}"

    def name_of(self, authorization: str) -> str | None:
        """Return the name of the token that a header holds, None for one that isn't known here."""
        try:
            token = find_token(load_tokens(Path(self._tokens)), authorization)
        except SettingsError:  # a write is told; a query is answered without
            return None
        return token.name if token else None

    async def commit(self, write: Write) -> Outcome:
        """Return what came of a write. Raises: what refused it."""
        return await self._committer.commit(write)


def done(outcome: Outcome, *, status: int = 200, headers: dict[str, str] | None = None) -> Reply:
    """Return the answer to a write: the Release that holds it, and which expected answers it changes."""
    body = {
        "release": outcome.release,
        "changed": list(outcome.changed),
        "differences": list(outcome.differences),
    }
    given = {
        "Content-Type": "application/json",
        "Cache-Control": "no-store",
        "X-Release": str(outcome.release),
        **(headers or {}),
    }
    return Reply(status, given, json.dumps(body, ensure_ascii=False).encode())
