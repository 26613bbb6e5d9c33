"""Who may write: tokens, kept only as hashes, in a file that the operator owns.

    name:role:sha256-of-token

A token is sent as `Bearer <token>`, or as Basic with its name and itself. The file is read at
every use, so that a line taken out holds at once.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from kg.errors import SettingsError

__all__ = ["ROLES", "Token", "find_token", "load_tokens", "new_token"]

ROLES = ("publisher",)
_LINE = re.compile(r"([A-Za-z0-9._@-]+):([a-z]+):([0-9a-f]{64})")


@dataclass(frozen=True)
class Token:
    """Someone who may write; the token itself is kept nowhere."""

    name: str
    role: str
    digest: str


def load_tokens(path: Path) -> list[Token]:
    """Read a file of tokens; empty lines and those that begin with `#` are passed over.

    Raises: SettingsError with file and line.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"KG_TOKENS={path} can't be read: {error}.") from None
    found = []
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.startswith("#"):
            parts = _LINE.fullmatch(line.strip())
            if not parts or parts[2] not in ROLES:
                message = f"{path}:{number}: this is no token. Write name:{'|'.join(ROLES)}:sha256-of-token."
                raise SettingsError(message)
            found.append(Token(*parts.groups()))
    return found


def find_token(tokens: list[Token], authorization: str) -> Token | None:
    """Return whose token an Authorization header holds; None for any that isn't here.

    Every token is compared, each in constant time, so that the time taken tells nothing.
    """
    scheme, _, credentials = authorization.strip().partition(" ")
    name, secret = None, credentials.strip()
    if scheme.lower() == "basic":
        try:
            name, _, secret = base64.b64decode(secret, validate=True).decode("utf-8").partition(":")
        except ValueError:  # no Base64, or no UTF-8
            return None
    elif scheme.lower() != "bearer":
        return None
    digest = hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
    found = [token for token in tokens if hmac.compare_digest(token.digest, digest)]
    return next((token for token in found if name in (None, token.name)), None)


def new_token(path: Path, name: str, role: str) -> str:
    """Add a line for a new token and return the token, which can't be had again.

    Raises: SettingsError for a name that is taken or can't be used.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "tokens"
    >>> token = new_token(file, "province", "publisher")
    >>> find_token(load_tokens(file), f"Bearer {token}").name
    'province'
    """
    secret = secrets.token_urlsafe(32)
    line = f"{name}:{role}:{hashlib.sha256(secret.encode()).hexdigest()}"
    if not _LINE.fullmatch(line) or role not in ROLES:
        raise SettingsError(f"{name!r} can't be a name, or {role!r} is no role. Roles: {', '.join(ROLES)}.")
    if path.exists() and any(token.name == name for token in load_tokens(path)):
        raise SettingsError(f"{path} has a token for {name} already. Take its line out first.")
    path.touch(mode=0o600)
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")
    return secret
