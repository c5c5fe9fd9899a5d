"""Configurations that are of use everywhere: `--config=few` names one."""
