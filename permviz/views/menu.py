"""Menus that can be told from fields in the dark as well."""

import panel as pn
import param

# The design's own arrow is black whatever the theme.
_ARROW = """
select:not([multiple]).bk-input {
  background-image: linear-gradient(45deg, transparent 50%, currentColor 50%),
    linear-gradient(135deg, currentColor 50%, transparent 50%) !important;
  background-position: calc(100% - 10px) 50%, calc(100% - 6px) 50% !important;
  background-size: 4px 5px !important; background-repeat: no-repeat !important;
  text-overflow: ellipsis; padding-right: 18px !important; }
"""


class Menu(pn.widgets.Select):
    """A select whose arrow has the color of its text."""

    stylesheets = param.List(default=[_ARROW])
