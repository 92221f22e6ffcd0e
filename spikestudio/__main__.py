"""``python -m spikestudio`` is the command line."""

from spikestudio.cli.main import main

if __name__ == "__main__":
    main()
