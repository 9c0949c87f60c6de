"""Load a downloaded export in a process of its own and measure what it claims."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from permviz.core.permutation import Permutation
from permviz.core.plan import PermutationPlan
from permviz.graph.apply import apply, apply_moves
from permviz.graph.verify import verify
from permviz.models.prunable import eligibility
from permviz.models.sources import load_model


def most_in_a_stripe(weight):
    """Largest number of non-zeros in four consecutive input channels of any row."""
    matrix = weight.movedim(1, -1).reshape(-1, weight.shape[1])
    whole = matrix.shape[1] // 4 * 4
    return int((matrix[:, :whole].reshape(len(matrix), -1, 4) != 0).sum(-1).max())


def error(one, other, inputs):
    with torch.inference_mode():
        expected, found = one(*inputs), other(*inputs)
    return float((expected - found).norm() / expected.norm())


def wrong(plan):
    """The same moves, one of them with two channels exchanged."""
    move = next(move for move in plan.moves if move.axis == 1 and len(move.permutation) > 8)
    order = np.array(move.permutation.order)
    order[[0, 5]] = order[[5, 0]]
    at = plan.moves.index(move)
    return (*plan.moves[:at], replace(move, permutation=Permutation(order)), *plan.moves[at + 1 :])


def efficacy(before, after):
    """What a pruned weight gained over 2:4 of the weight as it was, in percent; numpy alone."""
    scores = np.abs(before.numpy().astype(np.float64))
    rows, columns = scores.shape
    default = np.sort(scores.reshape(rows, -1, 4), axis=2)[:, :, 2:].sum()
    most = np.sort(scores, axis=1)[:, columns // 2 :].sum()
    retained = np.abs(after.numpy().astype(np.float64)).sum()
    return float(100 * (retained - default) / (most - default))


def main(folder):
    loaded = load_model("digits")
    model, inputs = loaded.model, loaded.example_inputs
    tensors, masks = (
        load_file(folder / "model.safetensors"),
        load_file(folder / "masks.safetensors"),
    )
    plan = PermutationPlan.from_json((folder / "plan.json").read_text())
    permuted, spoiled = apply(model, plan), apply_moves(model, wrong(plan))
    wide = [image.double() for image in inputs]
    eligible = [name for name, reason in eligibility(model, plan.pattern).items() if not reason]
    exported = load_model("digits").model
    exported.load_state_dict(tensors, strict=True)
    facts = {
        "eligible": len(eligible),
        "masked": sorted(masks) == sorted(eligible),
        "most_in_a_stripe": max(most_in_a_stripe(tensors[name]) for name in eligible),
        "moved": sum(not move.permutation.is_identity for move in plan.moves),
        "pruned_from_permuted": all(
            torch.equal(tensors[name], permuted.get_parameter(name) * masks[name])
            for name in eligible
        ),
        "float32": error(model, permuted, inputs),
        "classifier": efficacy(
            model.get_parameter("classifier.weight").detach(), tensors["classifier.weight"]
        ),
        "strategy": plan.by_group["classifier"].strategy,
        "spoiled_is_caught": not verify(model, spoiled, inputs).ok,
        "float64": error(model.double(), permuted.double(), wide),
    }
    json.dump(facts, sys.stdout)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
