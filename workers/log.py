"""Structured logs: one JSON object a line on stderr, from structlog and the standard library alike.

Events are short names, values are ids, counts and reasons; never payloads, message texts or tokens.
"""

import logging
import sys

import structlog

SHARED: tuple[structlog.types.Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)


def set_up(level: str = "INFO", *, name: str) -> None:
    """Send all logs of the process to stderr as JSON. `name` says which process in every line."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *SHARED,
            structlog.processors.format_exc_info,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*SHARED, structlog.processors.format_exc_info],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(),
        ],
    )
    handler.setFormatter(formatter)
    logging.captureWarnings(True)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # the libraries' debug logs hold message texts
    for noisy in ("slack_sdk", "slack_bolt", "aiohttp", "asyncio", "kombu", "celery"):
        logging.getLogger(noisy).setLevel(max(logging.INFO, logging.getLevelName(level)))
    structlog.contextvars.bind_contextvars(process=name)
