"""Results as tables, from records alone."""
