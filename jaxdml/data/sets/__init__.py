"""The data sets that are known by name, and a user's own arrays and images."""
