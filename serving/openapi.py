"""The API's description (OpenAPI 3.1), rendered from the request models, and the page that shows it without a network."""

from functools import cache
from typing import Any, Final

from pydantic.json_schema import models_json_schema

from .requests import MAX_EVENTS, MAX_USERS, EventsRequest, ScoreRequest, TagsRequest

EVENT: Final = {
    "event_id": "order-17-1",
    "user_id": "u1",
    "ts": "2025-06-15T08:00:00+08:00",
    "kind": "purchase",
    "item": "sku-9",
    "category": "shoes/running",
    "value": 399.0,
}
TAG: Final = {
    "name": "churn_risk",
    "title": {"zh": "流失风险", "en": "Churn risk"},
    "value": "high",
    "probability": 0.71,
    "interval": [0.63, 0.78],
    "probabilities": {"active": 0.29, "churned": 0.71},
    "source": "model:3/churn_30d",
    "computed_at": "2025-06-15T00:00:00Z",
    "expires_at": "2025-06-16T00:00:00Z",
}
TAGS_ANSWER: Final = {
    "as_of": "2025-06-15T00:00:00Z",
    "version": "3",
    "clock": "now",
    "tag_set": "5d41402abc4b",
    "users": [{"user_id": "u1", "known": True, "tags": [TAG]}],
}
ERROR: Final = {"error": {"code": "bad_input", "message": "user_ids is missing; it is required.", "field": "user_ids"}}
REFUSALS: Final = {
    "400": "The request is wrong: `bad_input`; `field` names what, `index` the place in a list.",
    "408": "The body did not come in time: `timeout`.",
    "409": "Not ready, damaged or busy: `not_ready`, `damaged`, `bad_function` (a Python function of the shop's), `busy`.",
    "413": "Beyond a limit: `too_large`.",
    "415": "Not JSON: `unsupported_media_type`.",
    "421": "Called by a name that is not the service's: `unknown_host`.",
    "500": "A fault of ours: `internal`.",
    "503": "Come again after `Retry-After` seconds: `overloaded`, `unavailable`.",
}


@cache
def document() -> dict[str, Any]:
    """The OpenAPI document."""
    models = (TagsRequest, ScoreRequest, EventsRequest)
    _, schemas = models_json_schema(
        [(model, "validation") for model in models], ref_template="#/components/schemas/{model}"
    )
    named = schemas["$defs"] | _ANSWERS
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Intently",
            "version": "1",
            "description": "Tags with calibrated probabilities, as of any instant. Times carry an offset; a user never"
            " seen is no error: `known` is false, and predicted tags carry the base rate.",
        },
        "paths": {
            "/v1/tags": {
                "post": _post(
                    f"Tags of 1 to {MAX_USERS:,} users",
                    TagsRequest.__name__,
                    {"user_ids": ["u1", "u2"], "explain": True},
                    "TagsAnswer",
                    TAGS_ANSWER,
                )
            },
            "/v1/users/{user_id}/tags": {"get": _one_user()},
            "/v1/score": {
                "post": _post(
                    "Tags from events that are not kept",
                    ScoreRequest.__name__,
                    {"events": [EVENT]},
                    "TagsAnswer",
                    TAGS_ANSWER,
                )
            },
            "/v1/events": {
                "post": _post(
                    f"Keep 1 to {MAX_EVENTS:,} events: all, or none where one is wrong. On the disk, and seen by the next"
                    " /v1/tags, when it answers (one of the next minutes: from its `ts` on). Posted again with the same"
                    " `event_id`, an event is a duplicate.",
                    EventsRequest.__name__,
                    {"events": [EVENT]},
                    "EventsAnswer",
                    {"accepted": 1, "duplicate": 0},
                )
            },
            "/v1/model": {"get": _get("Which bundle and tag set answer", "application/json", {"type": "object"})},
            "/v1/model/reload": {
                "post": {
                    "summary": "Verify the champion and let it answer; else what answered goes on.",
                    "responses": _responses(
                        "ReloadAnswer", {"version": "4", "previous": "3", "tag_set": "5d41402abc4b"}
                    ),
                }
            },
            "/healthz": {"get": _get("Is the process alive?", "text/plain", {"type": "string"})},
            "/livez": {"get": _get("Is the process alive?", "text/plain", {"type": "string"})},
            "/readyz": {"get": _get("Does it answer?", "text/plain", {"type": "string"})},
            "/metrics": {"get": _get("Figures, as Prometheus reads them", "text/plain", {"type": "string"})},
        },
        "components": {"schemas": named},
    }


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _responses(answer: str, example: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "200": {
            "description": "The answer.",
            "headers": {"X-Request-ID": {"schema": {"type": "string"}}},
            "content": {"application/json": {"schema": _ref(answer), "example": example}},
        }
    }
    for status, words in REFUSALS.items():
        found[status] = {
            "description": words,
            "content": {"application/json": {"schema": _ref("Error"), "example": ERROR}},
        }
    return found


