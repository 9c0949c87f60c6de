"""Views that rest while nobody looks at them."""

import panel as pn
import param


class Sighted(pn.viewable.Viewer):
    """A view that redraws only while it is seen, and catches up when it comes into sight.

    Attributes:
        seen: whether the view is in sight, for example in the active tab.
    """

    seen = param.Boolean(True, allow_refs=True)
