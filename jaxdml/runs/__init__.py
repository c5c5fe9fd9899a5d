"""Runs: from a configuration and a grid to a folder of results. Here the rooms come together."""
