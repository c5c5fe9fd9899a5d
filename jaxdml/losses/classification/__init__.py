"""Metric losses with a weight vector for each class."""
