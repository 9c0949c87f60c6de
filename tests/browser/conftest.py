"""One served explorer for the whole folder, and pages that tolerate no error."""

from pathlib import Path

import pytest

from tests.browser.visits import COLD, COMMAND, PANEL, browsing, serving, visiting


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("served"), PANEL) as served:
        yield served


@pytest.fixture(scope="session")
def browser():
    with browsing() as launched:
        yield launched


@pytest.fixture
def visit(server, browser):
    """Open pages of the common server."""
    with visiting(server, browser) as open_page:
        yield open_page


@pytest.fixture
def visit_cold(tmp_path, browser):
    """Open pages of a server that has loaded nothing yet."""
    with serving(tmp_path, COLD) as served, visiting(served, browser) as open_page:
        yield open_page


@pytest.fixture
def visit_command(tmp_path, browser):
    """Open pages of what `make explore` serves."""
    with serving(tmp_path, COMMAND) as served, visiting(served, browser) as open_page:
        yield open_page
