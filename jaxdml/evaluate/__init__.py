"""Evaluation: embeddings of images, and what scikit-learn's classifiers make of them.

scikit-learn is imported where it is used: a configuration is read with names from here, and a
training would wait a second for a library that it does not need yet.
"""
