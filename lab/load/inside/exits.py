"""How a load process ends, as exit codes; both sides of the process boundary know them."""

EXIT_REFUSED = 2  # the status file says why
EXIT_BUG = 70  # EX_SOFTWARE: the log says what
EXIT_DISK = 74  # EX_IOERR: the recording could not be written
