"""Fixtures that every test may use."""

from hypothesis import settings

from tests.support.examples import examples

pytest_plugins = ["tests.support.playground", "tests.support.redis", "tests.support.stack", "tests.support.captures"]

settings.register_profile("threadcap", max_examples=examples(100), deadline=None)
settings.load_profile("threadcap")
