"""docs/targets.md declares targets that load as they stand, and names the specs that we ship."""

import re

from models.spec import HERE, load_specs

from .conftest import ROOT

PAGE = (ROOT / "docs" / "targets.md").read_text()


def test_the_declared_targets_load(tmp_path):
    texts = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    tables = [text for text in texts if "[target]" not in text]
    whole = [text for text in texts if "[target]" in text]
    for place, text in enumerate(whole):
        (tmp_path / f"{place}.toml").write_text("\n".join([text, *tables]))
    specs = load_specs([tmp_path])
    assert [spec.name for spec in specs] == ["carts_14d", "spend_30d"]
    for spec in specs:
        for column in spec.target.columns:
            assert f"`{column}`" in PAGE


def test_every_spec_that_we_ship_is_named():
    for spec in load_specs([HERE, HERE / "more"]):
        assert spec.name in PAGE or f"`_{spec.name.rpartition('_')[2]}`" in PAGE, spec.name
