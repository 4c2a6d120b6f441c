"""Credit and messages as displays show them, and what the household may answer at its page."""

from starlette.testclient import TestClient

from agent.home.changes import TOKEN_HEADER
from agent.home.inputs import Message, PrepaymentState
from agent.home.messageview import READ_SHOWN_MS, view_messages
from agent.home.prepayment import STALE_AFTER_MS, view_prepayment
from agent.home.shown import build_shown
from tests.support.home_inputs import NOW_MS, home_inputs
from tests.support.home_page import PIN, Home


def client_of(home: Home, pin: str = PIN) -> TestClient:
    """A browser on the hub itself."""
    app = home.page(pin)
    headers = {TOKEN_HEADER: app.state.token}
    return TestClient(app, base_url="http://localhost:8080", headers=headers)


def test_no_credit_is_shown_that_no_meter_tells() -> None:
    """None, and not 0."""
    assert build_shown(home_inputs()).prepayment is None


def test_credit_is_shown_with_its_age() -> None:
    """What the meter left out is a dash."""
    said = PrepaymentState(NOW_MS - 720_000, "GBP", -1_250_000, 8_750_000, None)
    view = view_prepayment(home_inputs(prepayment=said))

    assert view is not None
    assert (view.balance_text, view.emergency_text, view.debt_text) == ("−£1.25", "£8.75", "–")
    assert (view.debt_millionths, view.age_text, view.is_stale) == (None, "12 min ago", False)


def test_an_old_balance_is_stale() -> None:
    """A day's standing charge has come off since."""
    said = PrepaymentState(NOW_MS - STALE_AFTER_MS - 1, "GBP", 5_000_000)
    view = view_prepayment(home_inputs(prepayment=said))

    assert view is not None
    assert view.is_stale


def test_unread_messages_come_first_then_the_newest() -> None:
    """Whoever looks sees what waits for them."""
    messages = [
        Message(1, "read long ago", NOW_MS - 1, NOW_MS - READ_SHOWN_MS - 1),
        Message(2, "older", NOW_MS - 90_000_000),
        Message(3, "read", NOW_MS - 3_600_000, NOW_MS - 1_000),
        Message(4, "newer", NOW_MS - 600_000),
    ]

    shown = view_messages(home_inputs(messages=messages))

    assert [(one.id, one.is_acknowledged) for one in shown] == [(4, False), (2, False), (3, True)]
    assert [one.received_text for one in shown] == ["18:02", "Thu 19 Nov 17:12", "17:12"]


def test_a_message_is_acknowledged_with_the_pin() -> None:
    """As every change is."""
    home = Home()
    client = client_of(home)

    wrong = client.post("/acknowledge", json={"pin": "0000", "id": 4})
    right = client.post("/acknowledge", json={"pin": PIN, "id": 4})

    assert (wrong.status_code, right.status_code) == (401, 200)
    assert home.acknowledged == [4]


def test_a_message_that_is_gone_is_refused() -> None:
    """With what to do."""
    answer = client_of(Home()).post("/acknowledge", json={"pin": PIN, "id": 9})

    assert answer.status_code == 404
    assert answer.json()["hint"]


def test_a_budget_is_set_with_the_pin() -> None:
    """And taken back with an empty amount."""
    home = Home()
    client = client_of(home)

    for amount in ("45.50", ""):
        assert client.post("/budget", json={"pin": PIN, "amount": amount}).status_code == 200
    assert client.post("/budget", json={"pin": PIN, "amount": "lots"}).status_code == 422

    assert home.budgets == [45_500_000, None]


def test_neither_is_for_a_page_without_a_pin_or_token() -> None:
    """Nor for another site's page."""
    home = Home()
    read_only, foreign = client_of(home, pin=""), client_of(home)
    foreign.headers.pop(TOKEN_HEADER)

    for path, body in (("/acknowledge", {"id": 4}), ("/budget", {"amount": "5"})):
        for client in (read_only, foreign):
            assert client.post(path, json={"pin": PIN, **body}).status_code == 403

    assert (home.acknowledged, home.budgets) == ([], [])


def test_the_view_is_new_after_an_answer() -> None:
    """Whoever has acknowledged sees it at once."""
    home = Home()
    client = client_of(home)
    client.get("/view.json")

    client.post("/acknowledge", json={"pin": PIN, "id": 4})
    client.get("/view.json")

    assert home.reads == 2
