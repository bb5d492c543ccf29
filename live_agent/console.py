"""An interview in a terminal: a real session of the agent in text, which ends in the store like any other."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from evaluator.manifest import Manifest
from live_agent.agent import InterviewAgent, session_of
from live_agent.conducting import Effect
from live_agent.interview import Interview

FIRST_WORDS_S_MAX = 10.0


async def converse(
    interview: Interview,
    *,
    read: Callable[[], Awaitable[str | None]],
    say: Callable[[str], None],
    act: Callable[[Effect], None] = lambda _: None,
) -> Manifest | None:
    """Leads the interview over lines of text; the manifest, None where nothing was kept.

    read: the candidate's next turn, empty for silence, None when they have gone. say: what the interviewer says.
    """

    async def done(effect: Effect) -> None:
        act(effect)

    agent = InterviewAgent(interview, act=done, clock=time.time)
    async with session_of(user_away_timeout=None) as session:
        spoken = asyncio.Event()
        session.on("conversation_item_added", lambda _: spoken.set())
        await session.start(agent, record=False)
        say(interview.reply.text)
        async with asyncio.timeout(FIRST_WORDS_S_MAX):
            await spoken.wait()
        while interview.ended is None and (line := await read()) is not None:
            result: Any = await session.run(user_input=line or " ")
            for event in result.events:
                if event.type == "message" and event.item.role == "assistant":
                    say(event.item.text_content or "")
        await agent.settle()
    return await interview.close()
