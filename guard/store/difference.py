"""What changed between two generations."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ...vocabulary import ForgetTarget


@dataclass(frozen=True, slots=True)
class Changed:
    """A target that two generations list, each otherwise."""

    before: ForgetTarget
    after: ForgetTarget

    @property
    def fields(self) -> tuple[str, ...]:
        """In what."""
        names = ForgetTarget.model_fields
        return tuple(name for name in names if getattr(self.before, name) != getattr(self.after, name))


@dataclass(frozen=True, slots=True)
class Difference:
    """The targets that came, went and changed, by id."""

    came: tuple[ForgetTarget, ...]
    went: tuple[ForgetTarget, ...]
    changed: tuple[Changed, ...]

    @classmethod
    def between(cls, before: Iterable[ForgetTarget], after: Iterable[ForgetTarget]) -> Difference:
        """What makes the one list of the other."""
        old, new = ({target.id: target for target in targets} for targets in (before, after))
        return cls(
            came=tuple(new[key] for key in sorted(new.keys() - old.keys())),
            went=tuple(old[key] for key in sorted(old.keys() - new.keys())),
            changed=tuple(
                Changed(old[key], new[key]) for key in sorted(old.keys() & new.keys()) if old[key] != new[key]
            ),
        )
