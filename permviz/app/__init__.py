"""The explorer: its state, the work behind it, and the page it is served as.

`state` holds what is chosen and found and knows nothing of Panel; `flow` is the work that
runs in other threads; `page` lays the views out; `shell` and `serve` make it a web page.
"""
