"""The report in a real browser: what a reader sees and does, and what hostile text does not."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from spot_eval.core.paths import folder
from spot_eval.report.content import load_content
from tests.report.made_up_runs import write_run
from tests.report.report_pages import Page, base_answer, candidate_answer, write_report


def items(tab: Any) -> list[str]:
    """The docs the list shows, as `task / id`."""
    return tab.locator(".item .where").all_inner_texts()  # type: ignore[no-any-return]


def choose(tab: Any, outcome: str) -> None:
    tab.locator(f"#outcomes label:has-text('{outcome}')").click()


def test_the_verdict_comes_first_and_the_page_is_quiet(page: Page, report: Path, candidate: Path, base: Path) -> None:
    tab = page.open(report)
    content = load_content(candidate, [str(base)])
    assert content.gate is not None
    assert content.verdict["word"] in tab.locator("h1").inner_text()
    assert tab.locator(".points li").count() == len(content.verdict["points"]) >= 2
    assert "tiny-sft against tiny" in tab.locator(".eyebrow").inner_text()
    page.assert_quiet(report)


def test_the_scoreboard_has_a_row_a_task_and_numbers_of_the_run(page: Page, report: Path) -> None:
    tab = page.open(report)
    rows = {row.split("\t")[0].strip(): row for row in tab.locator(".board tbody tr").all_inner_texts()}
    assert list(rows) == ["in-domain", "sums", "general", "orders", "overall"]
    assert "6 × 4" in rows["sums"]
    assert tab.locator(".forest .row svg").count() == 6  # overall, two families, two tasks, the scale
    assert tab.locator(".card").count() == 2


def test_filters(page: Page, report: Path) -> None:
    tab = page.open(report)
    assert tab.locator("#count").inner_text() == "2 of 11 docs"  # it opens on what was lost
    assert items(tab) == ["orders / 3", "sums / 0"]  # the largest loss first
    choose(tab, "Gained")
    assert items(tab) == ["sums / 1"]
    choose(tab, "Not judged")
    assert items(tab) == ["orders / 4"]
    choose(tab, "All")
    assert tab.locator("#count").inner_text() == "All 11 docs"
    tab.check("#truncated")
    assert items(tab) == ["sums / 2"]
    tab.uncheck("#truncated")
    tab.check("#unparsed")
    assert sorted(items(tab)) == ["orders / 3", "sums / 2"]
    tab.select_option("#task", "orders")
    assert items(tab) == ["orders / 3"]
    tab.uncheck("#unparsed")
    assert len(items(tab)) == 5
    page.assert_quiet(report)


def test_text_is_found_in_transcripts_and_marked(page: Page, report: Path) -> None:
    tab = page.open(report)
    tab.fill("#text", "zebra counts")
    expect(tab.locator(".item")).to_have_count(1)
    assert items(tab) == ["sums / 1"]
    tab.click(".item")
    tab.click(".marks button >> nth=1")  # the base's second repeat
    assert tab.locator("mark").first.inner_text().lower() == "zebra counts"
    tab.fill("#text", "no such words anywhere")
    expect(tab.locator(".item")).to_have_count(0)
    assert tab.locator("#count").inner_text() == "0 of 11 docs"


def test_a_permalink_opens_its_doc(page: Page, report: Path) -> None:
    tab = page.open(report, "#sums/1/2")
    assert tab.locator("#doc h3").inner_text() == "sums / 1"
    assert tab.locator(".marks button[aria-pressed=true]").first.get_attribute("title") == "repeat 2: wrong"
    assert tab.locator(".item[aria-selected=true] .where").inner_text() == "sums / 1"
    href = tab.locator(".permalink").get_attribute("href")
    assert href == "#sums/1/2"
    tab.click(".item >> nth=0")
    expect(tab.locator("#doc h3")).to_have_text("orders / 3")
    assert tab.url.endswith("#orders/3")
    tab.goto(report.as_uri() + "#sums/99")
    tab.wait_for_selector("#doc .empty")
    assert "no doc sums/99" in tab.locator("#doc").inner_text()
    page.assert_quiet(report)


def test_both_transcripts_stand_side_by_side_with_their_differences(page: Page, report: Path) -> None:
    tab = page.open(report, "#sums/0")
    assert tab.locator(".side .who").all_inner_texts() == ["tiny\nright", "tiny-sft\nwrong"]
    assert tab.locator(".side del").all_inner_texts() == ["1"]
    assert "".join(tab.locator(".side ins").all_inner_texts()).startswith("First I think of a number.")
    tab.click("text=Hide differences")
    assert tab.locator(".side ins, .side del").count() == 0
    assert tab.locator(".side .text").nth(0).inner_text() == "It is \\boxed{1}."
    assert "generations.jsonl:1" in tab.locator(".remark").inner_text()


def test_what_has_no_text_says_why(page: Page, report: Path) -> None:
    tab = page.open(report, "#orders/4")
    shown = tab.locator(".side").nth(1).inner_text()
    assert "not judged" in shown
    assert "the engine gave up" in shown
    assert "the request gave none" in shown


def test_keys(page: Page, report: Path) -> None:
    tab = page.open(report)
    tab.wait_for_selector(".item[aria-selected=true]")
    tab.keyboard.press("j")
    expect(tab.locator("#doc h3")).to_have_text("sums / 0")
    pressed = tab.locator(".marks button[aria-pressed=true]").first
    before = str(pressed.get_attribute("title"))
    tab.keyboard.press("]")
    expect(pressed).not_to_have_attribute("title", before)
    tab.keyboard.press("k")
    expect(tab.locator("#doc h3")).to_have_text("orders / 3")
    tab.keyboard.press("/")
    tab.keyboard.type("jjj")
    assert tab.input_value("#text") == "jjj"
    assert tab.url.endswith("#orders/3")  # what is typed moves nothing
    page.assert_quiet(report)


def test_themes(chromium: Any, report: Path) -> None:
    def paper(tab: Any) -> str:
        return tab.evaluate("getComputedStyle(document.body).backgroundColor")  # type: ignore[no-any-return]

    dark = chromium.new_context(color_scheme="dark")
    tab = Page(dark).open(report)
    assert paper(tab) == "rgb(19, 22, 25)"
    tab.click("#theme")
    assert tab.locator("#theme").inner_text() == "Theme: light"
    assert paper(tab) == "rgb(251, 250, 247)"
    tab.emulate_media(media="print")
    assert not tab.locator("#filters").is_visible()
    assert not tab.locator(".listing").is_visible()
    assert tab.locator("h1").is_visible()
    dark.close()


def test_a_phone_needs_no_sideways_scrolling(chromium: Any, report: Path) -> None:
    context = chromium.new_context(viewport={"width": 360, "height": 740})
    page = Page(context)
    tab = page.open(report)
    assert tab.evaluate("document.documentElement.scrollWidth") == 360
    tab.locator(".item").first.click()
    page.assert_quiet(report)
    context.close()


def test_long_names_of_models_fit_a_phone_and_leave_the_difference_in_sight(chromium: Any, tmp_path: Path) -> None:
    name = "organisation-of-some-renown/qwen3-8b-instruct-spot-bce-beta-5-step-1000"
    candidate = write_run(tmp_path / "candidate", candidate_answer, model=name)
    base = write_run(tmp_path / "base", base_answer, model=name.replace("step-1000", "base"))
    report = write_report(tmp_path / "report.html", candidate, base)
    context = chromium.new_context(viewport={"width": 360, "height": 740})
    tab = Page(context).open(report)
    assert tab.evaluate("document.documentElement.scrollWidth") == 360
    for column in (1, 2):  # the difference, and the candidate's score
        box = tab.locator(".board tbody tr.family td:visible").nth(column - 1).bounding_box()
        assert box
        assert box["x"] + box["width"] <= 360
    context.close()


def test_no_claim_about_a_family_names_it_twice(page: Page, tmp_path: Path) -> None:
    suite = {"ood": {"sums": (30, 2)}, "general": {"orders": (30, 2)}}
    runs = [write_run(tmp_path / name, suite=suite, model=name) for name in ("after", "before")]
    tab = page.open(write_report(tmp_path / "report.html", *runs))
    said = tab.locator(".points .why").all_inner_texts()
    assert len(said) == 2
    assert not [one for one in said if "family" in one]


def test_without_scripts_everything_but_the_docs_is_there(chromium: Any, report: Path) -> None:
    context = chromium.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(report.as_uri())
    assert tab.locator("h1").is_visible()
    assert tab.locator(".board tbody tr").count() == 5
    assert tab.locator("noscript").inner_text()
    assert not tab.locator("#browser").is_visible()
    context.close()


def test_one_run_alone(page: Page, candidate: Path, tmp_path: Path) -> None:
    path = write_report(tmp_path / "alone.html", candidate)
    tab = page.open(path)
    assert re.fullmatch(r"\d+\.\d %", tab.locator("h1").inner_text())
    assert tab.locator("#differences").count() == 0
    choose(tab, "Sometimes right")
    assert items(tab) == ["sums / 0"]
    assert tab.locator(".side").count() == 1
    page.assert_quiet(path)


def test_several_bases_can_be_chosen(page: Page, candidate: Path, base: Path, tmp_path: Path) -> None:
    third = write_run(tmp_path / "third", candidate_answer, model="tiny-dpo")
    path = write_report(tmp_path / "three.html", candidate, base, third)
    tab = page.open(path)
    assert tab.locator("#outcomes label:has-text('Lost')").inner_text() == "Lost2"
    tab.select_option("#base", label="tiny-dpo")
    assert tab.locator("#outcomes label:has-text('Lost')").inner_text() == "Lost0"
    assert tab.locator(".board thead th").filter(has_text="tiny-dpo").all_inner_texts() == [
        "tiny-dpo", "difference to tiny-dpo",
    ]  # fmt: skip
    page.assert_quiet(path)


def test_what_was_left_out_is_counted_and_named(page: Page, candidate: Path, base: Path, tmp_path: Path) -> None:
    path = write_report(tmp_path / "small.html", candidate, base, budget=0)
    tab = page.open(path, "#sums/3")
    assert "0 in full, 57 left out for size" in tab.locator("#docs .hint").inner_text()
    assert "sums: what is 3 + 1?" in tab.locator(".prompt").inner_text()
    shown = tab.locator(".side .text").nth(1).inner_text()
    assert "not in this file" in shown
    assert f"{candidate}/generations.jsonl, line 13." in shown
    assert "null" not in tab.locator("#doc").inner_text()
    page.assert_quiet(path)


def test_differences_never_change_a_text(page: Page) -> None:
    script = (folder("reports") / "html" / "diff.js").read_text(encoding="utf-8")
    dice = random.Random(3)
    words = ["so", "the", "sum", "is", " ", "  ", "\n", ",", "é", "日本", "😀", "\\boxed{4}", "1"]
    pairs = [("", ""), ("", "a"), ("a b", "a b"), ("a" * 5000 + " x", "b" * 5000)]
    for _ in range(200):
        left = [dice.choice(words) for _ in range(dice.randrange(60))]
        right = [word for word in left if dice.random() < 0.8]
        right[dice.randrange(len(right) + 1) :] = [dice.choice(words) for _ in range(dice.randrange(9))]
        pairs.append(("".join(left), "".join(right)))
    page.tab.goto("about:blank")
    page.tab.add_script_tag(content=script)
    for left, right in pairs:
        a, b, parted = page.tab.evaluate("([a, b]) => compareTexts(a, b)", [left, right])
        for text, pieces in ((left, a), (right, b)):
            assert "".join(piece["text"] for piece in pieces) == text
        same_a, same_b = ("".join(p["text"] for p in pieces if not p["changed"]) for pieces in (a, b))
        assert same_a == same_b
        assert not parted
    a, b, parted = page.tab.evaluate(
        "() => compareTexts('start ' + [...Array(3000)].map((_, i) => 'a' + i).join(' '), "
        "'start ' + [...Array(3000)].map((_, i) => 'b' + i).join(' '))"
    )
    assert parted
    assert (a[0], b[0]) == ({"text": "start ", "changed": False}, {"text": "start ", "changed": False})


def test_what_long_texts_have_in_common_is_folded(page: Page, tmp_path: Path) -> None:
    suite = {"general": {"orders": (1, 1)}}
    shared = "the same words again and again " * 1000
    runs = [
        write_run(tmp_path / name, lambda *_, n=name: {"text": f"{shared}{n} ends", "score": float(n == "base")},
                  suite=suite, model=name)
        for name in ("now", "base")
    ]  # fmt: skip
    path = write_report(tmp_path / "long.html", *runs)
    tab = page.open(path)
    text = tab.locator(".side .text").nth(1)
    assert len(text.inner_text()) < 600
    assert text.locator("ins").inner_text() == "now"
    text.locator("button").click()
    assert text.inner_text() == f"{shared}now ends"
    page.assert_quiet(path)


HOSTILE = {
    "script": "<script>window.hacked = 1; alert(1)</script>",
    "close": "</script></div></template><script>window.hacked = 2</script><!-- <script> ",
    "handler": '"><img src=x onerror="window.hacked = 3"><svg onload=alert(4)>',
    "jinja": "{{ 7 * 7 }} {% raw %} ${7*7} `",
    "markdown": "[a link](javascript:alert(5)) ![](http://localhost:1/x.png) **bold**",
    "escapes": "\x1b[31mred\x1b[0m \x00 \x07 bell",
    "direction": "user\u202etxt.exe\u2066 \u200f\U000e0041",
    "long": "A" * 1_000_000,
    "wide": "B" * 100_000,
    "surrogate": "half \ud83d of a pair",
}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report in which everything a model, a task's author or a folder can name is hostile."""
    folder = tmp_path_factory.mktemp("hostile")
    texts = list(HOSTILE.values())
    family = "<b onclick=alert(6)>family"
    suite = {family: {"<i>task</i>/x": (len(texts), 1)}}

    def answer(task: str, doc_id: int, repeat: int) -> dict[str, Any]:
        short = texts[doc_id][:300]
        return {"text": f"before {texts[doc_id]} after", "score": 0.0, "extracted": short, "why": short}

    def question(task: str, doc_id: int) -> str:
        return texts[doc_id][:5000]

    candidate = write_run(folder / "<img src=x onerror=alert(7)>", answer, suite=suite, model=HOSTILE["handler"],
                          question=question)  # fmt: skip
    base = write_run(folder / "base", suite=suite, model="</title><script>alert(8)</script>", question=question)
    return write_report(folder / "hostile.html", candidate, base)


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_text_is_text(page: Page, hostile: Path, kind: str) -> None:
    number = list(HOSTILE).index(kind)
    tab = page.open(hostile, f"#%3Ci%3Etask%3C%2Fi%3E%2Fx/{number}")
    assert tab.locator("#doc h3").inner_text() == f"<i>task</i>/x / {number}"
    text = tab.locator(".side .text").nth(1)
    content = text.inner_text()
    assert content.startswith("before ")
    if kind in {"script", "close", "handler", "jinja", "markdown"}:
        assert HOSTILE[kind] in content.replace("\n", " ")
    if kind == "escapes":
        assert text.locator(".odd").all_inner_texts() == ["ESC", "ESC", "NUL", "BEL"]
    if kind == "direction":
        assert text.locator(".odd").all_inner_texts() == ["U+202E", "U+2066", "U+200F", "U+E0041"]
        assert "\u202e" not in content
    if kind == "surrogate":
        assert text.locator(".odd").all_inner_texts() == ["U+D83D"]
    if kind == "long":
        assert len(content) < 50_000
        assert "characters are left out here" in content
        assert "generations.jsonl, line" in content
    if kind == "wide":
        assert len(content) < 50_000
        text.locator("button").click()
        assert text.inner_text() == f"before {HOSTILE[kind]} after"
    assert tab.evaluate("window.hacked") is None
    assert (
        tab.locator("main img, main b[onclick], main i:not(.axis i):not(.key i), article script, iframe").count() == 0
    )
    assert tab.evaluate("[...document.links].every((link) => link.getAttribute('href').startsWith('#'))")
    assert tab.evaluate(
        "[...document.querySelectorAll('*')].every((e) => ![...e.attributes].some((a) => a.name.startsWith('on')))"
    )
    page.assert_quiet(hostile)


def test_the_policy_lets_nothing_run_or_load(page: Page, report: Path) -> None:
    tab = page.open(report)
    tab.evaluate("""() => {
        const script = document.createElement('script');
        script.textContent = 'window.hacked = true';
        document.body.append(script);
        document.body.insertAdjacentHTML('beforeend', '<img src="http://localhost:1/x" onerror="window.hacked = 1">');
    }""")
    assert tab.evaluate("fetch('http://localhost:1/').then(() => 'loaded', () => 'refused')") == "refused"
    assert tab.evaluate("window.hacked") is None
    assert any("Content Security Policy" in error for error in page.errors)
