"""Reports: tables and figures from what a run folder holds."""
