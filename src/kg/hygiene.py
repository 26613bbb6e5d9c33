"""Find offenders that no shape can see: each query in queries/hygiene/ returns no row when all is well.

A query selects ?subject and ?message, and ?graph where it knows the file. It runs
over everything, what rules added included.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

from kg.errors import BuildError, Problem
from kg.header import read_header
from kg.load import Content
from kg.namespaces import compact
from kg.positions import line_of
from kg.store import NamedNode, QuerySolutions, Store, Variable

__all__ = ["find_offenders"]


def find_offenders(content: Content, store: Store) -> list[Problem]:
    """Return a problem for each row, at the file and line of its subject.

    Raises: BuildError when a query isn't SPARQL.
    """
    files = {file.graph: file.path for file in content.files}
    problems = []
    for path in sorted((content.root / "queries" / "hygiene").glob("*.rq")):
        advice = str(read_header(path).get("summary", ""))
        try:
            rows = cast(QuerySolutions, store.query(path.read_text("utf-8")))
        except SyntaxError as error:
            raise BuildError([Problem(path, None, f"The query isn't SPARQL: {error}.", "Mend it.")]) from None
        names_graph = Variable("graph") in rows.variables
        for row in rows:
            file = files.get(row["graph"]) if names_graph else None
            problems.append(_problem(path, file, row["subject"], row["message"].value, advice))
    return problems


def _problem(query: Path, file: Path | None, subject: NamedNode, message: str, advice: str) -> Problem:
    line = (line_of(file, subject.value) or line_of(file, None, obj=subject)) if file else None
    return Problem(file or query, line, message, f"{compact(subject.value)} ({query.stem}: {advice})")
