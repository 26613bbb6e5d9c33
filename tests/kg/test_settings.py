"""What an operator may set: each variable is read, and a mistake is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kg.errors import SettingsError
from kg.settings import Settings

VARIABLES = [f"KG_{name.upper()}" for name in Settings.__dataclass_fields__]

# variable -> what is written there, and what it is read as
EXAMPLES: dict[str, tuple[str, Any]] = {
    "KG_HOST": ("0.0.0.0", "0.0.0.0"),
    "KG_PORT": ("9000", 9000),
    "KG_PUBLIC_URL": ("https://example.org/kg", "https://example.org/kg"),
    "KG_CONTENT": ("/srv/content", Path("/srv/content")),
    "KG_HOME": ("/srv/kg", Path("/srv/kg")),
    "KG_TIME_LIMIT_S": ("0.5", 0.5),
    "KG_STREAM_LIMIT_S": ("60", 60.0),
    "KG_IDLE_LIMIT_S": ("7.5", 7.5),
    "KG_MEMORY_LIMIT_MB": ("256", 256),
    "KG_WORKERS": ("3", 3),
    "KG_QUEUE": ("0", 0),
    "KG_RATE": ("2.5", 2.5),
    "KG_MAX_ROWS": ("1000", 1000),
    "KG_CACHE_MB": ("0.5", 0.5),
    "KG_TRUSTED_PROXIES": ("127.0.0.1, fd00::/8", "127.0.0.1, fd00::/8"),
    "KG_LOG": ("plain", "plain"),
    "KG_BODY_LIMIT_MB": ("0.5", 0.5),
    "KG_DEFAULT_GRAPH": ("own", "own"),
    "KG_TOKENS": ("/etc/kg/tokens", "/etc/kg/tokens"),
    "KG_SERVICES": ("http://a/sparql, https://b:8/q?x=y", ("http://a/sparql", "https://b:8/q?x=y")),
    "KG_SERVICE_TIME_LIMIT_S": ("2.5", 2.5),
    "KG_SERVICE_SIZE_LIMIT_MB": ("0.5", 0.5),
    "KG_PUBLISHER_NAME": ("Ministerie", "Ministerie"),
    "KG_CONTACT_URL": ("https://example.org/contact", "https://example.org/contact"),
}


def test_empty_environment_gives_the_defaults() -> None:
    settings = Settings.from_environment({})
    assert settings == Settings()
    assert (settings.host, settings.port, settings.home) == ("127.0.0.1", 8000, Path("var"))
    assert (settings.time_limit_s, settings.memory_limit_mb) == (30.0, 512)
    assert settings.workers > 0


@pytest.mark.parametrize("variable", VARIABLES)
def test_variable_is_read_as_its_own_type(variable: str) -> None:
    text, value = EXAMPLES[variable]
    read = getattr(Settings.from_environment({variable: text}), variable.removeprefix("KG_").lower())
    assert (read, type(read)) == (value, type(value))


def test_port_is_read_as_hosts_set_it_and_ours_wins() -> None:
    assert Settings.from_environment({"PORT": "9000"}).port == 9000
    assert Settings.from_environment({"PORT": "9000", "KG_PORT": "9001"}).port == 9001


def test_command_line_wins_over_the_environment_where_it_says_something() -> None:
    given = Settings.from_environment({"KG_PORT": "9001", "KG_HOST": "::1"}, port=9002, host=None)
    assert (given.port, given.host) == (9002, "::1")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("KG_PORT", "http"),
        ("PORT", ""),
        ("KG_WORKERS", "2.5"),
        ("KG_TIME_LIMIT_S", "30s"),
        ("KG_BODY_LIMIT_MB", "10 MB"),
    ],
)
def test_bad_number_names_the_variable_and_its_value(variable: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment({variable: value})
    assert str(caught.value).startswith(f"{variable}={value!r} should be a number")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("KG_TIME_LIMIT_S", "0"),
        ("KG_STREAM_LIMIT_S", "-1"),
        ("KG_IDLE_LIMIT_S", "0"),
        ("KG_MEMORY_LIMIT_MB", "0"),
        ("KG_WORKERS", "0"),
        ("KG_QUEUE", "-1"),
        ("KG_RATE", "-1"),
        ("KG_MAX_ROWS", "-1"),
        ("KG_CACHE_MB", "-1"),
        ("KG_LOG", "xml"),
        ("KG_TRUSTED_PROXIES", "10.0.0.1/8"),
        ("KG_BODY_LIMIT_MB", "0"),
        ("KG_SERVICE_TIME_LIMIT_S", "0"),
        ("KG_SERVICE_SIZE_LIMIT_MB", "-1"),
        ("KG_PORT", "-1"),
        ("KG_PORT", "65536"),
        ("KG_TIME_LIMIT_S", "nan"),
        ("KG_BODY_LIMIT_MB", "inf"),
    ],
)
def test_value_out_of_range_names_the_variable(variable: str, value: str) -> None:
    with pytest.raises(SettingsError, match=rf"^{variable}={value}.* must be"):
        Settings.from_environment({variable: value})


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://a/sparql", "file:///etc/passwd", "a/sparql", "//a/sparql", "http://", "http:///sparql"),
        *("http://user@a/", "http://user:word@a/", "http://a/#x", "http://a:0/", "http://a:99999/"),
        *("http://a/b c", "http://a/<b>", "http://a/é", "http://[::1/", "HTTP://a/"),
    ],
)
def test_service_that_is_no_endpoint_is_named(url: str) -> None:
    with pytest.raises(SettingsError, match=r"^KG_SERVICES: .* must be an http or https URL") as caught:
        Settings.from_environment({"KG_SERVICES": f"http://right.example/sparql,{url}"})
    assert url in str(caught.value)


def test_unknown_variable_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SettingsError, match="KG_WORKER is not a setting") as caught:
        Settings.from_environment({"KG_WORKER": "3"})
    assert all(variable in str(caught.value) for variable in VARIABLES)


def test_what_only_checks_outside_the_service_read_is_let_through() -> None:
    environ = {"KG_CONFORMANCE_DIR": "/suites", "KG_SOURCES_DIR": "/sources", "PATH": "/bin"}
    assert Settings.from_environment(environ) == Settings()


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({}, "http://127.0.0.1:8000"),
        ({"KG_HOST": "::1", "KG_PORT": "80"}, "http://[::1]:80"),
        ({"KG_PUBLIC_URL": "https://example.org/kg/"}, "https://example.org/kg"),
        ({"KG_PUBLIC_URL": "https://example.org", "KG_HOST": "::1"}, "https://example.org"),
    ],
)
def test_url_is_what_clients_are_told(environ: dict[str, str], url: str) -> None:
    assert Settings.from_environment(environ).url == url
