"""N:M masks on real modules."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils import parametrize

from permviz.core.pattern import NMPattern
from permviz.core.score import mask
from permviz.errors import PatternError, ScoresError, SourceError
from permviz.models import sparsify as sparsify_module
from permviz.models.digits import DigitsNet
from permviz.models.prunable import eligibility, remainders
from permviz.models.sources import load_model
from permviz.models.sparsify import masks, plain, sparsify, weight_mask


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.Conv2d(16, 16, 3, groups=2, padding=1),
        nn.Conv2d(16, 18, 1, bias=False),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(18, 8),
    )


def rows(weight: Tensor) -> Tensor:
    """The matrix that the pattern applies to: (K*R*S) x C."""
    return weight.detach().movedim(1, -1).reshape(-1, weight.shape[1])


def most_kept(weight: Tensor, pattern: NMPattern) -> int:
    """Most non-zeros in any whole stripe of any row."""
    whole = weight.shape[1] // pattern.m * pattern.m
    stripes = rows(weight)[:, :whole].reshape(-1, pattern.m)
    return int((stripes != 0).sum(1).max())


shapes = st.one_of(
    st.tuples(st.integers(1, 6), st.integers(2, 20)),
    st.tuples(st.integers(1, 4), st.integers(2, 14), st.integers(1, 3)),
    st.tuples(st.integers(1, 4), st.integers(2, 14), st.integers(1, 3), st.integers(1, 3)),
    st.tuples(st.just(2), st.integers(2, 9), st.just(2), st.just(1), st.just(3)),
)
patterns = st.sampled_from(["2:4", "1:4", "4:8", "1:2", "3:5", "2:16"]).map(NMPattern.parse)


@settings(deadline=None, max_examples=100)
@given(shapes, patterns, st.integers(0, 2**32 - 1))
def test_masks_are_those_of_the_score_matrix(
    shape: tuple[int, ...], pattern: NMPattern, seed: int
) -> None:
    # Few distinct values make ties, which must be broken alike.
    scores = np.random.default_rng(seed).integers(0, 4, shape).astype(np.float32)
    kept = torch.from_numpy(weight_mask(scores, pattern))
    assert kept.shape == scores.shape
    expected = mask(rows(torch.from_numpy(scores)).numpy(), pattern)
    assert np.array_equal(rows(kept).numpy(), expected)


def test_masks_made_in_parts_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = np.random.default_rng(0).random((37, 24), dtype=np.float32)
    whole = weight_mask(scores, NMPattern(2, 4))
    monkeypatch.setattr(sparsify_module, "_PART", 100)
    assert np.array_equal(weight_mask(scores, NMPattern(2, 4)), whole)


@settings(deadline=None, max_examples=25)
@given(patterns, st.sampled_from(["magnitude", "squared"]))
def test_every_eligible_layer_has_the_pattern(pattern: NMPattern, importance: str) -> None:
    model = network()
    sparse = plain(sparsify(model, pattern, importance=importance)).state_dict()
    for tensor, reason in eligibility(model, pattern).items():
        if reason:
            assert torch.equal(sparse[tensor], model.state_dict()[tensor])
        else:
            assert most_kept(sparse[tensor], pattern) == pattern.n


def test_the_demo_is_pruned_everywhere_but_where_one_channel_is_read() -> None:
    model = load_model("digits").model
    reasons = eligibility(model)
    sparse = plain(sparsify(model)).state_dict()
    for tensor, reason in reasons.items():
        single = model.get_parameter(tensor).shape[1] == 1
        assert bool(reason) == single
        if not reason:
            assert most_kept(sparse[tensor], NMPattern(2, 4)) == 2
    assert sum(not reason for reason in reasons.values()) == 18


def test_the_largest_weights_stay_as_they_are() -> None:
    layer = nn.Linear(4, 1, bias=False)
    layer.weight.data = torch.tensor([[0.1, -4.0, 0.3, 2.0]])
    assert sparsify(layer).weight.tolist() == [[0.0, -4.0, 0.0, 2.0]]
    assert {name: kept.tolist() for name, kept in masks(sparsify(layer)).items()} == {
        "weight": [[False, True, False, True]]
    }


def test_the_model_itself_stays_as_it_is() -> None:
    model = network().eval()
    before = copy.deepcopy(model.state_dict())
    sparsify(model)
    assert list(model.state_dict()) == list(before)
    assert all(torch.equal(model.state_dict()[name], before[name]) for name in before)
    assert not any(parametrize.is_parametrized(part) for part in model.modules())


@pytest.mark.parametrize("training", [True, False])
def test_the_mode_is_kept_everywhere(training: bool) -> None:  # noqa: FBT001 # a parameter
    sparse = sparsify(network().train(training))
    assert {part.training for part in sparse.modules()} == {training}


def test_reasons_say_why_a_layer_stays_dense() -> None:
    reasons = eligibility(network(), "4:16")
    assert reasons == {
        "0.weight": "3 input channels are fewer than the 16 of a stripe.",
        "2.weight": "8 input channels are fewer than the 16 of a stripe.",
        "3.weight": "",
        "6.weight": "",
    }


def test_the_remainder_stays_dense_and_is_said() -> None:
    model = network()
    assert remainders(model) == {
        "6.weight": "The last 2 channels stay dense, because 18 is not a multiple of 4."
    }
    assert remainders(nn.Linear(9, 2)) == {
        "weight": "The last channel stays dense, because 9 is not a multiple of 4."
    }
    assert bool(masks(sparsify(model))["6.weight"][:, 16:].all())


def test_named_layers_alone_are_pruned() -> None:
    assert list(masks(sparsify(network(), layers=["3"]))) == ["3.weight"]
    assert not masks(sparsify(network(), layers=[]))


def test_layers_that_cannot_be_pruned_are_refused() -> None:
    with pytest.raises(SourceError, match="no convolution or linear layer 'head'; it has 0, 2"):
        sparsify(network(), layers=["head"])
    with pytest.raises(SourceError, match="'0' cannot be pruned: 3 input channels"):
        sparsify(network(), layers=["0"])
    with pytest.raises(PatternError):
        sparsify(network(), "4:4")


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(6, 8)
        self.head = nn.Linear(8, 6, bias=False)
        self.head.weight = self.embed.weight
        self.middle = nn.Linear(8, 8)
        self.again = self.middle


def test_shared_weights_stay_dense_with_the_reason() -> None:
    model = Tied()
    reasons = eligibility(model)
    assert reasons["head.weight"] == (
        "Its weight is shared with 'embed.weight', which pruning would change too."
    )
    assert not reasons["middle.weight"]
    sparse = sparsify(model)
    assert list(masks(sparse)) == ["middle.weight"]
    assert sparse.get_submodule("again") is sparse.get_submodule("middle")


def test_computed_weights_stay_dense_with_the_reason() -> None:
    model = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(8, 4)))
    reason = eligibility(model)["0.weight"]
    assert "computed by the parametrization WeightNorm" in reason
    assert "remove_parametrizations(layer, 'weight')" in reason
    assert not masks(sparsify(model))


def test_bad_weights_are_refused_by_name() -> None:
    model = network()
    model[3].weight.data[0, 0] = torch.nan
    with pytest.raises(ScoresError, match="'3' has 1 weights of NaN or infinite magnitude"):
        sparsify(model)
    with pytest.raises(ScoresError, match="importance 'taylor' is unknown"):
        sparsify(network(), importance="taylor")


def test_copies_are_independent() -> None:
    sparse = sparsify(network())
    twin = copy.deepcopy(sparse)
    twin.get_parameter("3.parametrizations.weight.original").data.fill_(1.0)
    assert not torch.equal(twin[3].weight, sparse[3].weight)
    assert torch.equal(masks(twin)["3.weight"], masks(sparse)["3.weight"])
    assert most_kept(twin[3].weight, NMPattern(2, 4)) == 2


def test_fine_tuning_keeps_the_zeros() -> None:
    sparse = sparsify(network()).train()
    kept = masks(sparse)
    before = {name: plain(sparse).state_dict()[name].clone() for name in kept}
    optimizer = torch.optim.AdamW(sparse.parameters(), lr=0.05, weight_decay=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        sparse(torch.randn(4, 3, 6, 6)).square().sum().backward()
        optimizer.step()
    after = plain(sparse).state_dict()
    for name, keep in kept.items():
        assert not after[name][~keep].any()
        assert not torch.equal(after[name], before[name])


def test_a_sparse_state_loads_into_a_sparse_copy() -> None:
    sparse, other = sparsify(network()), sparsify(network(), layers=["3"])
    fresh = sparsify(nn.Sequential(*(copy.deepcopy(part) for part in network())))
    fresh.load_state_dict(sparse.state_dict())
    assert torch.equal(fresh[6].weight, sparse[6].weight)
    assert "3.parametrizations.weight.0.mask" in sparse.state_dict()
    assert other.state_dict().keys() != sparse.state_dict().keys()


def test_plain_models_have_the_names_of_the_original_and_the_zeros() -> None:
    model = network().eval()
    model[6].weight.requires_grad_(requires_grad=False)
    sparse = sparsify(model)
    dense = plain(sparse)
    assert list(dense.state_dict()) == list(model.state_dict())
    assert [type(part) for part in dense.modules()] == [type(part) for part in model.modules()]
    assert [p.requires_grad for p in dense.parameters()] == [
        p.requires_grad for p in model.parameters()
    ]
    assert not any(part.training for part in dense.modules())
    inputs = torch.randn(2, 3, 6, 6)
    assert torch.equal(dense(inputs), sparse(inputs))


def test_a_plain_copy_leaves_the_sparse_model_working() -> None:
    sparse = sparsify(network())
    twin = copy.deepcopy(sparse)
    plain(sparse)
    for model in (sparse, twin):
        assert model(torch.randn(2, 3, 6, 6)).shape == (2, 8)
        assert len(masks(model)) == 3


def test_another_parametrization_on_the_same_layer_survives() -> None:
    model = nn.Sequential(nn.Linear(8, 4))
    parametrize.register_parametrization(model[0], "bias", nn.Tanh())
    sparse = sparsify(model)
    assert not parametrize.is_parametrized(model[0], "weight")
    assert model(torch.ones(1, 8)).shape == (1, 4)
    dense = plain(sparse)
    assert parametrize.is_parametrized(dense[0], "bias")
    assert torch.equal(dense(torch.ones(1, 8)), sparse(torch.ones(1, 8)))


def test_half_precision_stays_half() -> None:
    sparse = sparsify(nn.Linear(8, 4).bfloat16())
    assert sparse.weight.dtype == torch.bfloat16


def test_a_model_without_layers_is_copied() -> None:
    model = nn.Sequential(nn.BatchNorm1d(4))
    assert eligibility(model) == {}
    assert list(sparsify(model).state_dict()) == list(model.state_dict())


def test_pruned_weights_are_half_of_the_demo() -> None:
    kept = masks(sparsify(DigitsNet()))
    assert {float(one.float().mean()) for one in kept.values()} == {0.5}
