"""What the fuzzer is told of our media types: it runs this in a process of its own."""

from __future__ import annotations

import schemathesis


@schemathesis.serializer(
    "application/sparql-query",
    "application/sparql-update",
    "application/n-triples",
    "application/n-quads",
    "application/trig",
    "application/rdf+xml",
)
def as_text(_: schemathesis.SerializationContext, value: object) -> bytes:
    """Send what was made up as it is, also where it is no text."""
    return str(value).encode("utf-8", "surrogatepass")
