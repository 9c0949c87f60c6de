"""What measuring the accuracy of a model has found."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AccuracyRow:
    """Test accuracy of one variant of the model, in percent.

    Attributes:
        label: which variant.
        accuracy: as it is; over several orders, their mean.
        deviation: sample deviation over the orders; None for a single model.
        recalibrated: after the batch norm statistics were taken anew.
        recalibrated_deviation: sample deviation of that; None for a single model.
    """

    label: str
    accuracy: float
    deviation: float | None
    recalibrated: float
    recalibrated_deviation: float | None


@dataclass(frozen=True, slots=True)
class AccuracyTable:
    """Accuracy of a model: dense, pruned as it is, permuted and pruned, randomly ordered.

    Attributes:
        rows: in that order.
        orders: how many random orders the last row is over.
        images: how many test images were classified.
    """

    rows: tuple[AccuracyRow, ...]
    orders: int
    images: int
