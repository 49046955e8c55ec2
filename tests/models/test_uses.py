"""Who uses a feature."""

from features.workspace import Facts, Workspace
from models.spec import default_specs
from models.uses import used_by


def test_specs_and_tags_of_a_workspace(tmp_path):
    workspace = Workspace.at(tmp_path / "home", {})
    ours = used_by(workspace)
    assert set(ours["purchase_age"]["specs"]) <= {spec.name for spec in default_specs(workspace)}
    assert "rfm" in ours["purchase_age"]["tags"]
    workspace.fix(Facts())
    workspace.specs.mkdir()
    text = next(spec.text for spec in default_specs(workspace) if spec.name == "churn_30d")
    kept = [line for line in text.splitlines() if not line.startswith("features")]
    (workspace.specs / "mine.toml").write_text(
        'features = ["purchase_*"]\n' + "\n".join(kept).replace("churn_30d", "churn_mine")
    )
    found = used_by(workspace)
    assert found["purchase_age"]["specs"] == ["churn_mine"]
    assert found["view_age"]["specs"] == []
    assert list(found) == list(ours)
