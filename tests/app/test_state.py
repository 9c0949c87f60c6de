import io
import zipfile

import pytest

from permviz.app.state import Explorer
from permviz.app.values import BEST, CHOSEN
from permviz.figures.curves import UNBEGUN


def test_nothing_runs_before_it_is_asked_for(state):
    state.drain()
    assert (state.status, state.rows, state.opened, state.tasks) == ("empty", (), None, ())


def test_loading_shows_layers_and_picks_the_largest_that_can_be_permuted(loaded, opened):
    assert loaded.opened is opened
    assert loaded.status == "ready"
    assert [row.name for row in loaded.rows] == ["0", "2", "4"]
    assert [row.status for row in loaded.rows] == ["frozen", "waiting", "waiting"]
    assert loaded.layer == loaded.pair.layer == "2"
    assert loaded.searched == ("osg", "channel_swap")
    assert loaded.totals.permuted == pytest.approx(loaded.totals.default)


def test_model_in_memory_is_shown_before_anything_runs(state, flow, opened):
    state.begin()
    assert state.opened is None
    flow.remembered = opened
    state.begin()
    assert state.opened is opened
    assert state.status == "ready"
    assert [row.name for row in state.rows] == ["0", "2", "4"]
    assert state.layer == "2"


def test_layer_that_the_page_picks_itself_keeps_its_heatmaps(state, flow, opened, settle):
    flow.remembered = opened
    state.begin()
    settle(state, lambda it: it.pair is not None)
    settle(state, lambda it: not it._later and not it.tasks)
    assert state.pair.layer == state.layer == "2"


def test_a_link_to_an_unknown_strategy_leaves_the_model_to_be_searched(state, flow, opened, settle):
    flow.remembered, state.strategies = opened, ["nonesuch"]
    state.begin()
    assert "nonesuch" in state.notice.text
    assert state.opened is opened
    state.strategies = ["osg"]
    state.start()
    settle(state, lambda it: it.status == "finished")


def test_layer_of_a_link_is_kept(state, settle):
    state.layer = "4"
    state.load()
    settle(state, lambda it: it.pair is not None)
    assert state.layer == "4" == state.pair.layer


def test_search_ends_with_curves_totals_and_a_checked_output(searched):
    assert searched.status == "finished"
    assert searched.totals.permuted > searched.totals.default
    assert searched.check.ok
    assert set(searched.tracks) == set(searched.searched)
    for track in searched.tracks.values():
        assert track.finished
        assert (track.efficacies[1:] >= track.efficacies[:-1]).all()
    assert searched.progress.done == searched.progress.total > 0


def test_curves_have_their_places_before_a_search(loaded, settle):
    settle(loaded, lambda it: list(it.tracks) == ["osg(stripes=2)", "channel_swap()"])
    assert set(loaded.tracks.values()) == {UNBEGUN}
    loaded.strategies = ["osg"]
    settle(loaded, lambda it: it.tracks == {"osg": UNBEGUN})
    loaded.layer = "0"
    assert loaded.tracks == {}


def test_curve_ends_at_the_efficacy_in_the_table(searched, settle):
    def agree(state):
        row = next(row for row in state.rows if row.name == state.layer)
        ends = {strategy: track.efficacies[-1] for strategy, track in state.tracks.items()}
        return ends == pytest.approx({name: row.efficacy(name) for name in ends}, abs=1e-3)

    settle(searched, agree)


def test_other_layer_brings_its_own_heatmaps_and_curves(searched, settle):
    before = searched.tracks
    searched.layer = "4"
    settle(searched, lambda it: it.pair.layer == "4")
    assert searched.pair.scores.shape == (3, 24)
    assert searched.tracks is not before


def test_order_of_one_strategy_can_be_looked_at(searched, settle):
    strategy = searched.searched[1]
    best = searched.pair
    searched.shown = strategy
    settle(searched, lambda it: it.pair is not best)
    assert sorted(searched.pair.order) == list(range(searched.pair.order.size))


