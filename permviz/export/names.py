"""The files of an export, and its formats, by name."""

MODEL = "model.safetensors"
MASKS = "masks.safetensors"
PLAN = "plan.json"
REPORT = "report.json"
FIGURES = "figures.json"  # only where the search is known that the plan came from
PAGE = "report.html"  # what `permviz report` writes, if it writes it there

NAMES = (MODEL, MASKS, PLAN, REPORT)
FORMAT = "permviz.export/1"
FORMATS = ("safetensors",)
