"""Profiles and the user's file."""

from pathlib import Path

import pytest

from config.errors import ConfigError
from config.settings import PROFILES, load


@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_loads(profile: str) -> None:
    assert load(profile).engine.durability == "journal"


def test_the_users_file_is_laid_over_the_profile(tmp_path: Path) -> None:
    file = tmp_path / "my.toml"
    file.write_text('[engine]\ndurability = "fsync"\n[[sink]]\nname = "r"\nkind = "redis"\nurl = "redis://x"\n')
    settings = load("baremetal", file)
    assert settings.engine.durability == "fsync"
    assert settings.engine.pin
    assert settings.sinks[0].kind == "redis"


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("[engine]\ncolour = 1\n", "engine.colour"),
        ("[motor]\n", "motor"),
        ('[engine]\ndurability = "often"\n', "engine.durability"),
        ("[engine]\npin = 1\n", "engine.pin"),
        ("[ring]\ncapacity = 100000\n", "ring.capacity"),
        ("[ring]\ncapacity = 1024\n", "engine.max_events"),
        ("[engine]\nmax_orders = 1000000000000\n", "engine.max_orders"),
        ("[engine]\nmax_events = 64\n", "engine.max_events"),
        ("[ring]\nlanes = 2\n", "ring.lanes"),
        ("[ring]\nlane_capacity = 2\n", "ring.lane_capacity"),
        ("[consumers]\nmap_gb = 100000000\n", "consumers.map_gb"),
        ('[gateway]\ntls_key = "k.pem"\n', "gateway.tls_certificate"),
        ('[gateway]\ntls_certificate = "c.pem"\n', "gateway.tls_key"),
        ("[risk]\nmax_open_orders = -1\n", "risk.max_open_orders"),
        ('[[sink]]\nname = "a"\nkind = "fax"\nurl = "x"\n', "sink[0].kind"),
        ('[[sink]]\nname = "A b"\nkind = "redis"\nurl = "x"\n', "sink[0].name"),
        ('[[sink]]\nname = "a"\nkind = "redis"\nurl = ""\n', "sink[0].url"),
        ('[[sink]]\nname = "a"\nkind = "redis"\nurl = "x"\nprefix = "a b"\n', "sink[0].prefix"),
        ('[[sink]]\nname = "a"\nkind = "mysql"\nurl = "x"\ntables = "events,events"\n', "sink[0].tables"),
        ('[[sink]]\nname = "a"\nkind = "mysql"\nurl = "x"\ntables = "events,fills"\n', "sink[0].tables"),
        ('[[sink]]\nname = "a"\nkind = "kafka"\nurl = "x"\nformat = "xml"\n', "sink[0].format"),
        ('[[sink]]\nname = "a"\nkind = "redis"\nurl = "x"\nkeep = -1\n', "sink[0].keep"),
        ('[[sink]]\nname = "a"\nkind = "redis"\nurl = "x"\nbatch = 100000\n', "sink[0].batch"),
        ('[[sink]]\nname = "a"\nkind = "redis"\nurl = "x"\n' * 2, "sink[0].name"),
        ("[engine\n", "--config"),
    ],
)
def test_what_can_not_be_used_is_refused_by_name(tmp_path: Path, text: str, field: str) -> None:
    file = tmp_path / "my.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load("laptop", file)
    assert caught.value.field == field
