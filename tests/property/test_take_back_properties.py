"""Taking an edit back leaves every edit that was made elsewhere since, and refuses where they meet."""

from hypothesis import given
from hypothesis import strategies as st

from vitrine.desk.take_back import take_back

SIZE = 12
edits = st.tuples(st.integers(0, SIZE - 1), st.integers(1, 3), st.integers(0, 3))


def edited(lines: list[str], edit: tuple[int, int, int], mark: str) -> list[str]:
    """Some lines in place of others."""
    start, count, new = edit
    return [*lines[:start], *(f"{mark} {n}\n" for n in range(new)), *lines[start + count :]]


@given(edits)
def test_the_last_edit_is_taken_back_to_the_letter(edit: tuple[int, int, int]) -> None:
    before = [f"line {n}\n" for n in range(SIZE)]
    after = edited(before, edit, "mine")
    assert take_back("".join(before), "".join(after), "".join(after)) == "".join(before)


@given(edits, edits)
def test_edits_elsewhere_stay_and_edits_of_the_same_lines_are_refused(
    one: tuple[int, int, int], other: tuple[int, int, int]
) -> None:
    before = [f"line {n}\n" for n in range(SIZE)]
    first, second = sorted((one, other))
    touching = first[0] + first[1] == second[0] and not (first[2] and second[2])  # what is put there has no order
    if first[0] + first[1] <= second[0] and not touching:
        both = edited(edited(before, second, "b"), first, "a")  # the second first, so that places stay what they are
        taken = take_back("".join(before), "".join(edited(before, first, "a")), "".join(both))
        assert taken == "".join(edited(before, second, "b"))
    start, _, new = one
    if new:  # each of the lines that came is changed since
        after = edited(before, one, "mine")
        now = [*after[:start], *(f"theirs {n}\n" for n in range(new)), *after[start + new :]]
        assert take_back("".join(before), "".join(after), "".join(now)) is None
