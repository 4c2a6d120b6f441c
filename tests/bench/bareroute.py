"""The floor under the API: a bare FastAPI route that answers with the bytes of a file.

Run as a program: `python -m tests.bench.bareroute PORT FILE`. No caller is asked for, nothing is
read, tagged or bounded; the server is the API's own.
"""

import sys
from pathlib import Path

import uvicorn
from fastapi import FastAPI, Response


def main(port: str, file: str) -> None:
    """Serve until killed."""
    body = Path(file).read_bytes()
    app = FastAPI()

    @app.get("/bare")
    async def bare() -> Response:
        return Response(body, media_type="application/json")

    uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="warning", access_log=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
