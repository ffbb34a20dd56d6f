"""The page by the keyboard alone."""

from __future__ import annotations

from playwright.async_api import Page

FOCUSED = "document.activeElement.dataset.testid ?? document.activeElement.textContent.trim()"


async def focused(page: Page) -> str:
    """The test id (or else the words) of what has the focus."""
    return str(await page.evaluate(FOCUSED))


async def tab_to(page: Page, wanted: str, key: str = "Tab", most: int = 40) -> None:
    """Press Tab until `wanted` has the focus; AssertionError when it can't be reached."""
    passed = []
    for _ in range(most):
        await page.keyboard.press(key)
        passed.append(await focused(page))
        if passed[-1] == wanted:
            return
    raise AssertionError(f"{wanted} is not reached by {key}: {passed}")
