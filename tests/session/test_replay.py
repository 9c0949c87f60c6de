import numpy as np
import pytest

import permviz as pv
from permviz.session import replay
from permviz.session.replay import layer_replay, result_replay
from permviz.session.report import layer_order
from permviz.session.session import Session
from permviz.session.settings import SearchSettings


def test_steps_of_a_search_have_the_efficacies_that_the_trace_tells():
    scores = np.random.default_rng(0).random((8, 24))
    result = pv.search(scores, "channel_swap")
    found = result_replay(scores, result)
    assert found.orders[0].tolist() == list(range(24))
    assert (found.orders[-1] == result.permutation.order).all()
    told = [pv.efficacy(scores, order) for order in found.orders]
    assert found.efficacies == pytest.approx(told, abs=1e-3)
    assert (np.diff(found.iterations) > 0).all()


def test_long_searches_are_thinned_and_keep_both_ends(monkeypatch):
    monkeypatch.setattr(replay, "MOST_STEPS", 4)
    scores = np.random.default_rng(0).random((8, 48))
    result = pv.search(scores, "channel_swap")
    assert len(result.trace.improvements) > 4
    found = result_replay(scores, result)
    assert len(found.orders) == len(found.efficacies) == len(found.iterations) == 4
    told = [pv.efficacy(scores, order) for order in found.orders]
    assert found.efficacies == pytest.approx(told, abs=1e-3)
    assert (found.orders[-1] == result.permutation.order).all()
    assert found.efficacies[-1] == pytest.approx(result.efficacy, abs=1e-3)


def test_search_of_a_layer_ends_in_the_order_that_is_shown_for_it(chain):
    with Session(chain, SearchSettings(("osg", "channel_swap"))) as session:
        assert layer_replay(session, "b") is None
        session.start()
        assert session.wait(60)
        for text in (None, "osg", "channel_swap"):
            found = layer_replay(session, "b", text)
            assert found.layer == "b"
            assert text in {None, found.strategy}
            assert (found.orders[-1] == layer_order(session, "b", text)).all()
            assert found.orders.shape[1] == found.scores.shape[1]
        assert layer_replay(session, "a") is None
