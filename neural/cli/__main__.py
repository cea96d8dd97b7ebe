"""`python -m neural.cli` is `ntile`."""

from neural.cli import main

main()
