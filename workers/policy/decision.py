"""The three answers of a policy. Only `Allowed` is true in a condition."""

from dataclasses import dataclass

from workers.contract.spec import CaptureSpec


@dataclass(frozen=True, slots=True)
class Allowed:
    """Go on with `spec`, which is within every ceiling; `notes` say what was reduced, in sentences."""

    spec: CaptureSpec
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NeedsApproval:
    """Somebody else must agree first. No rule asks for it yet."""

    spec: CaptureSpec
    reason: str
    approvers: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class Denied:
    """No, and why."""

    reason: str

    def __bool__(self) -> bool:
        return False


Decision = Allowed | NeedsApproval | Denied
