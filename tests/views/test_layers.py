from permviz.views.layers import LayersView


def test_picking_a_row_picks_the_layer(rows):
    view = LayersView(rows=rows, strategies=("osg", "swap"))
    view._table.selection = [1]
    assert view.layer == "body"


def test_picked_layer_is_selected_in_the_table(rows):
    view = LayersView(rows=rows, strategies=("osg", "swap"))
    view.layer = "head"
    assert view._table.selection == [2]


def test_new_figures_patch_the_table_and_keep_it(rows, row):
    view = LayersView(rows=rows, strategies=("osg", "swap"))
    table = view._table
    better = row("body", found={"osg": 85.0, "swap": 75.0})
    view.rows = (rows[0], better, rows[2])
    assert view._table is table
    assert table.value["osg"].tolist()[1:] == [75.0, 10.0]


def test_other_layers_get_a_table_of_their_own(rows):
    view = LayersView(rows=rows, strategies=("osg", "swap"), layer="head")
    table = view._table
    view.rows = rows[1:]
    assert view._table is not table
    assert view._table.value["layer"].tolist() == ["body", "head"]
    assert view._table.selection == [1]


def test_bars_are_drawn_and_follow(rows, row, sources):
    view = LayersView(rows=rows, strategies=("osg", "swap"))
    root = view.__panel__().get_root()
    (before,) = sources(root, "pruned")
    assert list(before["pruned"]) == [30.0, 30.0, 20.0, 25.0, 30.0, 28.0, 26.0]
    view.rows = (rows[0], row("body", found={"osg": 90.0, "swap": 75.0}), rows[2])
    (after,) = sources(root, "pruned")
    assert list(after["pruned"])[2] == 10.0


def test_tap_on_a_bar_picks_its_layer(rows):
    view = LayersView(rows=rows, strategies=("osg", "swap"))
    info = view._chart.data
    view._tap(info, 1.8)
    assert view.layer == "head"
    view._tap(info, 7.0)
    assert view.layer == "head"


def test_out_of_sight_nothing_is_drawn_until_it_is_seen_again(rows):
    view = LayersView(rows=(), strategies=())
    view.seen = False
    view.param.update(rows=rows, strategies=("osg", "swap"), layer="body")
    assert view._table.value.empty
    view.seen = True
    assert view._table.value["layer"].tolist() == ["stem", "body", "head"]
    assert view._table.selection == [1]
