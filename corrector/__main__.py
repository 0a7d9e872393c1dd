"""`python -m corrector`: the console command."""

from .cli import main

main()
