from zoo.visual import fonts


def test_letters_that_the_first_font_has_need_no_other():
    assert fonts.fitting(["word", "\u00e9\u0416 \u2581"]) == (["DejaVu Sans"], set())


def test_what_no_font_has_is_spelled():
    families, missing = fonts.fitting(["a\U0001ffff"])
    assert families[0] == "DejaVu Sans"
    assert missing == {"\U0001ffff"}
    assert fonts.spelled("a\U0001ffff", missing) == "a<U+1FFFF>"


def test_other_fonts_come_in_where_they_are_needed(monkeypatch):
    held = {"first": frozenset("ab"), "second": frozenset("xy"), "third": frozenset("yz")}
    monkeypatch.setattr(fonts, "_path", lambda _: "first")
    monkeypatch.setattr(fonts, "_others", lambda: [("Second", "second"), ("Third", "third")])
    monkeypatch.setattr(fonts, "_characters", held.__getitem__)
    assert fonts.fitting(["ab"]) == (["DejaVu Sans"], set())
    assert fonts.fitting(["ay"]) == (["DejaVu Sans", "Second"], set())
    assert fonts.fitting(["a", "z?"]) == (["DejaVu Sans", "Third"], {"?"})
