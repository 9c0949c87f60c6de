"""Values that show themselves in a notebook and in a terminal."""

import numpy as np
import pytest
import torch
from torch import nn

import permviz as pv


@pytest.fixture(scope="module")
def graph():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 8)).eval()
    return pv.analyze(network, torch.randn(2, 12))


def test_result_tells_its_efficacy_and_draws_its_curve():
    scores = np.random.default_rng(0).random((6, 16))
    result = pv.search(scores, "channel_swap")
    told = repr(result)
    assert f"efficacy {result.efficacy:.2f} %" in told
    assert "16 channels at 2:4" in told
    assert "\n" not in told
    html = result._repr_html_()
    assert f"{result.efficacy:.2f} %" in html
    assert html.count("<svg") == 1


def test_result_of_a_search_that_found_nothing_is_shown_too():
    result = pv.search(np.ones((2, 8)), "channel_swap")
    assert "efficacy 100.00 %" in repr(result)
    assert "<svg" in result._repr_html_()


def test_graph_tells_its_counts_and_has_a_square_a_layer(graph):
    assert repr(graph).startswith("ChannelGraph(2 layers, 1 channel groups, 1 inputs frozen, sha")
    html = graph._repr_html_()
    assert html.count("<rect") == 4
    assert "0 writes 2" in html


def test_plan_tells_what_its_groups_gain(graph):
    plan = pv.plan(graph, "channel_swap")
    (group,) = plan.by_group.values()
    gained = 100 * (group.retained - group.baseline) / (group.row_optimum - group.baseline)
    assert plan.efficacy == pytest.approx(gained)
    assert f"efficacy {gained:.2f} %" in repr(plan)
    assert "by channel_swap" in repr(plan)
    html = plan._repr_html_()
    assert f"<b>{gained:.2f} %</b>" in html
    assert html.count("<svg") == 1
