"""The Graph Store Protocol at /store: read, replace, extend and delete one graph.

    /store?graph=<iri>    a named graph            /store?default    the default graph
    /store/<path>         the graph of that very address
    /store                with a dataset's format, the whole dataset; by POST of a graph, a new one

Source: https://www.w3.org/TR/sparql11-http-rdf-update/
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from urllib.parse import parse_qs, quote

from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from api.exchange import Exchange
from api.problems import BadRequest, MethodNotAllowed, NoSuchGraph, Reply, UnsupportedMediaType
from api.protocol import is_iri
from api.writing import Door, done
from kg.releases import DEFAULT
from kg.results import GRAPHS
from kg.store import Release
from kg.write import Upload

__all__ = ["METHODS", "named", "query_for", "take"]

METHODS = "GET, HEAD, PUT, POST, DELETE, OPTIONS"
_DATASETS = {"application/trig", "application/n-quads"}
_MULTIPART = "multipart/form-data"


def named(exchange: Exchange, url: str) -> str | None:
    """Return the graph a request is about: an IRI, "default", or None when it names none.

    `url` is the address of the store. Raises: BadRequest.
    """
    fields = parse_qs(exchange.scope["query_string"].decode("latin-1"), keep_blank_values=True)
    path = str(exchange.scope["path"]).removeprefix("/store").lstrip("/")
    graphs = fields.get("graph", [])
    if len(graphs) + ("default" in fields) + bool(path) > 1:
        raise BadRequest("A request is about one graph.", hint="Give `graph` or `default`, once.")
    if graphs and not is_iri(graphs[0]):
        raise BadRequest(
            f"graph={graphs[0]} is not an absolute IRI.", hint="Write it whole, with its scheme."
        )
    if "default" in fields:
        return DEFAULT
    return graphs[0] if graphs else f"{url}/{quote(path)}" if path else None


def query_for(graph: str | None, release: Release) -> str:
    """Return the query whose answer is a graph. Raises: BadRequest, NoSuchGraph."""
    if graph is None:
        raise BadRequest("The request names no graph.", hint="Add ?graph=<iri> or ?default.")
    if graph == DEFAULT:
        return "CONSTRUCT WHERE { ?s ?p ?o }"
    if graph not in release.manifest["graphs"]:
        raise NoSuchGraph(f"There is no graph <{graph}> in Release {release.number}.")
    return f"CONSTRUCT {{ ?s ?p ?o }} WHERE {{ GRAPH <{graph}> {{ ?s ?p ?o }} }}"


async def take(
    exchange: Exchange, door: Door, graph: str | None, release: Release, *, url: str, limit_bytes: int
) -> Reply:
    """Do a PUT, POST or DELETE and return its answer. Raises: what refused it."""
    door.check(exchange)
    headers: dict[str, str] = {}
    if exchange.method == "DELETE":
        if graph is None:
            raise BadRequest("The request names no graph.", hint="Add ?graph=<iri> or ?default.")
        if graph != DEFAULT and graph not in release.manifest["graphs"]:
            raise NoSuchGraph(f"There is no graph <{graph}> in Release {release.number}.")
        return done(await door.commit(Upload("DELETE", graph)))
    parts = await _parts(exchange, limit_bytes)
    if graph is None and not all(media_type in _DATASETS for media_type, _ in parts):
        if exchange.method == "PUT":
            raise BadRequest("The request names no graph.", hint="Add ?graph=<iri> or ?default.")
        graph = headers["Location"] = door.new_graph(url)
    base = None if graph in (None, DEFAULT) else graph
    read = tuple((GRAPHS[media_type].suffix.lstrip("."), base, content) for media_type, content in parts)
    outcome = await door.commit(Upload(exchange.method, graph, read))
    return done(outcome, status=200 if outcome.existed and not headers else 201, headers=headers)


async def _parts(exchange: Exchange, limit_bytes: int) -> list[tuple[str, bytes]]:
    """Return the media type and content of what was sent, one or, as multipart, more."""
    content_type = exchange.headers.get("content-type", "")
    body = await exchange.body(limit_bytes)
    if exchange.headers.get("content-encoding", "identity") != "identity":
        raise UnsupportedMediaType("A compressed body isn't read here.", hint="Send it as it is.")
    if _bare(content_type) != _MULTIPART:
        return [(_readable(content_type), body)]

    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    try:
        parser = MultiPartParser(Headers({"content-type": content_type}), stream(), max_part_size=limit_bytes)
        form = await parser.parse()
    except (MultiPartException, KeyError) as error:
        raise BadRequest(f"The multipart body can't be read: {error}.") from None
    try:
        files = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
        if not files:
            raise BadRequest(
                "The multipart body holds no file.", hint="Send each graph as a file with its type."
            )
        return [(_readable(file.content_type or ""), await file.read()) for file in files]
    finally:
        await form.close()


def _readable(content_type: str) -> str:
    media_type = _bare(content_type)
    if media_type not in GRAPHS:
        offered = ", ".join(GRAPHS)
        raise UnsupportedMediaType(
            f"Data of type {media_type or 'unknown'} isn't read here.", hint=f"Send one of {offered}."
        )
    return media_type


def _bare(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def refuse_method(method: str) -> MethodNotAllowed:
    return MethodNotAllowed(f"{method} is not for a graph store.", headers={"Allow": METHODS})
