"""The page in a real Chromium, without a window; skipped where there is none."""

import re
import shutil

import numpy as np
import pytest

from tests.small_tasks import TASKS, small_translator
from tests.visual.served import served
from zoo.visual.explore import Explorer
from zoo.visual.page_file import save_page

pytestmark = pytest.mark.browser
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


def look(page, *texts):
    for box, text in zip(page.locator("textarea").all(), texts, strict=False):
        box.fill(text)
    page.get_by_role("button", name="Look").click()
    page.wait_for_selector("#view:not([hidden])")
    page.wait_for_function("document.getElementById('status').textContent === ''")


def numbers(page, selector):
    texts = page.locator(selector).all_inner_texts()
    return [float(text.replace("\u2212", "-")) for text in texts]


def choose(page, group, name):
    page.get_by_role("group", name=group).get_by_role("radio", name=name).check()


def test_a_sentence_its_translation_and_its_attention(open_page, translator_url):
    page = open_page(translator_url)
    look(page, "the cat sat", "two cats")
    texts = page.locator("#lines li bdi").all_inner_texts()
    assert texts[0] == small_translator()(["the cat sat"])[0]
    choose(page, "Which", "Decoder to encoder")
    page.locator("#layer").select_option("1")
    choose(page, "Head", "Head 5")
    attention = small_translator().attention("the cat sat", "two cats")["cross"]
    assert page.locator("#keys li bdi").all_inner_texts() == list(attention.keys)
    assert page.locator("#queries .face > bdi").all_inner_texts() == list(attention.queries)
    page.locator("#queries input").nth(2).check()
    shown = page.locator("#keys .percent").all_inner_texts()
    shares = [0.0 if share == "<1%" else float(share[:-1]) / 100 for share in shown]
    np.testing.assert_allclose(shares, attention.weights[1, 5, 2], atol=0.0051)
    page.locator("#queries label").nth(1).hover()
    assert page.locator("#keys-title").inner_text().startswith(attention.queries[1])
    page.mouse.move(1, 1)
    assert page.locator("#keys-title").inner_text().startswith(attention.queries[2])


def test_the_steps_show_the_heads_own_numbers(open_page, translator_url):
    page = open_page(translator_url)
    look(page, "the cat sat", "two cats")
    choose(page, "Which", re.compile("^Decoder$"))
    choose(page, "Head", "Head 3")
    page.locator("#queries input").nth(1).check()
    attention = small_translator().attention("the cat sat", "two cats")["decoder"]
    steps = attention.steps(0, 3)
    cells = "#step tbody tr:not(.total) td"

    def step(name):
        choose(page, "Step", name)
        assert name in page.locator("#step-title").inner_text()

    step("Query")
    np.testing.assert_allclose(numbers(page, cells), steps.query[1], atol=0.0051)
    step("Key")
    np.testing.assert_allclose(numbers(page, cells), steps.key.ravel(), atol=0.0051)
    step("Value")
    np.testing.assert_allclose(numbers(page, cells), steps.value.ravel(), atol=0.0051)
    step("Scores")
    np.testing.assert_allclose(numbers(page, cells), steps.scores[1], atol=0.00051)
    step("Scaling")
    assert "\u221a4 = 2" in page.locator("#step").inner_text()
    np.testing.assert_allclose(numbers(page, cells)[1::2], steps.scaled[1], atol=0.00051)
    step("Softmax")
    assert page.locator("#step tr.barred").count() == len(attention.keys) - 2
    last = numbers(page, f"{cells}:nth-child(4)")
    np.testing.assert_allclose(last, steps.weights[1], atol=0.000051)
    assert numbers(page, "#step tr.total td:last-child") == [1.0]
    step("Weighted sum")
    np.testing.assert_allclose(numbers(page, "#step tr.total td"), steps.output[1], atol=0.0051)


def test_the_keyboard_alone_suffices(open_page, translator_url):
    page = open_page(translator_url)

    def focused():
        return page.evaluate("""() => {
            const e = document.activeElement;
            const shown = e.matches("input[type=radio]") ? e.nextElementSibling : e;
            return [e.name || e.id || e.localName, getComputedStyle(shown).outlineStyle];
        }""")

    order = []
    page.keyboard.press("Tab")
    page.keyboard.type("the cat")
    page.keyboard.press("Enter")
    page.wait_for_selector("#view:not([hidden])")
    page.wait_for_function("document.getElementById('status').textContent === ''")
    while True:
        page.keyboard.press("Tab")
        name, outline = focused()
        if name == "body":  # behind the last one
            break
        assert outline != "none", f"the focus on {name} cannot be seen"
        order.append(name)
    form = ["textarea", "look", "save"]
    assert order == [
        *form,
        "kind",
        "layer",
        "head",
        "query",
        "summary",
        "div",
        "step",
        "back",
        "forth",
        "div",
    ]
    page.get_by_role("radio", name="Head 0").focus()
    page.keyboard.press("ArrowRight")
    assert page.get_by_role("radio", name="Head 1").is_checked()
    before = page.locator("#keys-title").inner_text()
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    assert page.locator("#keys-title").inner_text() != before
    page.locator("#forth").focus()
    for _ in range(9):
        page.keyboard.press("Enter")
    assert "7. Weighted sum" in page.locator("#step").inner_text()
    assert focused()[0] == "forth"


