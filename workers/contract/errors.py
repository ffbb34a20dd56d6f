"""Errors that carry their reader.

`user_message` is what the person sees: what happened, why, what to do next. `retryable` says whether the
same request may work later. `code` is stable, for JSON and tests. Exception text of libraries never goes
into `user_message`; chain it with `raise … from` and it reaches the structured log.
"""


class ThreadcapError(Exception):
    """Base of every error of ours. `detail` is for the log only."""

    code = "internal"
    retryable = False
    exit_code = 1

    def __init__(self, user_message: str, *, detail: str = "") -> None:
        super().__init__(detail or user_message)
        self.user_message = user_message


class BadFilter(ThreadcapError):
    """The capture filter does not compile, or asks for what we refuse (host names)."""

    code = "bad_filter"
    exit_code = 2


class Denied(ThreadcapError):
    """Policy says no."""

    code = "denied"
    exit_code = 3


class TargetNotFound(ThreadcapError):
    """No such namespace, workload, pod or container, or nothing of it runs."""

    code = "target_not_found"
    exit_code = 4


class NotCapturable(ThreadcapError):
    """The target exists, but no method can capture there; the message says what is missing."""

    code = "not_capturable"
    exit_code = 3


class NoSuchInterface(ThreadcapError):
    """The pod does not have the interface that was asked for: no other method would find it."""

    code = "no_such_interface"
    exit_code = 4


class ClusterForbidden(ThreadcapError):
    """The cluster refuses our service account; the message names the missing permission."""

    code = "cluster_forbidden"
    exit_code = 3


class ClusterUnavailable(ThreadcapError):
    """The API server cannot be reached or answers with a server error."""

    code = "cluster_unavailable"
    retryable = True


class CaptureInterrupted(ThreadcapError):
    """The stream ended before tcpdump said it was done; what arrived is kept."""

    code = "interrupted"
    retryable = True
    exit_code = 5


class Busy(ThreadcapError):
    """Too many captures run already; the message says where."""

    code = "busy"
    retryable = True


class StoreUnavailable(ThreadcapError):
    """Redis or the artifact store cannot be reached."""

    code = "store_unavailable"
    retryable = True


class QueueUnavailable(ThreadcapError):
    """The job could not be handed to the workers."""

    code = "queue_unavailable"
    retryable = True


class ChatUnavailable(ThreadcapError):
    """Slack refused or cannot be reached; the thread is tried again later."""

    code = "chat_unavailable"
    retryable = True


class JobNotFound(ThreadcapError):
    """No job of that id (it may have been forgotten after its retention)."""

    code = "job_not_found"
    exit_code = 4


class IllegalTransition(ThreadcapError):
    """The job is no longer in a state that may become the wanted one: somebody else was first."""

    code = "illegal_transition"


class StaleEpoch(ThreadcapError):
    """Another worker holds the job's lease now; this one must stop writing."""

    code = "stale_epoch"
