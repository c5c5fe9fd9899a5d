"""What people may give by mistake, or by malice, and the sentence that each is answered with.

A case is a plain record; the files are by theme. `python -m tests.bad_inputs` writes them down, as
they really came out, in docs/bad_inputs.md.
"""
