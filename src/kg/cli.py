"""The command line, thin: every verb is a module's.

Those about questions are in `cli_questions`, about Releases and tokens in `cli_releases`.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Annotated, Any, cast

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from kg.cli_questions import ask_command, questions_command
from kg.cli_releases import export_command, release_app, token_app
from kg.deadline import Deadline
from kg.errors import BadParameter, BuildError, KgError, QueryError
from kg.evidence import MOST_ROWS, evidence_of
from kg.guard import inspect
from kg.lint import lint
from kg.load import load
from kg.premises import read_rules
from kg.publish import check, publish
from kg.questions import load_questions
from kg.results import GRAPHS, ROWS, Form, Result, kind_of, write
from kg.settings import Settings
from kg.store import (
    LocalAsker,
    QueryResultsFormat,
    QuerySolutions,
    Release,
    Store,
    current_release,
    open_read_only,
)

__all__ = ["main"]

app = typer.Typer(
    help="A knowledge graph of who does what for technical education and work.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(release_app, name="release")
app.add_typer(token_app, name="token")
app.command("export")(export_command)
app.command("ask", context_settings={"ignore_unknown_options": True, "allow_extra_args": True})(ask_command)
app.command("questions")(questions_command)

Content = Annotated[
    Path | None, typer.Option(help="Folder that holds ontology/, shapes/, queries/ and data/.")
]
Home = Annotated[Path | None, typer.Option(help="Folder that holds the Releases.")]


class _Plain:
    """Progress for a log: one line a step."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def step(self, name: str) -> None:
        self._console.print(name, highlight=False)

    def advance(self, done: int, total: int) -> None: ...


class _Bars:
    """Progress for a terminal: a bar a step."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._task: Any = None

    def step(self, name: str) -> None:
        self._finish()
        self._task = self._bars.add_task(name, total=None)

    def advance(self, done: int, total: int) -> None:
        self._bars.update(self._task, completed=done, total=total)

    def _finish(self) -> None:
        if self._task is not None:
            task = self._bars.tasks[self._task]
            self._bars.update(self._task, completed=task.total or 1, total=task.total or 1)


@contextmanager
def _steps() -> Iterator[_Plain | _Bars]:
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Plain(console)
        return
    columns = (TextColumn("{task.description:<17}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bars:
        steps = _Bars(bars)
        yield steps
        steps._finish()


@app.command("check")
def check_command(
    content: Content = None,
    home: Home = None,
    fresh: Annotated[bool, typer.Option(help="Forget which files were found valid before.")] = False,
) -> None:
    """Do all of a build but publish: are the files right?"""
    settings = Settings.from_environment(content=content, home=home)
    with _steps() as steps:
        steps.step("load")
        content_read = load(settings.content)
        checked = check(content_read, steps, cache=None if fresh else settings.home / "cache")
    faults = lint(settings.content, load_questions(settings.content), checked.store)
    if faults:
        raise BuildError(faults)
    _warn(checked.warnings)
    graphs = len(checked.content.graphs)
    print(f"{graphs} files are right; {len(checked.inferred)} statements follow from them.")


@app.command()
def build(
    content: Content = None,
    home: Home = None,
    files_win: Annotated[
        bool, typer.Option(help="Where a graph changed online and in its file, take the file.")
    ] = False,
) -> None:
    """Check the files and make them the Release in service."""
    settings = Settings.from_environment(content=content, home=home)
    with _steps() as steps:
        release, new, warnings = publish(
            settings.content,
            settings.home,
            steps,
            default_graph=settings.default_graph,
            files_win=files_win,
        )
    _warn(warnings)
    print(f"Release {release.number} {'is in service' if new else 'already says all this: nothing new'}.")


@app.command()
def query(
    file: Annotated[str, typer.Argument(help="A file with SPARQL, or - for standard input.")],
    format: Annotated[  # noqa: A002  the flag's name
        str | None,
        typer.Option(help="csv, tsv, json or xml for rows; ttl, nt, jsonld, rdf, trig or nq for graphs."),
    ] = None,
    evidence: Annotated[
        bool, typer.Option(help="Add what each row rests on; for SELECT, written as JSON.")
    ] = False,
    time_limit: Annotated[float, typer.Option(min=0, help="Seconds it may take; 0 for no limit.")] = 30.0,
    home: Home = None,
) -> None:
    """Run any SPARQL query over the Release in service."""
    settings = Settings.from_environment(home=home)
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text("utf-8")
    except UnicodeDecodeError as error:
        raise KgError(f"{file} is not UTF-8 at byte {error.start}. Save it as UTF-8.") from None
    inspect(text)
    release = current_release(settings.home)
    store = open_read_only(release)
    with Deadline(sys.stdout.buffer, time_limit) as sink:
        if evidence:
            sink.write(_with_evidence(text, store, release, format))
            return
        result = store.query(text)
        write(result, _form(result, format), cast(IO[bytes], sink))


@app.command()
def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; loopback unless told otherwise.")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    home: Home = None,
) -> None:
    """Serve the Release over HTTP."""
    from api.app import run  # noqa: PLC0415  the one place where the library meets the web: only when serving

    run(Settings.from_environment(host=host, port=port, home=home))


def _with_evidence(text: str, store: Store, release: Release, form: str | None) -> bytes:
    """Return the first rows of a SELECT as SPARQL results in JSON, with what they rest on."""
    if form not in (None, "json"):
        raise KgError("Evidence is written as JSON. Leave --format out, or give json.")
    result = store.query(text)
    if not isinstance(result, QuerySolutions):
        raise KgError("Evidence is for SELECT.")
    written = json.loads(result.serialize(format=QueryResultsFormat.JSON) or b"{}")
    rows = written["results"]["bindings"] = written["results"]["bindings"][:MOST_ROWS]
    gaps = ["volatile"] if inspect(text).volatile else []
    found = asyncio.run(evidence_of(text, rows, LocalAsker(store), read_rules(release.path), gaps=gaps))
    return json.dumps({**written, "evidence": found.as_json()}, ensure_ascii=False, indent=1).encode() + b"\n"


def _form(result: Result, name: str | None) -> Form:
    """Return the form to write a result in, by the suffix that its files have."""
    kind = kind_of(result)
    forms = {form.suffix.lstrip("."): form for form in (ROWS if kind == "rows" else GRAPHS).values()}
    chosen = name or ("csv" if kind == "rows" else "ttl")
    if chosen not in forms:
        raise KgError(f"The answer can't be written as {chosen!r}. It can as: {', '.join(forms)}.")
    return forms[chosen]


def _warn(warnings: list[Any]) -> None:
    for warning in warnings:
        print(warning, file=sys.stderr)


def main() -> None:
    """Run a command; what goes wrong on purpose is a message and exit code 1, never a stack trace."""
    try:
        app()
    except BuildError as error:
        print(f"{error}\n{len(error.problems)} to mend; nothing was published.", file=sys.stderr)
        sys.exit(1)
    except BadParameter as error:
        print(error, file=sys.stderr)
        for candidate in error.candidates:
            print(f"  {candidate['label']} ({candidate['en']})  <{candidate['iri']}>", file=sys.stderr)
        sys.exit(1)
    except QueryError as error:
        place = f" (line {error.line}, column {error.column})" if error.line and ":" not in str(error) else ""
        print(f"{error}{place} {error.hint}".rstrip(), file=sys.stderr)
        sys.exit(1)
    except (KgError, OSError) as error:
        print(error, file=sys.stderr)
        sys.exit(1)
    except SyntaxError as error:
        print(f"This is not SPARQL 1.1: {error.msg}", file=sys.stderr)
        sys.exit(1)
