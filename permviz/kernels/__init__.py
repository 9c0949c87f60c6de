"""The arithmetic of the searches: an obvious reference, and a fast one for the CPU.

Both follow the protocol in `permviz.kernels.protocol`, so a search takes either, and the
tests hold the fast one to the obvious one.
"""
