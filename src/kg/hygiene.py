"""Find offenders that no shape can see: each query in queries/hygiene/ returns no row when all is well.

A query selects ?subject and ?message, and ?graph where it knows the file. It runs
over everything, what rules added included.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

from kg.errors import BuildError, Problem
from kg.header import read_header
from kg.load import Content, ContentGraph
from kg.namespaces import compact
from kg.store import NamedNode, QuerySolutions, Store, Variable

__all__ = ["find_offenders"]


def find_offenders(content: Content, store: Store) -> list[Problem]:
    """Return a problem for each row, at the file and line of its subject.

    Raises: BuildError when a query isn't SPARQL.
    """
    graphs = {graph.graph: graph for graph in content.graphs}
    problems = []
    for path in sorted((content.root / "queries" / "hygiene").glob("*.rq")):
        advice = str(read_header(path).get("summary", ""))
        try:
            rows = cast(QuerySolutions, store.query(path.read_text("utf-8")))
        except SyntaxError as error:
            raise BuildError([Problem(path, None, f"The query isn't SPARQL: {error}.", "Mend it.")]) from None
        names_graph = Variable("graph") in rows.variables
        for row in rows:
            graph = graphs.get(row["graph"]) if names_graph else None
            problems.append(_problem(path, graph, row["subject"], row["message"].value, advice))
    return problems


def _problem(
    query: Path, graph: ContentGraph | None, subject: NamedNode, message: str, advice: str
) -> Problem:
    hint = f"{compact(subject.value)} ({query.stem}: {advice})"
    if graph is None:
        return Problem(query, None, message, hint)
    line = graph.line(subject.value) or graph.line(None, obj=subject)
    return Problem(graph.place, line, message, hint)
