"""From trained points to scores."""
