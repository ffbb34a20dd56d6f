"""Fixtures that every test may use."""

from hypothesis import HealthCheck, settings

from tests.support.examples import examples

pytest_plugins = ["tests.support.playground", "tests.support.redis", "tests.support.stack", "tests.support.captures"]

# A busy machine is no defect of what is tested: neither slow examples nor slow generation fail a test.
unhurried = [HealthCheck.too_slow]
settings.register_profile("threadcap", max_examples=examples(100), deadline=None, suppress_health_check=unhurried)
settings.load_profile("threadcap")
