"""`corrector demo`: rules compared fairly, and the report."""
