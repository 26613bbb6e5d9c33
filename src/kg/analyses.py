"""What SPARQL alone can't make of a question's rows: each analysis by the name that headers call it.

An analysis is a pure function. Its question's query asks the facts that it needs, one row each with
the passages that state it; it returns the rows that the question's columns describe, in a fixed
order. So REST, forms, CSV, cases and evidence work as for any question.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kg.changes import changes
from kg.impact import impact_of_ending
from kg.network import connection, most_connected
from kg.referral import referral
from kg.similarity import similar
from kg.store import Row, Term

__all__ = ["ANALYSES", "EDITION", "Analysis"]

Analysis = Callable[[list[Row], Mapping[str, Term]], list[Row]]

# What says in a row of a question that compares two Releases which of them it is of: "earlier" or "later".
EDITION = "edition"

ANALYSES: Mapping[str, Analysis] = {
    "changes": changes,
    "connection": connection,
    "impact-of-ending": impact_of_ending,
    "most-connected": most_connected,
    "referral": referral,
    "similar-initiatives": similar,
}
