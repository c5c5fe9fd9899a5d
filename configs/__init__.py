"""Configurations: one file a published result or a study; `common` has every field."""
