"""A small kopf operator, as its documentation would have it: `kopf run probe_operator.py`."""

from typing import Any

import kopf

PLACE = ("example.com", "v1", "probes")


@kopf.on.startup()
def settle(settings: kopf.OperatorSettings, **_: Any) -> None:
    settings.watching.server_timeout = 60


@kopf.on.create(*PLACE)
def made(spec: kopf.Spec, patch: kopf.Patch, body: kopf.Body, **_: Any) -> dict[str, str]:
    """Report a phase; what is returned goes into status as well."""
    patch.status["phase"] = "Watching"
    kopf.event(body, type="Normal", reason="Probing", message=f"looks at {spec['target']}")
    return {"target": spec["target"]}


@kopf.on.update(*PLACE, field="spec.target")
def moved(old: Any, new: Any, patch: kopf.Patch, **_: Any) -> None:
    patch.status["moved"] = f"{old} to {new}"


@kopf.on.delete(*PLACE)
def gone(name: str, logger: kopf.Logger, **_: Any) -> None:
    """With a deletion handler kopf sets its finalizer."""
    logger.info("let go of %s", name)
