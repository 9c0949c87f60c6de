import pickle
import re

import torch
from safetensors.torch import save


class Hostile:
    def __reduce__(self):
        return (print, ("this must never run",))


def wrong_shapes():
    return save({"stem.weight": torch.zeros(3, 3)})


def not_numbers():
    from permviz.models.sources import load_model

    state = dict(load_model("digits").model.state_dict())
    state["classifier.weight"] = torch.full_like(state["classifier.weight"], float("nan"))
    return save({name: tensor.contiguous() for name, tensor in state.items()})


UPLOADS = {
    "corrupt": ("corrupt.safetensors", lambda: b"\x08\x00\x00\x00\x00\x00\x00\x00 not json"),
    "hostile": ("hostile.pt", lambda: pickle.dumps(Hostile())),
    "mismatching": ("mismatching.safetensors", wrong_shapes),
    "nan": ("nan.safetensors", not_numbers),
}


def test_9_bad_uploads_are_told_and_the_model_stays(visit, server):
    page = visit()
    page.see("blocks.0.expand")
    page.page.get_by_text("Weights from a file").click()
    for case, (name, content) in UPLOADS.items():
        chooser = page.page.locator("input[type=file]").first
        chooser.set_input_files({"name": name, "mimeType": "", "buffer": content()})
        notice = page.page.locator(".notyf__message, .MuiSnackbarContent-message, [role=alert]")
        notice.get_by_text(name).first.wait_for()
        page.shoot(f"bad-{case}")
        assert page.page.locator(".tabulator-row").count() > 5
        assert page.page.get_by_text("trained on 4,000 handwritten digits").count() == 1
    assert "this must never run" not in server.log.read_text()


def test_unknown_strategy_is_told(visit):
    page = visit()
    page.see("blocks.0.expand")
    field = page.page.get_by_label("Add a strategy with its parameters")
    field.fill("nonesuch(stripes=2)")
    field.press("Enter")
    page.see("There is no strategy 'nonesuch'")


def test_unwritable_directory_is_told(visit, tmp_path):
    (tmp_path / "file").write_text("in the way")
    page = visit("?tab=Export")
    page.see(re.compile("^ready: "))
    field = page.page.get_by_label("Directory on the server (optional)")
    field.fill(str(tmp_path / "file"))
    field.press("Enter")
    page.button("Export and check").click()
    page.see(re.compile("is a file; choose a new or empty directory"))
    page.see("Nothing exported yet.")
