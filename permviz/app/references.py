"""When Bokeh looks for what the models of a page refer to."""

from bokeh.document import Document
from bokeh.document.models import DocumentModelManager


class References(DocumentModelManager):
    """Looks through a page only when what its models refer to may have changed.

    HoloViews has Bokeh wait with that while it brings a figure up to new data, and Bokeh then
    looks through the whole page whatever has changed, which takes as long as all the rest.

    Args:
        document: a page that has no models yet.
    """

    def __init__(self, document: Document) -> None:
        super().__init__(document)
        self._changed = False
        self._seen_roots: list[str] = []

    def invalidate(self) -> None:
        """Look for references anew, at once or as soon as nothing holds it off."""
        self._changed = True
        super().invalidate()

    def recompute(self) -> None:
        """Look for references anew."""
        self._changed, self._seen_roots = False, self._roots()
        super().recompute()

    def _pop_freeze(self) -> None:
        self._freeze_count -= 1
        if self._freeze_count == 0 and (self._changed or self._seen_roots != self._roots()):
            self.recompute()

    def _roots(self) -> list[str]:
        document = self._document()
        return [] if document is None else [root.id for root in document.roots]
