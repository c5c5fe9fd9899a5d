"""Where the labels of rows come from: true ones, the teacher's, and propagated ones."""
