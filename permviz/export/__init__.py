"""From a plan to files: the sparse model, its masks, the plan and what was verified.

`checkpoint` writes an export and `checking` reads one back, in any process; `deployability`
says which layers sparse tensor cores can run; `html` and `archive` hand an export on.
"""
