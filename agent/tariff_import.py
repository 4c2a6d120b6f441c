"""`hearthlink tariff import`: a tariff from a file into the hub, or through the cloud's API."""

import argparse
import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from agent.config import load_config
from shared.cli import EXIT_OK
from shared.errors import OperatorError
from shared.readings import Medium
from shared.tariffs import Tariff, decode_tariff

ANSWER_S = 15.0


def build_parser() -> argparse.ArgumentParser:
    """Return the command's parser; the documentation is checked against it."""
    parser = argparse.ArgumentParser("hearthlink tariff", description=run.__doc__)
    parser.add_argument("action", choices=["import"], help="what to do")
    parser.add_argument("file", type=Path, help="the tariff, JSON (docs/reference/tariff.md)")
    parser.add_argument("--config", type=Path, help="the hub's TOML file")
    parser.add_argument(
        "--medium",
        choices=[Medium.ELECTRICITY, Medium.GAS],
        default=Medium.ELECTRICITY,
        help="what it prices on this hub; the cloud goes by --meter",
    )
    parser.add_argument("--api", metavar="URL", help="give it to the cloud, which tells the hub")
    parser.add_argument("--meter", help="with --api: the meter it prices, by its id")
    parser.add_argument(
        "--token-file", type=Path, help="with --api: a file that holds the API's token"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def run(arguments: Sequence[str]) -> int:
    """Import a tariff from a JSON file: into this hub, or with --api into the cloud."""
    chosen = build_parser().parse_args(arguments)
    from agent.tariffs import read_bounded  # noqa: PLC0415 (keeps --help quick)

    payload = read_bounded(chosen.file)
    tariff = decode_tariff(payload, str(chosen.file))
    where = _give_to_cloud(chosen, payload) if chosen.api else _keep_on_hub(chosen, payload)
    if chosen.json:
        print(json.dumps({"tariff": tariff.name, "priced": where, "versions": _versions(tariff)}))
    else:
        print(f"{where}: {tariff.name}, {tariff.currency}, from {', '.join(_versions(tariff))}")
    return EXIT_OK


def _versions(tariff: Tariff) -> list[str]:
    return [version.starts_on.isoformat() for version in tariff.versions]


def _keep_on_hub(chosen: argparse.Namespace, payload: bytes) -> str:
    from agent.database import is_locked  # noqa: PLC0415
    from agent.log import Log  # noqa: PLC0415
    from agent.ownership import check_owner  # noqa: PLC0415
    from agent.tariffs import TariffShelf, left_file  # noqa: PLC0415

    config = load_config(chosen.config)
    check_owner(config.hub_state_dir)
    try:
        log = Log(config.database_path)
    except OperatorError as error:
        if not is_locked(error.__cause__):
            raise
        _leave(left_file(config.hub_state_dir, Medium(chosen.medium)), payload)
        return f"{chosen.medium} (the hub runs and takes it within a minute)"
    try:
        TariffShelf(log, None, None).put(Medium(chosen.medium), payload)
    finally:
        log.close()
    return str(chosen.medium)


def _leave(file: Path, payload: bytes) -> None:
    """Put a whole file where the hub looks for it."""
    partial = file.with_suffix(".partial")
    partial.write_bytes(payload)
    partial.replace(file)


def _give_to_cloud(chosen: argparse.Namespace, payload: bytes) -> str:
    """Put the tariff to the API; raises OperatorError with the API's own words where it refuses."""
    if not chosen.meter or not chosen.token_file:
        raise OperatorError("--api needs --meter and --token-file", hint="give both")
    try:
        token = chosen.token_file.read_text().strip()
    except OSError as error:
        raise OperatorError(
            f"the token file {chosen.token_file} cannot be read: {error.strerror}",
            hint="write the API's token into it, mode 0600",
        ) from error
    url = f"{chosen.api.rstrip('/')}/v1/meters/{quote(chosen.meter, safe='')}/tariff"
    if not url.startswith(("http://", "https://")):
        raise OperatorError(f"--api {chosen.api}", hint="give a URL such as https://cloud.example")
    request = urllib.request.Request(  # noqa: S310 (checked above)
        url,
        data=payload,
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        method="PUT",
    )
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_S):  # noqa: S310
            return str(chosen.meter)
    except urllib.error.HTTPError as error:
        raise OperatorError(f"the API refused the tariff: {_words(error)}") from error
    except (OSError, http.client.HTTPException) as error:
        raise OperatorError(
            f"the API at {chosen.api} does not answer: {error}", hint="check --api"
        ) from error


def _words(error: urllib.error.HTTPError) -> str:
    """Read a problem document's detail and hint (RFC 9457); else the status."""
    try:
        told = json.loads(error.read(65_536))
        return f"{told['detail']} ({told.get('hint', '')})"
    except (ValueError, KeyError, TypeError, OSError):
        return f"status {error.code}"
