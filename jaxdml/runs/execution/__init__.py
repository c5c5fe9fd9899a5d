"""Training cohorts: here, or on the workers of a cluster."""
