"""From a configuration and a grid to cohorts of points, and what trains them."""
