import numpy as np

from permviz.core.permutation import Permutation
from permviz.core.trace import Finished, Improved, SearchTrace, Started


def test_moves_replay_step_by_step():
    trace = SearchTrace(
        Started(10.0, 20.0),
        (
            Improved(1, 0.1, 12.0, np.array([0, 4]), np.array([4, 0])),
            Improved(2, 0.2, 15.0, np.array([1, 4]), np.array([0, 1])),
        ),
        Finished(Permutation.of([4, 0, 2, 3, 1]), "converged", 2, 0.3),
    )
    assert trace.replay(0).is_identity
    assert trace.replay(1) == Permutation.of([4, 1, 2, 3, 0])
    assert trace.replay() == trace.finished.permutation
    assert trace.efficacies().tolist() == [20.0, 50.0]
