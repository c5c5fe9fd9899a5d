"""Settings: from a configuration to what is trained."""
