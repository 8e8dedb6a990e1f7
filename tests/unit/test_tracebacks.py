"""Tracebacks in the log of an app that did not start."""

from lab.engines.endings import last_lines
from lab.engines.tracebacks import without_inner_calls

LIBRARY = "/usr/local/lib/python3.12/"
INNER = "".join(
    f'  File "{LIBRARY}{name}", line {line}, in run\n    call()\n    ^^^^^^\n'
    for line, name in enumerate(
        ("multiprocessing/process.py", "site-packages/uvicorn/server.py", "site-packages/click/core.py", "asyncio/x.py")
    )
)
APP = (
    '  File "/srv/main.py", line 3, in <module>\n    SECRET = os.environ["SECRET"]\n             ~~~~~~~~~~^^^^^^^^^^\n'
)
LAST = f'  File "{LIBRARY}os.py", line 685, in __getitem__\n    raise KeyError(key) from None\n'
HEAD = "Traceback (most recent call last):\n"
LEFT_OUT = "  … 4 calls inside Python and packages\n"


def test_the_apps_own_call_and_the_last_one_stand() -> None:
    """What others called is counted; what comes before and after stands."""
    log = f"Process SpawnProcess-1:\n{HEAD}{INNER}{APP}{LAST}KeyError: 'SECRET'\nbye"

    assert without_inner_calls(log) == (f"Process SpawnProcess-1:\n{HEAD}{LEFT_OUT}{APP}{LAST}KeyError: 'SECRET'\nbye")


def test_an_error_in_which_nobody_can_tell_the_app_stands_whole() -> None:
    """Of its calls any may be the one that is looked for."""
    assert without_inner_calls(f"{HEAD}{INNER}{LAST}OSError: no") == f"{HEAD}{INNER}{LAST}OSError: no"


def test_an_error_of_the_app_itself_is_shortened_too() -> None:
    """Its call is the last one."""
    assert without_inner_calls(f"{HEAD}{INNER}{APP}NameError: no") == f"{HEAD}{LEFT_OUT}{APP}NameError: no"


def test_the_call_of_an_app_that_is_installed_as_a_package_stands() -> None:
    """It lies where packages do, and is the first that was imported; what it called comes after it."""
    imported = '  File "<frozen importlib._bootstrap>", line 1360, in _find_and_load\n'
    app = f'  File "{LIBRARY}site-packages/shop/main.py", line 3, in <module>\n    engine = create_engine()\n'
    called = "".join(
        f'  File "{LIBRARY}site-packages/sqlalchemy/{name}.py", line 1, in go\n    go()\n' for name in "abcde"
    )
    last = f'  File "{LIBRARY}site-packages/sqlalchemy/url.py", line 2, in parse\n    raise ArgumentError\n'

    assert without_inner_calls(f"{HEAD}{INNER}{imported}{app}{called}{last}ArgumentError") == (
        f"{HEAD}{LEFT_OUT.replace('4', '5')}{app}  … 5 calls inside Python and packages\n{last}ArgumentError"
    )


def test_few_calls_and_other_lines_stand() -> None:
    """Nothing is gained there; a line with a File of its own is no call."""
    for log in (
        f"{HEAD}{LAST}{APP}{LAST}KeyError: 'SECRET'",
        'File "/usr/lib/python3/a.py", line 1\n    text\nbye',
        f"    call()\n{APP}KeyError: 'SECRET'",
        "",
    ):
        assert without_inner_calls(log) == log.rstrip("\n")


def test_each_of_two_chained_errors_is_shortened() -> None:
    """The sentence between them stands."""
    between = "\nDuring handling of the above exception, another exception occurred:\n\n"
    chain = f"{HEAD}{INNER}{APP}{LAST}KeyError: 1{between}{HEAD}{INNER}{APP}{LAST}ValueError: 2"

    assert without_inner_calls(chain) == (
        f"{HEAD}{LEFT_OUT}{APP}{LAST}KeyError: 1{between}{HEAD}{LEFT_OUT}{APP}{LAST}ValueError: 2"
    )


def test_the_apps_line_is_among_the_last_lines() -> None:
    """Forty lines of others' calls would have pushed it out."""
    assert last_lines(f"{HEAD}{APP}{INNER * 4}{LAST}KeyError: 'SECRET'").splitlines()[1:3] == APP.splitlines()[:2]
