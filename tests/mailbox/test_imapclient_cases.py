"""imapclient's own cases for its lexer and parser, read from its source package: each is answered or refused by us.

They are others' code and stay in their package: LEVELHEAD_IMAPCLIENT_SDIST names the file that
`pip download --no-deps --no-binary :all: imapclient==4.1.0` brings.
"""

from __future__ import annotations

import os
import re
import tarfile
import types
import unittest
from pathlib import Path

import pytest
from imapclient.exceptions import ProtocolError
from imapclient.response_parser import parse_fetch_response

from levelhead.errors import MailboxError
from levelhead.mailbox import answers
from servers.reel import CALLS, connection_to
from servers.requirements import lacking

pytestmark = pytest.mark.sweep

MODULES = {"test_response_parser.py": 55, "test_response_lexer.py": 14}
"""Their files, and how many tests are in each."""


@pytest.fixture(scope="module")
def cases():
    """Every input that imapclient's own tests give to its lexer and parser, while they pass."""
    name = os.environ.get("LEVELHEAD_IMAPCLIENT_SDIST", "")
    if not name or not Path(name).is_file():
        lacking("LEVELHEAD_IMAPCLIENT_SDIST names no source package of imapclient: `pip download` brings it")
    with tarfile.open(name) as package:
        found = []
        for file, count in MODULES.items():
            member = next(each for each in package.getnames() if each.endswith(f"/tests/{file}"))
            source = package.extractfile(member)
            found += heard(file, source.read(), count)
    return found


def heard(name, source, count):
    """Run a module of tests and keep what it gives to the functions that it tests."""
    module = types.ModuleType(name)
    exec(compile(source, name, "exec"), module.__dict__)
    inputs = []

    def listening(real):
        def listen(data, *words, **options):
            inputs.append(list(data))
            return real(data, *words, **options)

        return listen

    for tested in ("parse_response", "parse_fetch_response", "parse_message_list", "TokenSource"):
        if tested in module.__dict__:
            setattr(module, tested, listening(getattr(module, tested)))
    suite = unittest.defaultTestLoader.loadTestsFromModule(module)
    result = suite.run(unittest.TestResult())
    assert result.testsRun == count
    assert result.wasSuccessful(), (result.failures, result.errors)
    return inputs


def spoken(data, name=b"FETCH"):
    """The bytes with which a server would say what imaplib hands on as `data`."""
    said, inside = b"", False
    for item in data:
        line, literal = item if isinstance(item, tuple) else (item or b"", None)
        if not inside:
            line = b"* " + re.sub(rb"^(\d+ |)", rb"\g<1>%s " % name, line)
        said += line + b"\r\n" + (literal or b"")
        inside = literal is not None
    return said + b"<tag> OK done\r\n"


def test_each_case_is_a_value_or_one_of_the_errors_that_are_told(cases):
    assert len(cases) >= sum(MODULES.values())
    read = 0
    for data in cases:
        try:
            read += bool(answers.read(data))
        except (ProtocolError, ValueError, TypeError, RecursionError):
            continue
    assert read >= 5, "some of them are answers with a UID"


def test_what_imapclient_reads_of_a_message_we_read_too(cases):
    compared = 0
    for data in cases:
        try:
            theirs = parse_fetch_response(list(data))
        except (ProtocolError, ValueError, TypeError, AttributeError):
            continue  # no answer to FETCH
        ours = answers.read(data)
        for uid, answer in ours.items():
            compared += 1
            assert (answer.flags is None) == (b"FLAGS" not in theirs[uid])
            bodies = [value for name, value in theirs[uid].items() if name.startswith(b"BODY[]")]
            assert [piece.data for piece in answer.bodies] == bodies
    assert compared >= 5


@pytest.mark.parametrize("call", CALLS)
def test_no_case_escapes_from_a_connection_as_a_foreign_error(cases, call):
    for data in cases:
        for name in (b"FETCH", b"SEARCH", b"LIST"):
            connection = connection_to(spoken(data, name))
            try:
                CALLS[call](connection)
            except MailboxError as exc:
                assert len(str(exc)) < 400