def test_failed_load_keeps_everything_and_says_so(searched, opened, settle):
    rows = searched.rows
    searched.model = "nonesuch"
    searched.load()
    settle(searched, lambda it: it.notice is not None)
    assert searched.notice.level == "error"
    assert "nonesuch" in searched.notice.text
    assert searched.opened is opened
    assert searched.model == "small"
    assert searched.rows is rows


def test_damaged_upload_keeps_everything_and_says_so(searched, opened, settle):
    rows = searched.rows
    searched.load_file("small", b"junk", "weights.pt")
    settle(searched, lambda it: it.notice is not None)
    assert searched.notice.text == "weights.pt is damaged; upload another file."
    assert searched.opened is opened
    assert searched.rows is rows
    assert not searched.uploaded


def test_upload_replaces_the_model_and_what_was_found(searched, flow, settle):
    searched.load_file("small", b"good", "weights.pt")
    settle(searched, lambda it: it.uploaded and it.rows and it.status == "ready")
    assert flow.uploads == [("small", b"good", "weights.pt")]
    assert searched.check is None
    assert not any(row.by_strategy for row in searched.rows)


def test_bug_in_a_job_becomes_a_notice_and_a_line_in_the_log(loaded, settle, caplog):
    loaded.load_file("small", b"crash", "weights.pt")
    settle(loaded, lambda it: it.notice is not None)
    assert "ZeroDivisionError: a bug" in loaded.notice.text
    assert "a bug" in caplog.text
    assert loaded.rows


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ({"strategies": ["nonesuch()"]}, "nonesuch"),
        ({"strategies": []}, "No strategy is chosen"),
        ({"pattern": "4:2"}, "4:2"),
        ({"pattern": "two of four"}, "two of four"),
    ],
)
def test_bad_setting_is_told_and_the_search_stays(searched, choice, said):
    rows, curves = searched.rows, curves_of(searched)
    searched.param.update(choice)
    searched.start()
    searched.drain()
    assert searched.notice.level == "error"
    assert said in searched.notice.text
    assert searched.rows is rows
    assert curves_of(searched) == curves
    assert searched.status == "finished"


def curves_of(state):
    return {name: track.efficacies.tolist() for name, track in state.tracks.items()}


def test_pattern_is_shown_as_soon_as_it_is_chosen(loaded, settle):
    before = loaded.totals.default
    loaded.pattern = "1:4"
    settle(loaded, lambda it: it.totals.default < before)
    assert str(loaded.pair.pattern) == "1:4"


def test_switches_without_a_model_only_say_what_to_do(state):
    for switch in (state.start, state.pause, state.resume, state.cancel):
        switch()
    state.export(BEST, "")
    assert state.notice.number == 5
    assert "load a model" in state.notice.text


def begins(state):
    """Whether the page says that a search is about to begin."""
    return any(task.kind == "start" for task in state.tasks)


def test_start_while_a_model_is_loaded_searches_it_once_it_is_there(state, settle):
    state.load()
    state.start()
    assert begins(state)
    assert state.notice is None
    settle(state, lambda it: it.status == "finished")
    assert not begins(state)


def test_start_while_a_model_is_loaded_can_be_taken_back(state, settle):
    state.load()
    state.start()
    state.cancel()
    assert not begins(state)
    settle(state, lambda it: it.status == "ready" and it.pair is not None and not it.tasks)
    assert state.notice is None


def test_start_is_forgotten_with_the_model_that_could_not_be_loaded(state, settle):
    state.model = "nonesuch"
    state.load()
    state.start()
    settle(state, lambda it: it.notice is not None)
    assert not begins(state)
    state.model = "small"
    state.load()
    settle(state, lambda it: it.status == "ready" and it.pair is not None and not it.tasks)


def has_improved(state):
    return state.status == "running" and any(one.seconds.size for one in state.tracks.values())


