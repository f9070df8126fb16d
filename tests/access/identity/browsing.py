"""A browser without scripts: follows redirects by hand, keeps cookies, fills in the provider's forms."""

from __future__ import annotations

import re
from types import TracebackType
from typing import Self

import httpx

MOST_STEPS = 15
PATIENCE_S = 60.0


class Browser:
    """One person's browser. ``went`` are the addresses that it was at, without what follows a question mark."""

    def __init__(self, home: str) -> None:
        self.home = home
        self.went: list[str] = []
        self._client = httpx.Client(timeout=PATIENCE_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._client.close()

    def get(self, address: str) -> httpx.Response:
        """Go to an address, ours if it begins with a slash, without following anything."""
        full = self.home + address if address.startswith("/") else address
        self.went.append(full.partition("?")[0])
        return self._client.get(full)

    def visit(self, address: str) -> httpx.Response:
        """Go to an address and wherever it leads."""
        return self._follow(self.get(address))

    def submit(self, page: httpx.Response, **fields: str) -> httpx.Response:
        """Send the form of a page, with its hidden fields, and go wherever that leads."""
        action = re.search(r'<form[^>]*action="([^"]+)"', page.text)
        hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
        target = page.url.join(action[1]) if action else page.url
        headers = {"Referer": str(page.url)}
        return self._follow(self._client.post(target, data={**hidden, **fields}, headers=headers))

    def sign_in(self, subject: str, to: str = "/sign-in/oidc/") -> httpx.Response:
        """Sign in at the provider as a subject, or by the session that is there; returns where it ends."""
        page = self.visit(to)
        while 'name="login"' in page.text:
            page = self.submit(page, login=subject, password="x", prompt="login")
        return page

    def me(self) -> dict[str, object]:
        """Return what our API says of who is signed in."""
        answer: dict[str, object] = self._client.get(f"{self.home}/api/v1/me").json()
        return answer

    def _follow(self, answer: httpx.Response) -> httpx.Response:
        for _ in range(MOST_STEPS):
            if answer.next_request is None:
                return answer
            self.went.append(str(answer.next_request.url).partition("?")[0])
            answer = self._client.send(answer.next_request)
        raise AssertionError(f"It goes in a ring: {self.went}")
