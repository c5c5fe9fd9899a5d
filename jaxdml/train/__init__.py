"""Training: one point's step and epoch, populations of points over devices, checkpoints."""
