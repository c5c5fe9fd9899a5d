"""What `experiments.bench` compares: the cases, and who takes part in them."""
