"""The commands about questions: list them, ask one."""

from __future__ import annotations

import asyncio
import datetime
import enum
import json
import sys
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from kg import tables
from kg.answers import Answer, Page, ask
from kg.catalogue import choices, described, themes
from kg.editions import local_editions
from kg.errors import KgError
from kg.formats import SEPARATORS, Style, formats_of, write
from kg.questions import Question, find_question, load_question, load_questions
from kg.releases import find_release
from kg.restrict import make
from kg.settings import Settings
from kg.store import LocalAsker, Release, Store, current_release, open_read_only
from kg.views import View, read_view, settled

__all__ = ["ask_command", "questions_command"]

Home = Annotated[Path | None, typer.Option(help="Folder that holds the Releases.")]
Number = Annotated[int | None, typer.Option("--release", min=1, help="An earlier Release by its number.")]
_PAGE_ROWS = 100


class Language(enum.StrEnum):
    """The languages that everything is said in."""

    nl = "nl"
    en = "en"


def questions_command(
    name: Annotated[
        str | None, typer.Argument(help="A question to tell all of; without it, all by name.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write it as /questions does.")] = False,
    lang: Annotated[Language, typer.Option(help="The language of texts.")] = Language.nl,
    home: Home = None,
) -> None:
    """List the questions, or tell what one asks, takes and answers."""
    release = current_release(Settings.from_environment(home=home).home)
    loaded = load_questions(release.path)
    chosen = [find_question(loaded, name)] if name else list(loaded.values())
    known = asyncio.run(choices(chosen, LocalAsker(open_read_only(release)))) if name or as_json else {}
    told = [described(each, known) for each in chosen]
    if as_json:
        json.dump(told[0] if name else {"questions": told}, sys.stdout, ensure_ascii=False, indent=1)
        print()
    elif name:
        _tell(told[0], lang.value)
    else:
        for theme, of_theme in themes(chosen).items():
            print(f"{theme}")
            for each in of_theme:
                print(f"  {each.name:<38} {each.title[lang.value]}")


def ask_command(
    context: typer.Context,
    question: Annotated[str, typer.Argument(help="The question's name, such as funding-for-age-and-region.")],
    *,
    form: Annotated[
        str, typer.Option("--format", help="table, json, csv, xlsx; ttl, ics or geojson where it has them.")
    ] = "table",
    lang: Annotated[Language, typer.Option(help="The language of names.")] = Language.nl,
    known_on: Annotated[str, typer.Option(help="Only what was known on this day, such as 2020-12-31.")] = "",
    layers: Annotated[str, typer.Option(help="Only these: stated,inferred,curated.")] = "",
    release: Number = None,
    page: Annotated[int | None, typer.Option(min=1, help="A page of the rows, by its number.")] = None,
    page_size: Annotated[int | None, typer.Option(min=1, help="Rows on a page.")] = None,
    separator: Annotated[str, typer.Option(help="Of CSV: ',', ';' or 'tab'.")] = "",
    excel: Annotated[bool, typer.Option("--excel", help="CSV that Excel opens well.")] = False,
    home: Home = None,
) -> None:
    """Ask a question; its parameters are options: --age-from 12 --age-to 14 --region Drechtsteden."""
    settings = Settings.from_environment(home=home)
    asked_of = find_release(settings.home, release) if release else current_release(settings.home)
    asked = load_question(asked_of.path, question)
    _check(asked, form, separator)
    view = read_view(known_on, layers)
    wanted = Page(number=page or 1, size=page_size or _PAGE_ROWS) if page or page_size else None
    names = LocalAsker(open_read_only(asked_of))
    values = _options(context.args)
    answering = _answer(
        settings.home, asked_of, asked=asked, values=values, view=view, page=wanted, names=names
    )
    answer = asyncio.run(answering)
    if form == "table":
        tables.write(answer, asked_of, language=lang.value, out=sys.stdout)
        return
    applied: dict[str, Any] = {
        "release": asked_of.number,
        "knownOn": known_on or None,
        "layers": list(view.layers),
        "lang": lang.value,
    }
    style = Style(language=lang.value, evidence=True, separator=separator, excel=excel, applied=applied)
    content = asyncio.run(write(answer, asked_of, form, style, names)).content
    sys.stdout.buffer.write(content + (b"\n" if form.endswith("json") else b""))
    sys.stdout.buffer.flush()


def _check(asked: Question, form: str, separator: str) -> None:
    """Raises: KgError for a form that the question hasn't, or a separator that CSV hasn't."""
    forms = ("table", *formats_of(asked))
    if form not in forms:
        raise KgError(f"{asked.name} can't be written as {form!r}. It can as: {', '.join(forms)}.")
    if separator and separator not in SEPARATORS:
        raise KgError(f"The separator is one of {' '.join(SEPARATORS)}, not {separator!r}.")


async def _answer(
    home: Path,
    release: Release,
    *,
    asked: Question,
    values: Mapping[str, str],
    view: View,
    page: Page | None,
    names: LocalAsker,
) -> Answer:
    """Ask what counts of a Release, and of the other one where two are compared."""

    async def counted(each: Release) -> Store:
        return await _counted(home, each, view)

    return await ask(
        asked,
        values,
        LocalAsker(await counted(release)),
        today=datetime.date.today(),
        page=page,
        names=names,
        editions=local_editions(home, release, counted),
    )


async def _counted(home: Path, release: Release, view: View) -> Store:
    """Return the dataset that counts; a view is kept for the next time."""
    if view.is_whole:
        return open_read_only(release)
    path = make(home, release.number, await settled(view, LocalAsker(open_read_only(release))))
    return open_read_only(Release(release.number, path, {}))


def _tell(told: dict[str, Any], language: str) -> None:
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    console.print(Text(told["title"][language], style="bold"))
    console.print(told["description"][language], markup=False)
    table = Table(show_header=False, box=None, padding=(0, 1))
    for name, each in told["parameters"].items():
        option = "--" + "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name)
        may = ", ".join(value[language] for value in each.get("values", ()))
        kind = may or each.get("class") or each["type"]
        table.add_row(option, each[language], kind, f"({each['example']})" if each["example"] else "")
    for name, each in told["columns"].items():
        unit = f" ({each['unit']})" if "unit" in each else ""
        table.add_row(
            Text(name, style="dim"), Text(each[language] + unit, style="dim"), Text(each["type"], style="dim")
        )
    console.print(table)
    console.print(f"{told['empty'][language]}\n{', '.join(told['formats'])}", markup=False)


def _options(arguments: list[str]) -> dict[str, str]:
    """Read `--age-from 12 --region=Drechtsteden` as {ageFrom: 12, region: Drechtsteden}."""
    values: dict[str, str] = {}
    rest = deque(arguments)
    while rest:
        argument = rest.popleft()
        if not argument.startswith("--"):
            raise KgError(f"{argument!r} stands alone. Write --name value; quote a value with spaces.")
        name, equals, value = argument[2:].partition("=")
        if not equals and rest and not rest[0].startswith("--"):
            value = rest.popleft()
        head, *tail = name.split("-")
        parameter = head + "".join(part.capitalize() for part in tail)
        if parameter in values:
            raise KgError(f"{parameter} is given more than once.")
        values[parameter] = value
    return values
