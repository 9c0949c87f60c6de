"""Which channels of a model may move together, why the rest may not, and the proof."""
