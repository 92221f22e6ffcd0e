"""The command line. Modules here import nothing heavy at their top: a command does so when it runs."""
