"""The system's Chromium, and the service over the repository's own content."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from kg.store import Release

from ..api.test_questions import Service, served

_PLACE = Path("/usr/bin/chromium")
# It opens what it is told to and nothing of its own.
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_LIMIT_MS = 5_000


@dataclass(frozen=True)
class Seen:
    """What a page asked for and complained of while a test drove it."""

    hosts: set[str] = field(default_factory=set)
    errors: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def service(real_release: tuple[Path, Release]) -> Iterator[Service]:
    with served(real_release[0]) as service:
        yield service


@pytest.fixture(scope="module")
def browser(service: Service) -> Iterator[Browser]:  # noqa: ARG001  before the browser: see below
    """One browser for a module.

    Playwright runs an event loop in this thread for as long as it is open, so nothing else can: the
    Release is built before, and the tests of other modules come after.
    """
    found = shutil.which("chromium") or (str(_PLACE) if _PLACE.exists() else None)
    if not found:
        pytest.fail("There is no chromium here. Install the package, or run with -m 'not browser'.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def page(browser: Browser, service: Service, seen: Seen) -> Iterator[Page]:
    """A Dutch reader's page; after each test it must have stayed at home and have complained of nothing."""
    context = browser.new_context(base_url=service.url, locale="nl-NL")
    context.set_default_timeout(_LIMIT_MS)
    page = context.new_page()
    page.on("request", lambda request: seen.hosts.add(request.url.split("/")[2]))
    page.on("console", lambda said: seen.errors.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: seen.errors.append(str(error)))
    yield page
    context.close()
    assert seen.hosts <= {service.url.removeprefix("http://")}
    assert not seen.errors
