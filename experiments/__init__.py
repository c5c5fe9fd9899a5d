"""Commands over the library: `python -m experiments.train`, `.grid`, `.evaluate`, and so on."""
