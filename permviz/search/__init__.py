"""The permutation searches: one algorithm a file, a registry, and the runner of one search.

A strategy only proposes orders. The runner alone knows the clock, the budget, pause and
cancel; it values each proposal exactly and keeps the best, so a strategy cannot report a
score that its order does not have.
"""
