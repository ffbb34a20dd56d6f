"""The way to the workers: tasks by name, over Celery. The one place where both sides agree on names and settings.

Early acknowledgement on purpose: a redelivered capture would run twice; our own lease finds lost jobs within
seconds where the broker's visibility timeout takes minutes.
"""

import celery
import kombu.exceptions

from workers.contract.errors import QueueUnavailable

RUN = "threadcap.run"
QUEUE = "captures"


def make_app(redis_url: str) -> celery.Celery:
    """Return the Celery application of a broker; tasks are registered by workers.tasks alone."""
    app = celery.Celery("threadcap", broker=redis_url, set_as_current=False)
    app.conf.update(
        task_ignore_result=True,
        task_acks_late=False,
        task_default_queue=QUEUE,
        task_serializer="json",
        accept_content=["json"],
        worker_prefetch_multiplier=1,
        worker_send_task_events=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_enable_remote_control=False,
        broker_connection_retry_on_startup=True,
        broker_transport_options={
            "visibility_timeout": 7200,
            "max_connections": 500,
            "health_check_interval": 15,
            "socket_timeout": 10,
            "socket_connect_timeout": 5,
            "max_retries": 3,
            "interval_start": 0.1,
            "interval_max": 1,
        },
    )
    return app


class CeleryQueue:
    """JobQueue over Celery."""

    def __init__(self, redis_url: str) -> None:
        self._app = make_app(redis_url)

    def enqueue(self, job_id: str) -> None:
        """See JobQueue.enqueue."""
        try:
            self._app.send_task(RUN, args=[job_id], retry=False, ignore_result=True)
        except (kombu.exceptions.KombuError, OSError) as error:
            raise QueueUnavailable(
                "The capture could not be handed to a worker right now. Try again in a minute.",
                detail=f"enqueue {job_id}: {type(error).__name__}: {str(error)[:200]}",
            ) from error

    def close(self) -> None:
        """Close the connections."""
        self._app.close()
