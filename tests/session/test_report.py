import numpy as np
import pytest

from permviz.core.score import retained, row_optimum
from permviz.errors import SessionError
from permviz.session.layers import score_matrix
from permviz.session.plan import session_plan
from permviz.session.report import best_order, layer_order, layer_rows, layer_scores, model_totals
from permviz.session.session import Session
from permviz.session.settings import SearchSettings

SWAP = "channel_swap"


@pytest.fixture
def session(chain):
    with Session(chain, SearchSettings((SWAP, "random"))) as running:
        running.start()
        running.wait()
        yield running


def test_rows_before_any_search_show_the_default(chain):
    rows = layer_rows(Session(chain, SearchSettings((SWAP,))))
    assert [row.status for row in rows] == ["dense", "waiting", "waiting"]
    assert all(not row.by_strategy and row.best == row.default for row in rows)
    assert "fewer than the 4 of a stripe" in rows[0].reason


def test_rows_are_recomputed_from_the_weights(chain, session):
    from permviz.graph.apply import apply

    pattern = session.settings.nm
    permuted = apply(chain.model, session_plan(session, SWAP))
    for row, name in zip(layer_rows(session), "abc", strict=True):
        weight = getattr(chain.model, name).weight.detach().abs().numpy()
        moved = getattr(permuted, name).weight.detach().abs().numpy()
        matrix = np.moveaxis(weight, 1, -1).reshape(-1, weight.shape[1])
        after = np.moveaxis(moved, 1, -1).reshape(-1, weight.shape[1])
        assert row.total == pytest.approx(matrix.sum(), rel=1e-5)
        assert row.default == pytest.approx(retained(matrix, pattern), rel=1e-5)
        assert row.row_optimum == pytest.approx(row_optimum(matrix, pattern), rel=1e-5)
        expected = retained(after, pattern)
        assert row.by_strategy.get(SWAP, row.default) == pytest.approx(expected, rel=1e-5)


def test_totals_add_up(session):
    rows = layer_rows(session)
    totals = model_totals(session, rows)
    assert totals.default == pytest.approx(sum(row.default for row in rows))
    assert totals.permuted == pytest.approx(sum(row.best for row in rows))
    assert totals.dense > totals.row_optimum > totals.permuted > totals.default
    assert (totals.permuted_layers, totals.frozen_layers, totals.dense_layers) == (2, 0, 1)
    assert 0 < totals.efficacy < 100
    assert rows[1].best_strategy == SWAP
    assert 0 < rows[1].efficacy(SWAP) <= 100


def test_frozen_and_skipped_layers_say_why(chain):
    rows = layer_rows(Session(chain, SearchSettings((SWAP,), pattern="1:2")))
    assert rows[0].status == "frozen"
    assert "input" in rows[0].reason
    skipped = layer_rows(Session(chain, SearchSettings((SWAP,), pattern="2:16")))
    assert skipped[1].status == "skipped"
    assert "one stripe" in skipped[1].reason


def test_orders_of_layers_follow_their_groups(session):
    best = best_order(session, "c", SWAP)
    assert np.array_equal(layer_order(session, "c", SWAP), best[1])
    assert np.array_equal(layer_order(session, "a"), np.arange(3))
    assert best_order(session, "z") is None
    assert layer_scores(session, "b").shape == (32, 16)
    with pytest.raises(SessionError, match="no layer 'z'"):
        layer_scores(session, "z")


def test_a_grouped_weight_is_laid_out_side_by_side():
    from tests.session.written_out import layer

    weight = np.arange(4 * 3 * 2 * 2, dtype=float).reshape(4, 3, 2, 2)
    matrix = score_matrix(layer("g", weight, conv_groups=2), weight)
    assert matrix.shape == (2 * 4, 6)
    assert matrix[0].tolist() == [*weight[0, :, 0, 0], *weight[2, :, 0, 0]]
    assert matrix[-1].tolist() == [*weight[1, :, 1, 1], *weight[3, :, 1, 1]]
