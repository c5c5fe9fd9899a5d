"""What a run leaves on disk: the run folder, its archive, and files of embeddings."""