def test_search_is_paused_resumed_and_cancelled(loaded, settle):
    loaded.strategies = ["channel_swap(escapes=100000000)"]
    loaded.start()
    settle(loaded, has_improved)
    loaded.pause()
    assert loaded.status == "paused"
    loaded.resume()
    assert loaded.status == "running"
    loaded.cancel()
    assert loaded.status == "cancelled"
    settle(loaded, lambda it: it.check is not None and it.totals.permuted > it.totals.default)
    assert loaded.check.ok


def test_export_for_download_is_checked_and_packed(searched, settle):
    searched.export(BEST, "")
    settle(searched, lambda it: it.packed is not None)
    names = zipfile.ZipFile(io.BytesIO(searched.packed.archive)).namelist()
    assert {name.rpartition("/")[2] for name in names} >= {"model.safetensors", "plan.json"}
    assert searched.notice.level == "success"
    searched.verify_export()
    settle(searched, lambda it: "2:4 along their input channels" in it.notice.text)


def test_export_of_one_strategy_names_it(searched, settle, tmp_path):
    strategy = searched.searched[0]
    searched.export(strategy, str(tmp_path / "out"))
    settle(searched, lambda it: it.packed is not None)
    assert list(searched.packed.report.strategies) == [strategy]
    assert (tmp_path / "out" / "model.safetensors").is_file()


def test_strategies_chosen_by_layer_are_what_is_exported(searched, settle, tmp_path):
    first, second = searched.searched
    groups = {layer.name: layer.groups for layer in searched.comparison.layers}
    searched.choice = dict.fromkeys(groups["2"], first) | dict.fromkeys(groups["4"], second)
    searched.export(CHOSEN, str(tmp_path / "out"))
    settle(searched, lambda it: it.packed is not None)
    assert searched.packed.report.strategies == {first: 1, second: 1}


def test_comparison_follows_the_search_and_a_new_search_drops_the_choice(searched, settle):
    assert [layer.name for layer in searched.comparison.layers] == ["2", "4"]
    rows = {row.name: row for row in searched.rows}
    for layer in searched.comparison.layers:
        assert layer.retained == rows[layer.name].by_strategy
    searched.choice = searched.comparison.choose({}, "2", searched.searched[0])
    searched.start()
    settle(searched, lambda it: it.status == "running" or it.choice == {})
    assert searched.choice == {}


def test_search_of_the_picked_layer_is_replayed_until_another_is_picked(searched, settle):
    searched.watch_again()
    settle(searched, lambda it: it.replay is not None)
    assert searched.replay.layer == searched.layer
    assert (searched.replay.orders[-1] == searched.pair.order).all()
    searched.layer = "4"
    assert searched.replay is None


def test_replay_before_a_search_says_what_is_missing(loaded, settle):
    loaded.watch_again()
    settle(loaded, lambda it: it.notice is not None)
    assert "No search of 2 has ended yet" in loaded.notice.text


def test_unusable_directory_is_told_and_the_last_export_stays(searched, settle, tmp_path):
    searched.export(BEST, "")
    settle(searched, lambda it: it.packed is not None)
    packed = searched.packed
    (tmp_path / "file").write_text("in the way")
    searched.export(BEST, str(tmp_path / "file"))
    settle(searched, lambda it: it.notice.level == "error")
    assert "file" in searched.notice.text
    assert searched.packed is packed


def test_views_never_see_half_of_a_change(state, settle):
    seen = []
    state.param.watch(
        lambda *events: seen.append({event.name for event in events}), ["rows", "totals", "pair"]
    )
    state.load()
    settle(state, lambda it: it.rows and it.pair is not None)
    assert {"rows", "totals"} <= next(names for names in seen if "rows" in names)


def test_closing_ends_the_search(flow, settle):
    state = Explorer(flow=flow, model="small", strategies=["channel_swap(escapes=100000000)"])
    state.load()
    settle(state, lambda it: it.rows)
    state.start()
    settle(state, lambda it: it.status == "running")
    session = state._run.session
    state.close()
    assert session.wait(30)
    assert session.status == "cancelled"
