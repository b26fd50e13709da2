"""Asking the page and saving it, in a real Chromium."""

import numpy as np
import pytest

from tests.small_tasks import TASKS, small_translator
from tests.visual.browsing import choose, look, numbers
from tests.visual.served import served
from zoo.visual.explore import Explorer
from zoo.visual.page_file import save_page

pytestmark = pytest.mark.browser

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


def test_a_saved_page_opens_at_what_was_chosen(open_page, translator_url, tmp_path):
    page = open_page(translator_url)
    look(page, "the cat sat", "two cats")
    choose(page, "Which", "Decoder to encoder")
    page.locator("#layer").select_option("1")
    choose(page, "Head", "Head 5")
    page.locator("#queries input").nth(2).check()
    choose(page, "Step", "Softmax")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save").click()
    download.value.save_as(tmp_path / "saved.html")
    saved = open_page((tmp_path / "saved.html").as_uri())
    for selector in ("#view-title ~ *", "#step"):
        assert saved.locator(selector).all_inner_texts() == page.locator(selector).all_inner_texts()
    assert saved.get_by_role("radio", name="Head 5").is_checked()
    assert saved.locator("#layer").input_value() == "1"


def test_one_question_at_a_time_and_the_focus_stays(open_page, translator_url):
    page = open_page(translator_url)
    held = []
    page.route("**/look", lambda route: held.append(route))

    def asked(box):
        box.focus()
        for _ in range(3):
            page.keyboard.press("Enter")
        page.wait_for_selector("#status:not(:empty)")
        page.wait_for_timeout(100)  # for questions that should not come
        assert len(held) == 1
        held.pop().continue_()
        page.wait_for_selector("#status:empty", state="attached")
        assert box.evaluate("e => e === document.activeElement")

    asked(page.locator("textarea").first)
    asked(page.get_by_role("button", name="Look"))
    page.get_by_role("button", name="Save").focus()
    with page.expect_download():
        page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "save"


def test_a_prompt_of_several_lines_is_seen_whole(open_page):
    make, _ = TASKS["AnswerScorer"]
    with served(Explorer(make())) as server:
        page = open_page(server.url)
        prompt = page.locator("textarea").first
        assert prompt.input_value() == "\n\nHuman: How do I turn on the light?\n\nAssistant:"
        assert prompt.evaluate("e => e.scrollHeight <= e.clientHeight")


def test_errors_are_said(open_page, translator_url):
    page = open_page(translator_url)
    page.locator("textarea").first.fill("a " * 300)
    page.get_by_role("button", name="Look").click()
    page.wait_for_selector("#error:not(:empty)")
    assert "at most 128 tokens" in page.get_by_role("alert").inner_text()
    look(page, "the cat")
    assert page.get_by_role("alert").inner_text() == ""
