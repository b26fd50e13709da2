"""What the page shows, in a real Chromium."""

import re

import numpy as np
import pytest

from tests.small_generators import CHARACTERS, small_gpt
from tests.small_tasks import TASKS, small_translator
from tests.visual.browsing import choose, look, numbers
from tests.visual.served import served
from zoo import tasks
from zoo.text import CharacterTokenizer
from zoo.visual.explore import Explorer

pytestmark = pytest.mark.browser


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
    page.wait_for_selector("#status:empty", state="attached")
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


def test_formulas_say_what_the_numbers_are(open_page, translator_url):
    def formulas(page, text):
        look(page, text)
        for step in ("Query", "Key", "Value"):
            choose(page, "Step", step)
            yield page.locator(".formula").inner_text()

    found = list(formulas(open_page(translator_url), "the cat"))
    assert found == ["q = x W^Q + b^Q", "k = x W^K + b^K", "v = x W^V + b^V"]
    gpt = small_gpt(num_heads=7, hidden_dim=28, positions="rotary", use_bias=False)
    generator = tasks.TextGenerator(gpt, CharacterTokenizer(CHARACTERS, with_end=True))
    with served(Explorer(generator)) as server:
        found = list(formulas(open_page(server.url), "hello"))
    assert found == ["q = R (x W^Q)", "k = R (x W^K)", "v = x W^V"]