def _post(summary: str, request: str, given: dict[str, Any], answer: str, example: dict[str, Any]) -> dict[str, Any]:
    return {
        "summary": summary,
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _ref(request), "example": given}},
        },
        "responses": _responses(answer, example),
    }


def _one_user() -> dict[str, Any]:
    def parameter(name: str, schema: dict[str, Any], where: str = "query") -> dict[str, Any]:
        return {"name": name, "in": where, "required": where == "path", "schema": schema}

    return {
        "summary": "Tags of one user",
        "parameters": [
            parameter("user_id", {"type": "string", "minLength": 1, "maxLength": 256}, "path"),
            parameter("as_of", {"type": "string", "format": "date-time"}),
            parameter("only", {"type": "array", "items": {"type": "string"}}),
            parameter("explain", {"type": "boolean"}),
            parameter("what_if", {"type": "boolean"}),
        ],
        "responses": _responses("TagsAnswer", TAGS_ANSWER),
    }


def _get(summary: str, media: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "summary": summary,
        "responses": {"200": {"description": summary, "content": {media: {"schema": schema}}}},
    }


def _object(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": required | (optional or {})}


_TEXT: Final = {"type": "string"}
_TIME: Final = {"type": "string", "format": "date-time"}
_COUNT: Final = {"type": "integer", "minimum": 0}
_WORDS: Final = _object({"zh": _TEXT, "en": _TEXT})
_ANSWERS: Final[dict[str, Any]] = {
    "Tag": _object(
        {
            "name": _TEXT,
            "title": _WORDS,
            "value": _TEXT,
            "probability": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
            "probabilities": {"type": ["object", "null"], "additionalProperties": {"type": "number"}},
            "source": _TEXT,
            "computed_at": _TIME,
            "expires_at": _TIME,
        },
        {
            "value_title": _WORDS,
            "interval": {
                "type": "array",
                "description": "Of a predicted tag: bounds of `probability`, meant to hold for 90 % of groups of such people; "
                "wider where few of them were seen. One person's own probability may lie outside more often.",
                "items": {"type": "number", "minimum": 0, "maximum": 1},
                "minItems": 2,
                "maxItems": 2,
            },
            "slices_failed": {
                "type": "array",
                "description": "Slices of the user in which the model's probabilities are surely off by more than 0.03.",
                "items": _TEXT,
            },
            "note": _WORDS,
            "readouts": {
                "type": "object",
                "description": "Of a tag that says when: probability by horizon, and days and instants of the median and of"
                " the 80 % interval; null is later than the last bucket.",
                "additionalProperties": {"type": ["number", "string", "null"]},
            },
            "reasons": {"type": "array", "items": {"type": "object"}},
            "explanation": {
                "type": "object",
                "description": "What every family of features adds to the score, in log-odds: `expected` and the families'"
                " contributions sum to `score`.",
            },
            "what_if": {
                "type": "object",
                "description": "The smallest change of what a shop can act on that gives the tag another value; what the"
                " model would answer, not what would cause anything.",
            },
        },
    ),
    "User": _object(
        {
            "user_id": _TEXT,
            "known": {"type": "boolean", "description": "Is any event of the user seen at `as_of`?"},
            "tags": {"type": "array", "items": {"$ref": "#/components/schemas/Tag"}},
        }
    ),
    "TagsAnswer": _object(
        {
            "as_of": _TIME,
            "version": _TEXT,
            "clock": {"enum": ["now", "log"]},
            "tag_set": _TEXT,
            "users": {"type": "array", "items": {"$ref": "#/components/schemas/User"}},
        },
        {"unassigned": {"type": "object", "additionalProperties": _TEXT}},
    ),
    "EventsAnswer": _object({"accepted": _COUNT, "duplicate": _COUNT}),
    "ReloadAnswer": _object({"version": _TEXT, "previous": _TEXT, "tag_set": _TEXT}),
    "Error": _object(
        {"error": _object({"code": _TEXT, "message": _TEXT}, {"field": _TEXT, "index": _COUNT, "request_id": _TEXT})}
    ),
}

DOCS_PAGE: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Intently</title>
<link rel="stylesheet" href="/static_content/swagger-ui.css">
</head>
<body>
<div id="ui"></div>
<script src="/static_content/swagger-ui-bundle.js"></script>
<script>SwaggerUIBundle({ url: "/openapi.json", dom_id: "#ui", validatorUrl: null });</script>
</body>
</html>
"""
"""Swagger's page from files that BentoML carries; BentoML's own page would report each view to an ad network."""
