"""The parameters of a query string or a form, each with all its values.

Source: https://url.spec.whatwg.org/#application/x-www-form-urlencoded
"""

from __future__ import annotations

from urllib.parse import parse_qs

from api.problems import BadRequest

__all__ = ["Fields", "fields_of"]

Fields = dict[str, list[str]]
_MOST_FIELDS = 1_000


def fields_of(encoded: bytes) -> Fields:
    """Return the values by name. Raises: BadRequest for what isn't UTF-8, or too many.

    >>> fields_of(b"a=%C3%A9&a=")
    {'a': ['é', '']}
    """
    try:
        return parse_qs(
            encoded.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS
        )
    except ValueError:
        raise BadRequest("The parameters can't be read.", hint="Percent-encode them as UTF-8.") from None
