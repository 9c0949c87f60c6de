import numpy as np
import pytest

import permviz as pv
from permviz.errors import SessionError
from permviz.session.comparison import compared, comparison
from permviz.session.plan import session_plan
from permviz.session.report import layer_rows, layer_scores, layer_weights
from permviz.session.session import Session
from permviz.session.settings import SearchSettings

BOTH = ("osg", "channel_swap")


@pytest.fixture
def session(chain):
    with Session(chain, SearchSettings(BOTH)) as running:
        running.start()
        assert running.wait(60)
        yield running


def test_every_searched_layer_is_compared_with_what_the_table_says(session):
    rows = layer_rows(session)
    found = comparison(session, rows)
    assert found.strategies == BOTH
    assert [layer.name for layer in found.layers] == ["b", "c"]
    for layer in found.layers:
        row = next(row for row in rows if row.name == layer.name)
        for text in BOTH:
            assert layer.efficacy(text) == row.efficacy(text)
        assert layer.room == row.row_optimum - row.default
    assert found.seconds == {key: one.seconds for key, one in session.results.items()}


def test_efficacy_of_a_group_is_its_best_search_over_all_that_read_it(session):
    found = comparison(session, layer_rows(session))
    for group, text in found.best.items():
        readers = [one for one in found.layers if group in one.groups]
        gained = sum(one.retained[text] - one.default for one in readers)
        expected = 100 * gained / sum(one.room for one in readers)
        assert found.group_efficacy(group) == pytest.approx(expected)
    assert np.isnan(found.group_efficacy("nonesuch"))


def test_weights_of_a_layer_are_laid_out_like_its_scores_and_keep_their_signs(session):
    for name in ("b", "c"):
        weights = layer_weights(session, name)
        np.testing.assert_array_equal(np.abs(weights), layer_scores(session, name))
        assert (weights < 0).any()


def test_best_of_a_group_is_what_a_plan_takes(session):
    found = comparison(session, layer_rows(session))
    planned = session_plan(session).by_group
    for group, text in found.best.items():
        problem = session.problems[group]
        order = session.order(group, text)
        assert planned[group].retained == pytest.approx(problem.retained(order))


def test_a_choice_by_group_is_what_a_plan_follows(session):
    found = comparison(session, layer_rows(session))
    choice = found.choose({}, "c", "channel_swap")
    assert choice == {"c": "channel_swap"}
    planned = session_plan(session, choice).by_group
    assert planned["c"].strategy == "channel_swap"
    assert planned["b"].retained == session_plan(session).by_group["b"].retained


def test_before_a_search_there_is_nothing_to_compare(chain):
    with Session(chain, SearchSettings(BOTH)) as waiting:
        found = comparison(waiting, layer_rows(waiting))
    assert [layer.name for layer in found.layers] == ["b", "c"]
    assert not found.begun
    assert found.best == {}


def test_unknown_layers_and_strategies_cannot_be_chosen(session):
    found = comparison(session, layer_rows(session))
    for layer, text in (("nonesuch", "osg"), ("c", "anneal")):
        with pytest.raises(SessionError, match="has not searched"):
            found.choose({}, layer, text)


def test_of_several_results_of_a_strategy_the_best_counts():
    scores = np.random.default_rng(0).random((4, 16))
    results = [pv.search(scores, "random(count=1)", seed=seed) for seed in range(4)]
    found = compared({"m": results})
    best = max(results, key=lambda one: one.retained)
    assert found.layers[0].retained == {best.label: best.retained}
    assert found.seconds == {("m", best.label): best.seconds}


def test_results_about_different_scores_are_not_compared():
    rng = np.random.default_rng(0)
    results = [pv.search(rng.random((4, 16)), "osg") for _ in range(2)]
    with pytest.raises(SessionError, match="did not search the same scores of 'm'"):
        compared({"m": results})
