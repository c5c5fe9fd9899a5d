"""Figures, one file a kind. All need matplotlib (the extra `plot`)."""
