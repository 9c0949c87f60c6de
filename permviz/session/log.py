"""The append-only log of a session, and those who watch it."""

import threading
from collections.abc import Callable

from permviz.session.events import SessionEvent

Observer = Callable[[SessionEvent], None]


class EventLog:
    """Keeps every event and passes it on; observers get frozen values, never live state."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._events: list[SessionEvent] = []
        self._observers: tuple[Observer, ...] = ()

    @property
    def events(self) -> tuple[SessionEvent, ...]:
        """All events so far."""
        with self._lock:
            return tuple(self._events)

    def subscribe(self, observer: Observer) -> Callable[[], None]:
        """Call `observer` with every event from now on, on the thread where it happens.

        Returns:
            A function that ends the subscription.
        """
        with self._lock:
            self._observers = (*self._observers, observer)

        def unsubscribe() -> None:
            with self._lock:
                self._observers = tuple(o for o in self._observers if o is not observer)

        return unsubscribe

    def tell(self, event: SessionEvent) -> None:
        """Append an event and pass it on."""
        with self._lock:
            self._events.append(event)
            observers = self._observers
        for observer in observers:
            observer(event)
