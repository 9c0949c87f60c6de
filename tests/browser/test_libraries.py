import re

_SOME = "Some of their networks"
_ANY = "Any other, by library and name"
# Whether a letter of a cell's text is within the cell.
SHOWN = """(cell, letter) => {
    const range = document.createRange();
    const text = cell.querySelector("div").firstChild;
    range.setStart(text, letter);
    range.setEnd(text, letter + 1);
    const [box, inside] = [cell.getBoundingClientRect(), range.getBoundingClientRect()];
    return inside.width > 0 && box.left <= inside.left && inside.right <= box.right; }"""


INK = """shown => {
    const {color, backgroundColor} = getComputedStyle(shown);
    return [color, backgroundColor]; }"""


def test_a_network_of_a_library_is_chosen_and_searched(visit):
    page = opened(visit)
    page.page.get_by_label(_SOME).select_option("transformers:bert")
    searched(page, "transformers:bert")
    name = "bert.encoder.layer.0.attention.output.dense"
    cell = page.page.locator("[tabulator-field=layer]", has_text=name)
    for letter in (len(name) - 1, len(name) - 20):
        assert cell.evaluate(SHOWN, letter)
    page.page.get_by_role("button", name=re.compile("theme|mode", re.IGNORECASE)).click()
    cell.hover()
    told = page.page.locator(".tabulator-tooltip", has_text=name)
    told.wait_for()
    ink, paper = told.evaluate(INK)
    assert ink != paper


def test_a_network_of_a_library_is_opened_by_the_name_that_was_typed(visit):
    page = opened(visit)
    field = page.page.get_by_label(_ANY)
    # The beginning of a name that is among the suggestions.
    field.press_sequentially("timm:test_efficientne")
    field.press("Enter")
    page.see("timm knows no model 'test_efficientne'")
    field.press_sequentially("timm:test_efficientnet")
    field.press("Enter")
    searched(page, "timm:test_efficientnet")


def opened(visit):
    page = visit()
    page.see(re.compile("^ready: "))
    page.page.get_by_text("torchvision, timm, transformers").click()
    return page


def searched(page, name):
    page.see(re.compile(f"^{re.escape(name)} with random weights"), timeout=120_000)
    page.see(re.compile("^ready: "))
    seconds = page.page.get_by_label("Seconds a strategy")
    seconds.fill("1")
    seconds.press("Tab")
    page.button("Start").click()
    page.see(re.compile("^finished: "))
    page.see("passed")
    assert f"model={name.replace(':', '%3A')}" in page.page.url
    page.shoot(name.partition(":")[0])
