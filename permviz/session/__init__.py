"""The searches of one model: settings, problems, the running session, plan and report.

`Session` is the only mutable object of permviz. Views, notebooks and the CLI start it,
pause it, watch its events and read its results; none of them computes anything itself.
"""
