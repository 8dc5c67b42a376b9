"""`python -m idlcli` and the console script `idl`."""

import sys


def main() -> None:
    """Run the command line and exit with its status."""
    from idlcli.cli.app import main as run

    sys.exit(run())


if __name__ == "__main__":
    main()
