"""The experiment engine: networks × rules × rates × runs as ensembles, in pieces that survive a kill."""
