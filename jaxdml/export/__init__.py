"""Finished points in the form of other tools: plain records in, their files out."""