def test_everything_has_a_name(open_page, translator_url):
    page = open_page(translator_url)
    look(page, "the cat sat")
    nameless = page.evaluate("""() => Array.from(document.querySelectorAll(
        "button, select, textarea, input, fieldset, [role=region], [role=img]"
    )).filter((e) => !(e.getAttribute("aria-label") || e.innerText || e.labels && e.labels.length))
     .map((e) => e.outerHTML)""")
    assert nameless == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_can_be_read_by_day_and_by_night(open_page, translator_url, scheme):
    page = open_page(translator_url, color_scheme=scheme)
    look(page, "the cat sat")
    found = page.evaluate("""() => {
        const of = (text) => text.match(/[\\d.]+/g).map(Number);
        const light = ([r, g, b]) => [r, g, b].map((x) => x / 255)
            .map((x) => x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4)
            .reduce((sum, x, i) => sum + x * [0.2126, 0.7152, 0.0722][i], 0);
        const root = getComputedStyle(document.documentElement);
        const paper = of(getComputedStyle(document.body).backgroundColor);
        const share = of(root.getPropertyValue("--share"));
        const darkest = paper.map((x, i) => 0.58 * share[i] + 0.42 * x);
        const ratio = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        const ink = light(of(getComputedStyle(document.body).color));
        const faint = light(of(getComputedStyle(document.querySelector("legend")).color));
        return { paper: light(paper), ink: ratio(ink, light(paper)),
                 faint: ratio(faint, light(paper)), heaviest: ratio(ink, light(darkest)) };
    }""")
    assert (found["paper"] > 0.5) == (scheme == "light")
    assert min(found["ink"], found["faint"], found["heaviest"]) >= 4.5  # WCAG 2.1, 1.4.3


@pytest.mark.parametrize("name", TASKS)
def test_every_task_at_the_width_of_a_phone(open_page, name):
    make, texts = TASKS[name]
    with served(Explorer(make())) as server:
        page = open_page(server.url, viewport={"width": 360, "height": 640})
        look(page, *texts)
        for step in range(7):
            page.locator("#steps input").nth(step).check()
            assert page.evaluate("document.documentElement.scrollWidth") <= 360
        assert page.locator("#lines li").count() > 0


def test_what_comes_next_after_each_token(open_page):
    make, _ = TASKS["TextGenerator"]
    with served(Explorer(make())) as server:
        page = open_page(server.url)
        look(page, "hello")
        page.locator("#queries input").nth(1).check()
        following = Explorer(make()).look(["hello"])["answer"]["following"][1]
        shown = page.locator("#following-lines bdi").all_inner_texts()
        assert shown == [line["text"] for line in following]
        page.locator("#queries input").last.check()
        assert page.locator("#following").is_hidden()


NASTY = "</script><img src=x onerror=alert(1)> <b>the</b> \u202ecat"


def test_texts_are_never_markup(open_page, translator_url, tmp_path):
    page = open_page(translator_url)
    look(page, NASTY, NASTY)
    choose(page, "Which", "Decoder to encoder")
    assert page.locator("img, b").count() == 0
    with page.expect_download() as download:
        page.get_by_role("button", name="Save").click()
    download.value.save_as(tmp_path / "saved.html")
    saved = open_page((tmp_path / "saved.html").as_uri())
    assert saved.locator("img, b").count() == 0
    assert saved.locator("textarea").first.input_value() == NASTY
    assert "\u202e" not in saved.locator("#view").inner_text()


def test_a_saved_page_stands_alone(open_page, tmp_path):
    explorer = Explorer(small_translator())
    save_page(explorer.form(), explorer.look(["the cat sat", "two cats"]), tmp_path / "page.html")
    page = open_page((tmp_path / "page.html").as_uri(), offline=True)
    assert page.get_by_role("button", name="Look").count() == 0
    choose(page, "Which", "Decoder to encoder")
    page.locator("#queries input").nth(1).check()
    choose(page, "Step", "Weighted sum")
    output = explorer.task.attention("the cat sat", "two cats")["cross"].steps(0, 0).output[1]
    np.testing.assert_allclose(numbers(page, "#step tr.total td"), output, atol=0.0051)


def test_errors_are_said(open_page, translator_url):
    page = open_page(translator_url)
    page.locator("textarea").first.fill("a " * 300)
    page.get_by_role("button", name="Look").click()
    page.wait_for_function("document.getElementById('error').textContent")
    assert "at most 128 tokens" in page.get_by_role("alert").inner_text()
    look(page, "the cat")
    assert page.get_by_role("alert").inner_text() == ""
