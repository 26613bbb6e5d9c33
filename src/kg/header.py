"""Read the header of a `.rq` file: lines `#+ …` that together are YAML, as grlc writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from kg.errors import BuildError, Problem

__all__ = ["read_header"]


def read_header(path: Path, text: str | None = None) -> dict[str, Any]:
    """Return the header of a query file as a mapping; empty when it has none.

    Raises: BuildError with file and line when the header isn't YAML, or isn't a mapping.
    """
    lines = (path.read_text("utf-8") if text is None else text).splitlines()
    header = [line[2:].removeprefix(" ") for line in lines if line.startswith("#+")]
    try:
        found = yaml.safe_load("\n".join(header)) or {}
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise BuildError(
            [Problem(path, line, f"The header isn't YAML: {error.problem}.", "Mend the `#+` line.")]
        ) from None
    if not isinstance(found, dict):
        raise BuildError(
            [Problem(path, 1, "The header isn't a list of `key: value`.", "Write `#+ key: value`.")]
        )
    return found
