"""Evaluation: embeddings of images, and what scikit-learn's classifiers make of them."""
