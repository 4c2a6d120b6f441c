"""The captures decoded by us beside each library; `score.py` has them file by file."""

from tests.bench.score import PEERS, TITLES, Row, agreement, section, take


def measure() -> list[dict[str, object]]:
    """Return the rows of the benchmark page; none where the shelf is not on this machine."""
    rows: list[dict[str, object]] = []
    for protocol, peers in PEERS.items():
        ours = [row for row in take() if row.capture.protocol == protocol]
        if ours:
            rows += [_decoded(protocol, peer, ours) for peer in peers]
            rows.append(_values(protocol, ours))
        if protocol == "dlms" and ours:
            rows.append(_agreement(ours))
    return rows


def detail() -> str:
    """Return what the page shows below the rows: every file."""
    return section()


def _decoded(protocol: str, peer: str, rows: list[Row]) -> dict[str, object]:
    ours = sum(row.decoded for row in rows)
    theirs = sum(row.peers[peer].decoded for row in rows)
    return {
        "name": f"{TITLES[protocol]} captures decoded",
        "ours": ours,
        "unit": f"of {sum(row.good for row in rows)} good",
        "peer": peer,
        "theirs": theirs,
        "ratio": round(ours / max(1, theirs), 2),
        "target": 1,
        "note": f"{len(rows)} files, below",
    }


def _values(protocol: str, rows: list[Row]) -> dict[str, object]:
    compared, equal = sum(row.compared for row in rows), sum(row.equal for row in rows)
    return _equal(f"{TITLES[protocol]} values equal to those published or printed", equal, compared)


def _agreement(rows: list[Row]) -> dict[str, object]:
    return _equal("DLMS values equal to amshan's decoding", *agreement(rows, "amshan"))


def _equal(name: str, equal: int, compared: int) -> dict[str, object]:
    return {
        "name": name,
        "ours": equal,
        "unit": f"of {compared}",
        "peer": "limit",
        "theirs": compared,
        "ratio": round(equal / max(1, compared), 3),
        "target": 1,
        "note": "",
    }
