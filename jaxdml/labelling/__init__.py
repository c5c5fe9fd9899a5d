"""From a trained embedding to labels: how sure a class is, what to label next, what looks wrong."""
