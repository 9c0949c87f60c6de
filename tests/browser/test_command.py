import pytest


@pytest.mark.parametrize("page", ["", "explorer"])
def test_the_command_serves_the_demo_twice(visit_command, page):
    for _ in range(2):
        seen = visit_command(page=page)
        seen.see("blocks.0.expand")
        assert seen.button("Start").is_enabled()
