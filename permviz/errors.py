"""What can go wrong, each said in one sentence with the next step.

Every error that permviz raises on purpose derives from `PermvizError`, so a script
needs one `except`, the CLI one exit code and the app one notice.
"""


class PermvizError(Exception):
    """Base of all errors; its message tells what was got, what is expected and what to do."""


class PatternError(PermvizError):
    """An N:M pattern is malformed or makes no sense."""


class PermutationError(PermvizError):
    """An order is not a bijection, or does not fit what it is applied to."""


class ScoresError(PermvizError):
    """Scores are not a finite non-negative matrix of a usable shape."""


class StrategyError(PermvizError):
    """A strategy is unknown, its parameters are invalid, or it cannot run on this problem."""


class CaptureError(PermvizError):
    """The forward pass of a model could not be captured; the model is untouched."""


class PlanError(PermvizError):
    """A plan is malformed, or was made for another model."""


class VerificationError(PermvizError):
    """A permuted model does not compute what the original computes."""


class SourceError(PermvizError):
    """A model, checkpoint or data set cannot be loaded; what was loaded before stays."""


class SessionError(PermvizError):
    """A session is asked for something that it cannot do in its present state."""


class ExportError(PermvizError):
    """An export could not be written, or does not read back as what was written."""


class ServeError(PermvizError):
    """The app cannot be served."""
