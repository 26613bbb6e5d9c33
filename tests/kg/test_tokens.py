"""Tokens: what lets in, what doesn't, and what is kept of them."""

from __future__ import annotations

import base64
import stat
from pathlib import Path

import pytest

from kg.errors import SettingsError
from kg.tokens import find_token, load_tokens, new_token


def basic(name: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tokens"


def test_token_lets_in_as_bearer_and_as_basic_with_its_name(file: Path) -> None:
    secret = new_token(file, "province", "publisher")
    tokens = load_tokens(file)
    for header in (f"Bearer {secret}", f"bearer  {secret}", basic("province", secret)):
        found = find_token(tokens, header)
        assert found
        assert (found.name, found.role) == ("province", "publisher")


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer x", "Basic", "Basic !", "Basic \u00e9", "Digest x", basic("province", "x")],
)
def test_anything_else_does_not(file: Path, header: str) -> None:
    new_token(file, "province", "publisher")
    assert find_token(load_tokens(file), header) is None


def test_token_under_another_name_does_not(file: Path) -> None:
    secret = new_token(file, "province", "publisher")
    new_token(file, "ministry", "publisher")
    assert find_token(load_tokens(file), basic("ministry", secret)) is None


def test_file_holds_no_token_and_only_its_owner_reads_it(file: Path) -> None:
    secret = new_token(file, "province", "publisher")
    assert secret not in file.read_text("utf-8")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(secret) * 6 >= 256


def test_line_taken_out_holds_at_once(file: Path) -> None:
    secret = new_token(file, "province", "publisher")
    file.write_text("# nobody\n\n", "utf-8")
    assert find_token(load_tokens(file), f"Bearer {secret}") is None


@pytest.mark.parametrize("line", ["province", "province:king:" + 64 * "0", "province:publisher:abc"])
def test_wrong_line_is_named(file: Path, line: str) -> None:
    file.write_text(f"# tokens\n{line}\n", "utf-8")
    with pytest.raises(SettingsError, match=r"tokens:2: this is no token"):
        load_tokens(file)


@pytest.mark.parametrize(("name", "role"), [("a:b", "publisher"), ("", "publisher"), ("a", "king")])
def test_name_or_role_that_cannot_be_is_refused(file: Path, name: str, role: str) -> None:
    with pytest.raises(SettingsError):
        new_token(file, name, role)


def test_second_token_of_a_name_is_refused(file: Path) -> None:
    new_token(file, "province", "publisher")
    with pytest.raises(SettingsError, match="already"):
        new_token(file, "province", "publisher")
