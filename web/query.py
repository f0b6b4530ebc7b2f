"""What a page's address asks for, checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from worker.errors import InvalidRequest
from worker.models.listing import WAITING, UploadFilter
from worker.models.upload import UploadState
from worker.models.upload_request import MAX_ID
from worker.wording import counted

#: Rows of a page.
PAGE = 200
#: Rows that a table in CSV or JSON reads at once.
EXPORTED = 1000
#: Pages that can be asked for; who looks for more than these rows takes the CSV.
MAX_PAGE = 10_000
#: The ages that a filter offers, in seconds.
AGES = {"1m": 60.0, "10m": 600.0, "1h": 3600.0, "1d": 86400.0, "7d": 604800.0}
UNREQUESTED = "unrequested"
#: By what an address says. Runs that nobody has asked for have no state.
STATES: dict[str, tuple[UploadState, ...]] = {
    "": (),
    "waiting": WAITING,
    **{each.value: (each,) for each in UploadState},
    UNREQUESTED: (),
}
FORMATS = ("csv", "json")
DONE = ("requested", "cancelled")


@dataclass(frozen=True, slots=True)
class Query:
    chosen: UploadFilter
    page: int
    """From 1."""
    format: str | None
    """One of FORMATS; None for a page."""
    state: str = ""
    """One of STATES, as the address says it."""
    done: str | None = None
    """What an action has just done, in words of ours."""

    @property
    def offset(self) -> int:
        return (self.page - 1) * PAGE

    @classmethod
    def of(cls, given: Mapping[str, str]) -> Self:
        """Raises InvalidRequest; an empty value is none, as forms send it."""
        state, age = given.get("state", ""), given.get("age", "")
        chosen = UploadFilter(
            states=_states(state),
            unrequested=state == UNREQUESTED,
            job_id=id_of("job", given["job"]) if given.get("job") else None,
            older_than=_age(age) if age else None,
            by_run=given.get("sort") == "run",
        )
        wanted = given.get("format") or None
        if wanted not in (None, *FORMATS):
            raise InvalidRequest(f"format is csv or json, not {wanted!r:.40}")
        page = whole("page", given.get("page") or "1", MAX_PAGE)
        return cls(chosen, page, wanted, state, _done(given.get("done", "")))


def id_of(name: str, text: str) -> int:
    """The id; raises InvalidRequest."""
    return whole(f"{name} id", text, MAX_ID)


def whole(name: str, text: str, most: int) -> int:
    """A number from 1 to `most` in plain digits; raises InvalidRequest."""
    is_plain = text.isascii() and text.isdecimal() and len(text) < 20
    if not (is_plain and 1 <= int(text) <= most):
        raise InvalidRequest(f"{name} must be a whole number from 1, not {text!r:.40}")
    return int(text)


def _states(text: str) -> tuple[UploadState, ...]:
    if text not in STATES:
        known = ", ".join(filter(None, STATES))
        raise InvalidRequest(f"state is one of {known}, not {text!r:.40}")
    return STATES[text]


def _age(text: str) -> float:
    if text not in AGES:
        raise InvalidRequest(f"age is one of {', '.join(AGES)}, not {text!r:.40}")
    return AGES[text]


def done(what: str, count: int, refused: int = 0) -> str:
    """The query by which an action tells the page that follows; `what`: one of DONE."""
    return f"done={what}-{count}-{refused}"


def _done(told: str) -> str | None:
    # numbers and words of ours alone: anybody can write a link
    what, _, counts = told.partition("-")
    count, _, refused = counts.partition("-")
    if what not in DONE or not (counts.isascii() and (count + refused).isdecimal()):
        return None
    sentence = f"{counted(int(count[:9]), 'upload')} {what}."
    return (
        f"{sentence} {counted(int(refused[:9]), 'other')} refused."
        if refused.strip("0")
        else sentence
    )
