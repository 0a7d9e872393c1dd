"""`corrector train`: one run, on Lightning, in a folder."""
