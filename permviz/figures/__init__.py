"""Figures in pairs: `x_info` computes frozen data, `x_plot` draws them with HoloViews.

The data of a figure are plain arrays that a test compares exactly; the plots hold no
state and know nothing of Panel, so the app, notebooks and reports share them.
"""

import holoviews as hv
import holoviews.plotting.bokeh

hv.Store.set_current_backend("bokeh")
