"""The commands about Releases and tokens: `kg release`, `kg export`, `kg token`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from kg.errors import SettingsError
from kg.export import export
from kg.releases import find_release, keep, list_releases, only_writer, point_to
from kg.settings import Settings
from kg.store import current_release
from kg.tokens import ROLES, new_token

__all__ = ["export_command", "release_app", "token_app"]

Home = Annotated[Path | None, typer.Option(help="Folder that holds the Releases.")]
Number = Annotated[int, typer.Argument(help="The number of a Release.", min=1)]

release_app = typer.Typer(help="List the Releases, go back to one, keep one for good.")
token_app = typer.Typer(help="Tokens of those who may write.", no_args_is_help=True)


@release_app.callback(invoke_without_command=True)
def releases(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    home: Home = None,
) -> None:
    """List the Releases, the oldest first; * is in service, + is kept for good."""
    if context.invoked_subcommand:
        return
    settings = Settings.from_environment(home=home)
    in_service = current_release(settings.home).number
    rows = [
        {
            "number": release.number,
            "created": release.manifest["created"],
            "triples": release.manifest["triples"],
            "inService": release.number == in_service,
            "kept": kept,
        }
        for release, kept in list_releases(settings.home)
    ]
    if as_json:
        print(json.dumps(rows, indent=1))
        return
    for row in rows:
        marks = ("*" if row["inService"] else " ") + ("+" if row["kept"] else " ")
        print(f"{marks} {row['number']:>6}  {row['created']}  {row['triples']:>9,} triples")


@release_app.command("use")
def use(number: Number, home: Home = None) -> None:
    """Make a Release the one in service, such as an earlier one; a running service takes it up."""
    settings = Settings.from_environment(home=home)
    with only_writer(settings.home):
        point_to(settings.home, find_release(settings.home, number))
    print(f"Release {number} is in service. The next build or write goes on from it.")


@release_app.command("keep")
def keep_command(
    number: Number,
    home: Home = None,
    undo: Annotated[bool, typer.Option(help="Let it be forgotten in its turn.")] = False,
) -> None:
    """Keep a Release for good; the others are forgotten when a thousand newer ones are there."""
    settings = Settings.from_environment(home=home)
    keep(find_release(settings.home, number), for_good=not undo)
    print(f"Release {number} {'may be forgotten in its turn' if undo else 'is kept for good'}.")


def export_command(
    content: Annotated[Path | None, typer.Option(help="Folder that holds data/ttl/.")] = None,
    home: Home = None,
    overwrite: Annotated[bool, typer.Option(help="Also where the file has changed since.")] = False,
) -> None:
    """Write what was written online back to the files."""
    settings = Settings.from_environment(content=content, home=home)
    done = export(current_release(settings.home), settings.content, overwrite=overwrite)
    for what, path in done:
        print(f"{what} {path}")
    if not done:
        print("The files say all that was written online already.")


@token_app.command("new")
def new(
    name: Annotated[str, typer.Argument(help="Whose token it is.")],
    role: Annotated[str, typer.Option(help=f"What it lets do: {', '.join(ROLES)}.")] = ROLES[0],
) -> None:
    """Make a token, add its hash to the file of KG_TOKENS, and print it, this once."""
    settings = Settings.from_environment()
    if not settings.tokens:
        raise SettingsError("KG_TOKENS says in which file tokens are kept. Set it, such as to tokens.txt.")
    print(new_token(Path(settings.tokens), name, role))
