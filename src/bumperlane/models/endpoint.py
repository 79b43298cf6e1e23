"""A model behind an OpenAI-compatible endpoint: text in, text out, and nothing else.

Idea: many models can only be sent prompts. The same audits run on them; those that need more than
text answer ``inconclusive: no access``. Invariant: an answer that did not come (refused connection,
an error, an empty reply) is an error that names the endpoint, never an empty text that could be
taken for silence. Nothing is sent anywhere but to the URL that was given.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Sequence
from typing import Any

from bumperlane.errors import BadInput, first_line

KEY = "BUMPERLANE_API_KEY"  # environment variable of the key, so that none stands in a command line
AT_ONCE, PATIENCE = 8, 120.0


class Endpoint:
    """A model that can only be sent prompts. ``where``: ``http(s)://host/v1#model``. Raises
    ``BadInput`` for anything else."""

    offers = frozenset({"text", "data"})

    def __init__(self, where: str, patience: float = PATIENCE) -> None:
        self.url, _, self.model = where.partition("#")
        if not self.url.startswith(("http://", "https://")) or not self.model:
            raise BadInput(f"{where!r} is no endpoint; give it as http://host:port/v1#model-name")
        self.patience, self.tokens = patience, 0
        self.identity = where
        self._known: dict[str, tuple[str, int]] = {}
        self._opener = urllib.request.build_opener(NoRedirect)

    async def generate(
        self,
        prompts: Sequence[Any],
        max_new_tokens: int,
        temperature: float,
        seed: int,
        prefills: Sequence[str] | None = None,
    ) -> tuple[list[str], int]:
        """One completion a prompt, and the tokens that they took. Raises ``BadInput`` for what the
        endpoint cannot do or does not answer."""
        if prefills is not None and any(prefills):
            raise BadInput(
                f"no access: {self.url} cannot go on with an answer that was begun for it"
            )
        seen: Counter[str] = Counter()
        gate, pending = asyncio.Semaphore(AT_ONCE), []
        for prompt in prompts:
            key = json.dumps(prompt)
            own_seed = seed + 7919 * seen[key]
            pending.append(self._complete(gate, prompt, max_new_tokens, temperature, own_seed))
            seen[key] += temperature > 0
        answers = await asyncio.gather(*pending)
        return [text for text, _ in answers], sum(tokens for _, tokens in answers)

    async def _complete(
        self,
        gate: asyncio.Semaphore,
        prompt: Any,
        max_new_tokens: int,
        temperature: float,
        seed: int,
    ) -> tuple[str, int]:
        """One completion and its tokens, sent for once whoever wants it how often."""
        chat = not isinstance(prompt, str)
        body = {
            "model": self.model,
            "max_tokens": max_new_tokens,
            "temperature": temperature,
            "seed": seed,
            "messages" if chat else "prompt": prompt,
        }
        key = json.dumps(body, sort_keys=True)
        if key not in self._known:
            async with gate:
                self._known[key] = await asyncio.to_thread(
                    self._post, "chat/completions" if chat else "completions", body, chat
                )
            self.tokens += self._known[key][1]
        return self._known[key]

    def _post(self, path: str, body: dict[str, Any], chat: bool) -> tuple[str, int]:
        """The endpoint's completion and the tokens that it took."""
        request = urllib.request.Request(
            f"{self.url.rstrip('/')}/{path}",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        if os.environ.get(KEY):
            request.add_header("Authorization", f"Bearer {os.environ[KEY]}")
        try:
            with self._opener.open(request, timeout=self.patience) as reply:
                answer = json.loads(reply.read())
            choice = answer["choices"][0]
            text = choice["message"]["content"] if chat else choice["text"]
            tokens = int((answer.get("usage") or {}).get("total_tokens") or 0)
        except urllib.error.HTTPError as error:
            raise BadInput(
                f"{self.url}/{path} answered {error.code}: {first_line(error)}; is the "
                f"model's name {self.model!r} right?"
            ) from error
        except (urllib.error.URLError, http.client.HTTPException, TimeoutError, OSError) as error:
            raise BadInput(
                f"{self.url} cannot be reached ({first_line(error)}); is the server running?"
            ) from error
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise BadInput(
                f"{self.url}/{path} gave no completion ({type(error).__name__}: "
                f"{first_line(error)}); OpenAI's form is needed"
            ) from error
        if not isinstance(text, str) or not text.strip():
            raise BadInput(f"{self.url}/{path} gave an empty reply; nothing can be learned from it")
        return text.strip(), tokens


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the prompts, and the key, to another host than the one that
    was named."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


class NoModel:
    """In the place of a model that was not given: every request is refused, with the reason
    ``why``."""

    offers: frozenset[str] = frozenset()
    identity = "nobody"
    tokens = 0

    def __init__(self, why: str) -> None:
        self.why = why
