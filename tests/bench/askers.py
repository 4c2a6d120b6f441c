"""Clients that ask an API over loopback, each on a connection it keeps: as fast as they are told.

Owns no figures: it gives back what each answer took and said.
"""

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

HEAD_END = b"\r\n\r\n"
NOT_MODIFIED = 304


class Question(NamedTuple):
    """A path with its query, the token to show, and the tag of an earlier answer or ""."""

    path: str
    token: str
    tag: str = ""


class Answer(NamedTuple):
    """What came back, and after how long."""

    status: int
    tag: str
    body: bytes
    took_ms: float


def ask_all(port: int, questions: list[Question], connections: int) -> list[Answer]:
    """Ask everything over so many connections at once; answers in the order of the questions."""
    return asyncio.run(_ask_all(port, questions, connections))


async def _ask_all(port: int, questions: list[Question], connections: int) -> list[Answer]:
    answers: dict[int, Answer] = {}
    waiting = iter(enumerate(questions))
    await asyncio.gather(*(_client(port, waiting, answers) for _ in range(connections)))
    return [answers[place] for place in range(len(questions))]


async def _client(
    port: int, waiting: Iterator[tuple[int, Question]], answers: dict[int, Answer]
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 22)
    for place, question in waiting:
        started_s = time.perf_counter()
        writer.write(_request(question))
        head = (await reader.readuntil(HEAD_END)).decode("latin-1").split("\r\n")
        fields = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head[1:])
        }
        status = int(head[0].split()[1])
        size = 0 if status == NOT_MODIFIED else int(fields["content-length"])
        body = await reader.readexactly(size)
        took_ms = (time.perf_counter() - started_s) * 1_000
        answers[place] = Answer(status, fields.get("etag", ""), body, took_ms)
    writer.close()


def _request(question: Question) -> bytes:
    lines = [
        f"GET {question.path} HTTP/1.1",
        "Host: bench",
        f"Authorization: Bearer {question.token}",
        *([f"If-None-Match: {question.tag}"] if question.tag else []),
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def cpu_s(pid: int) -> float:
    """Read how much of a core a process has used, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
