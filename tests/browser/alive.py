"""Tells how many pages of the explorer this server holds in memory."""

import gc

import panel as pn

from permviz.app.page import Page

gc.collect()
count = sum(isinstance(one, Page) for one in gc.get_objects())
pn.pane.HTML(f"pages alive: {count}").servable()
