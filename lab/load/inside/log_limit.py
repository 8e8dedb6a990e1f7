"""A log that cannot fill the disk: a task that raises 500 times a second would write 500 tracebacks a second."""

import logging
from collections import Counter

MAX_REPEATS = 200
FORMAT = "[%(asctime)s] %(levelname)s/%(name)s: %(message)s"


class LimitRepeats(logging.Filter):
    """Lets the first MAX_REPEATS records of each message template through, and says so at the last one."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: Counter[tuple[str, str]] = Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        """True for records to be written."""
        template = (record.name, str(record.msg))
        self._seen[template] += 1
        if self._seen[template] == MAX_REPEATS:
            record.msg = f"{record.msg} (further messages like this one are not shown)"
        return self._seen[template] <= MAX_REPEATS


def set_up_logging() -> None:
    """Log to stderr, which is locust.log; Locust's own percentiles stay out of it (METHOD 1.5)."""
    handler = logging.StreamHandler()
    handler.addFilter(LimitRepeats())
    logging.basicConfig(level=logging.INFO, handlers=[handler], format=FORMAT)
    logging.getLogger("locust.stats_logger").setLevel(logging.WARNING)


def keep_logs_for_the_page(reader: logging.Handler) -> None:
    """Locust's Logs tab shows what a handler of this name has kept: ``reader``, one of Locust's."""
    reader.name = "log_reader"
    reader.addFilter(LimitRepeats())
    reader.setFormatter(logging.Formatter(FORMAT))
    logging.getLogger().addHandler(reader)
