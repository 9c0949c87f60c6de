"""The values everything else speaks of: patterns, permutations, scores and search traces.

Only numpy is used here and nothing is read or written, so each function can be tested
against its definition.
"""
