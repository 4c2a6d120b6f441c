"""The broker connection's certificates; its traffic is tested through the worker."""

from pathlib import Path

import pytest

from cloud.mqtt import BrokerLink
from shared.errors import OperatorError
from tests.support.cloud import config_in


def test_certificates_that_are_none_name_the_keys(tmp_path: Path) -> None:
    """Files that are not PEM stop the process with the settings to check."""
    paths = {key: tmp_path / key for key in ("broker_ca", "broker_cert", "broker_key")}
    for path in paths.values():
        path.write_text("not a certificate")

    with pytest.raises(OperatorError) as caught:
        BrokerLink(config_in(tmp_path, **paths), "cloud-api", [], lambda _t, _p: None)

    assert "broker_ca" in caught.value.hint
