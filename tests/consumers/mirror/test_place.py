"""Where a mirror reads: given as a sink gives it, kept for its owner alone, shown without a password."""

import stat
from pathlib import Path

import pytest

from config.errors import ConfigError
from consumers.mirror.place import FILE, keep, kept, place_of, shown

URL = "kafka+ssl://a:1,b:2?topic_prefix=ml&security.protocol=sasl_ssl&sasl.username=u&sasl.password=hidden%21"


def test_a_place_is_kept_for_its_owner_alone_and_shown_without_its_password(tmp_path: Path) -> None:
    keep(tmp_path, URL)
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    place = kept(tmp_path)
    assert place == place_of(URL)
    assert (place.servers, place.topic) == ("a:1,b:2", "ml.events")
    assert place.client["sasl.password"] == "hidden!"
    assert shown(place) == "kafka://a:1,b:2/ml.events"
    assert place_of("kafka://a:1").topic == "matchline.events"


@pytest.mark.parametrize(
    "url", ["tcp://h:1", "kafka://", "kafka://h:1/x", "kafka://h:1?topic=a", "kafka://h:1?topic_prefix=a/b",
            "kafka://me:hidden@h:1", "kafka://h:1?sasl.password=hidden"],
)  # fmt: skip
def test_a_url_that_is_none_is_refused_by_name(url: str) -> None:
    with pytest.raises(ConfigError, match="--from") as refused:
        place_of(url)
    assert "hidden" not in str(refused.value)
