from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from levelhead.config.linemap import Path, line_map, nearest_line

TRICKY = (
    '''\
# [not.a.table] = { "nor" = "this" }
[me]  # a comment with [brackets] and "quotes
addresses = [  # ["none"]
    "me@example.com",  # ]]
    """two
lines""",
]
name = 'it'''
    + "''"
    + '''s'
"odd.key" . 'other' = 1
signature = """
[mailbox]
host = \\"""no
"""""

[[mailbox]]
name = "a"
[mailbox.oauth2]
provider = "google"

[[mailbox]]
name = "b"
inline = { x = 1, y.z = [ { w = 2 }, { w = 3 } ], "}" = '#' }
[[mailbox.folders]]
role = 1
[[mailbox.folders]]
role = 2
'''
)


def test_brackets_quotes_and_comments_inside_values_lead_nobody_astray() -> None:
    text = TRICKY.replace("name = 'it''s'\n", "name = 'its'\n")
    lines = line_map(text)
    assert set(lines) == set(paths(tomllib.loads(text)))
    numbered = {path: text.splitlines()[line - 1] for path, line in lines.items()}
    assert numbered["me", "addresses", 1].startswith('    """two')
    assert numbered["me", "odd.key", "other"].startswith('"odd.key"')
    assert numbered["mailbox", 0, "oauth2", "provider"] == 'provider = "google"'
    assert numbered["mailbox", 1, "name"] == 'name = "b"'
    assert numbered["mailbox", 1, "inline", "y", "z", 1, "w"].startswith("inline")
    assert numbered["mailbox", 1, "inline", "}"].startswith("inline")
    assert numbered["mailbox", 1, "folders", 1, "role"] == "role = 2"
    assert ("mailbox", "host") not in lines


def test_a_key_that_is_missing_is_looked_for_at_the_table_around_it() -> None:
    lines = line_map("\n[me]\nname = 'x'\n")
    assert nearest_line(lines, ("me", "addresses")) == 2
    assert nearest_line(lines, ("archive",)) is None


def test_windows_line_ends_count_once() -> None:
    assert line_map('a = """\r\n\r\n"""\r\nb = 1\r\n')["b",] == 4


# --- every document --------------------------------------------------------------------------

bare = st.from_regex(r"[A-Za-z0-9_-]{1,6}", fullmatch=True)
tricky_text = st.text(alphabet="ab[]{}=#,.'\"\\\n\t é", max_size=12)


def quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'


key = st.one_of(bare, bare, tricky_text.map(quoted))
scalar = st.one_of(
    st.integers(-9, 9).map(str),
    st.sampled_from(["true", "1.5", "1979-05-27T07:32:00Z", "inf"]),
    tricky_text.map(quoted),
    st.text(alphabet='ab[]{}=#"\\ ', max_size=8).map(lambda text: f"'{text}'"),
    st.text(alphabet="ab[]{}=#'\"\n ", max_size=8).map(lambda text: f'"""\n{text}"""'),
    st.text(alphabet='ab[]{}=#"\n ', max_size=8).map(lambda text: f"'''{text}'''"),
)


def lists(item: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    gap = st.sampled_from(["", " ", "\n", " # ]\n  "])
    return st.lists(st.tuples(gap, item, gap), max_size=3).map(
        lambda parts: "[" + ",".join(before + each + after for before, each, after in parts) + "\n]"
    )


def inline(item: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(st.tuples(key, item.filter(lambda text: "\n" not in text)), max_size=3).map(
        lambda pairs: "{ " + ", ".join(f"{name} = {each}" for name, each in pairs) + " }"
    )


value = st.recursive(scalar, lambda item: st.one_of(lists(item), inline(item)), max_leaves=6)
pair = st.tuples(key, value).map(lambda both: f"{both[0]} = {both[1]}")
header = st.one_of(
    st.lists(key, min_size=1, max_size=3).map(lambda keys: f"[{'.'.join(keys)}]"),
    st.lists(key, min_size=1, max_size=2).map(lambda keys: f"[[ {' . '.join(keys)} ]]"),
)
comment = st.text(alphabet="ab[]{}='\" ", max_size=8).map(lambda text: f"# {text}")
document = st.lists(st.one_of(pair, pair, header, comment, st.just("")), max_size=12).map("\n".join)


def paths(value: Any, path: Path = ()) -> Iterator[Path]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in items:
        yield (*path, name)
        yield from paths(item, (*path, name))


@given(document)
def test_the_map_knows_exactly_the_keys_that_the_parser_finds(text: str) -> None:
    try:
        parsed = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    assert set(line_map(text)) == set(paths(parsed))


@given(document)
def test_each_line_of_the_map_names_its_key(text: str) -> None:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    written = text.split("\n")
    for path, line in line_map(text).items():
        if isinstance(path[-1], str):
            assert path[-1] in written[line - 1] or quoted(path[-1])[1:-1] in written[line - 1]


@given(st.lists(pair, min_size=1, max_size=6), st.integers(0, 5))
def test_lines_put_before_move_every_key_by_as_many(pairs: list[str], more: int) -> None:
    text = "\n".join(pairs)
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    moved = line_map("# [x]\n" * more + text)
    assert moved == {path: line + more for path, line in line_map(text).items()}
