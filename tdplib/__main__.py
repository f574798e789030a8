"""`python -m tdplib` is the `tdplib` command."""

import sys

from tdplib.cli import main

if __name__ == "__main__":
    sys.exit(main())
