"""Faults at moments drawn at random, and whether anything is lost by them: `make faults`."""
