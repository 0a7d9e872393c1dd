"""`python -m training.data`: a process that decodes pictures for `training.data.working`."""

import sys

from .working import serve

serve(sys.stdin.buffer, sys.stdout.buffer)
