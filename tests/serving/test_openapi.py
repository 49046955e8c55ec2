"""The description of the API is whole, and is what the routes are."""

import json

import pytest

from features.events import KINDS
from serving.body import read_body
from serving.endpoints import Desk, application
from serving.openapi import document
from serving.requests import EventsRequest, Frame, ScoreRequest, TagsRequest

FRAME = Frame("UTC", KINDS, 2**60)
MODELS = {"/v1/tags": TagsRequest, "/v1/score": ScoreRequest, "/v1/events": EventsRequest}


def references(node):
    """All `$ref`s below a node."""
    if isinstance(node, dict):
        yield from ([node["$ref"]] if "$ref" in node else [])
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_every_reference_leads_somewhere():
    schemas = document()["components"]["schemas"]
    found = set(references(document()))
    assert {reference.removeprefix("#/components/schemas/") for reference in found} <= set(schemas)
    assert len(found) > 5


def test_every_route_under_v1_is_described_with_its_method():
    described = {(path, method.upper()) for path, item in document()["paths"].items() for method in item}
    routes = {
        (route.path.replace(":path", ""), method)
        for route in application(Desk()).routes
        for method in route.methods - {"HEAD"}
        if route.path.startswith("/v1/")
    }
    assert routes == {pair for pair in described if pair[0].startswith("/v1/")}


@pytest.mark.parametrize("path", MODELS)
def test_every_example_of_a_body_is_a_proper_one(path):
    body = document()["paths"][path]["post"]["requestBody"]["content"]["application/json"]
    assert read_body(MODELS[path], json.dumps(body["example"]).encode(), FRAME)
    name = body["schema"]["$ref"].rsplit("/", 1)[1]
    schema = document()["components"]["schemas"][name]
    assert set(schema["properties"]) == set(MODELS[path].model_fields)
    assert schema["additionalProperties"] is False


def test_every_post_says_what_it_refuses():
    for path, item in document()["paths"].items():
        if "post" in item:
            assert {"200", "400", "413", "415", "500", "503"} <= set(item["post"]["responses"]), path


def test_the_document_is_json():
    assert json.loads(json.dumps(document())) == document()
