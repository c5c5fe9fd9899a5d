"""Scores of embeddings that protocols are made of."""
