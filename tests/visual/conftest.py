"""A real Chromium, without a window; what needs it is skipped where there is none."""

import shutil

import pytest

from tests.visual.served import served

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)


@pytest.fixture(scope="module")
def browser():
    api = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("there is no Chromium")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def translator_url():
    from tests.small_tasks import small_translator  # here: not all tests beside this need Keras
    from zoo.visual.explore import Explorer

    with served(Explorer(small_translator())) as server:
        yield server.url


@pytest.fixture
def open_page(browser):
    """Function (url, **of the context) -> page; what it reports as wrong fails the test, but for
    the browser's own word of an answer that is an error."""
    contexts, wrong = [], []

    def report(message):
        if message.type == "error" and "status of 400" not in message.text:
            wrong.append(message.text)

    def open_page(url, **how):
        context = browser.new_context(**{"viewport": {"width": 900, "height": 800}, **how})
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", report)
        page.on("dialog", lambda dialog: wrong.append(dialog.message))
        page.goto(url)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []
