"""Models that can be loaded, their importance scores, their N:M masks and their accuracy."""
