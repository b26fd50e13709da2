"""What a person does with the page, for tests in a browser."""


def look(page, *texts):
    for box, text in zip(page.locator("textarea").all(), texts, strict=False):
        box.fill(text)
    page.get_by_role("button", name="Look").click()
    page.wait_for_selector("#view:not([hidden])")
    page.wait_for_selector("#status:empty", state="attached")


def numbers(page, selector):
    texts = page.locator(selector).all_inner_texts()
    return [float(text.replace("\u2212", "-")) for text in texts]


def choose(page, group, name):
    page.get_by_role("group", name=group).get_by_role("radio", name=name).check()
