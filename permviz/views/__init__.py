"""Thin Panel views: they show values and report choices, and compute nothing.

Each is a `panel.viewable.Viewer` with parameters for what it shows; the app binds them to
its state, a notebook may set them directly. Only core Panel is used.
"""
