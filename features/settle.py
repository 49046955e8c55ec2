"""What a workspace fixes at its first ingest, and what later ones must agree with: timezone, currency, kinds."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from .errors import InputError, SpecError, did_you_mean
from .events import ACTS, KINDS, RETENTION_DAYS
from .mapping import Mapping
from .workspace import Facts, Workspace, check_timezone


def settle(
    workspace: Workspace,
    mappings: Sequence[Mapping],
    *,
    timezone: str | None,
    currency: str | None,
    ask: Callable[[], str] | None,
    notes: list[str],
) -> tuple[Facts, str | None]:
    """The workspace's facts as they will be, and the timezone of naive times that no mapping tells (None: not known).

    Args:
        workspace: Where to.
        mappings: Of the files to ingest.
        timezone: The user's option.
        currency: The user's option.
        ask: Asks the user for the timezone; None where nobody is there to answer.
        notes: Takes what is worth saying.

    Raises:
        InputError: Another timezone or currency than the workspace's.
        SpecError: A mapping leads to a kind that nobody declared.
    """
    known = workspace.facts if _is_settled(workspace) else None
    own = declared_kinds(workspace)
    kinds = tuple(dict.fromkeys([*(known.own_kinds if known else ()), *own]))
    _check_kinds(mappings, (*KINDS, *ACTS, *kinds), workspace)
    wanted = workspace.setting("timezone", timezone)
    if wanted is not None:
        check_timezone(wanted)
    mapped = next((mapping.timezone for mapping in mappings if mapping.timezone), None)
    money = workspace.setting("currency", currency) or next(
        (m.units.currency for m in mappings if m.units.currency), None
    )
    if known is not None:
        if wanted is not None and wanted != known.timezone:
            raise InputError(
                f"The workspace's timezone is {known.timezone}, since its first ingest; {wanted} cannot be set now. "
                "Leave the option out (a mapping's `timezone` says how its own times are written), or begin another workspace."
            )
        if money and known.currency and money != known.currency:
            raise InputError(
                f"The workspace's currency is {known.currency}, since its first ingest; {money} was given. Convert with "
                f'`[units]` `currency = "{known.currency}"` and `[units.rates]` in a mapping, or begin another workspace.'
            )
        if money and not known.currency:
            notes.append(f"The workspace's currency is now {money}.")
        return replace(known, own_kinds=kinds, currency=known.currency or money or ""), known.timezone
    zone = wanted
    if zone is None and ask is not None:
        zone = ask().strip() or None
        if zone is not None:
            check_timezone(zone)
    told = zone
    if zone is None and mapped:
        zone = mapped
        notes.append(f"The shop's timezone is {zone}, from the format; days, hours and weekdays are in it.")
    if zone is None:
        zone = "UTC"
        notes.append(
            "The shop's timezone is UTC, since none was given (--timezone); days, hours and weekdays are in it."
        )
    facts = Facts(
        timezone=zone,
        currency=money or "",
        retention_days=_whole(workspace, "retention_days", RETENTION_DAYS),
        buckets=_whole(workspace, "buckets", Facts().buckets),
        own_kinds=kinds,
    )
    return facts, told


def _is_settled(workspace: Workspace) -> bool:
    """Has anything come in? A first ingest that was killed leaves facts behind that bind nobody."""
    tables = [path / "_delta_log" for path in (workspace.events, workspace.users, workspace.items)]
    own = workspace.attributes.glob("*/_delta_log")
    return workspace.exists and any(path.exists() for path in (*tables, *own, workspace.journal))


def _whole(workspace: Workspace, name: str, default: int) -> int:
    value = workspace.setting(name, default=default)
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = 0
    if number < 1:
        raise InputError(f"Setting {name!r} is {value!r}; it is a whole number above 0.")
    return number


def declared_kinds(workspace: Workspace) -> tuple[str, ...]:
    """The shop's own kinds, declared as `[kinds.NAME]` in `intently.toml`."""
    table = workspace.config.get("kinds", {})
    if not isinstance(table, dict):
        raise SpecError('`kinds` in intently.toml is a table: `[kinds.lottery]` `stage = "browsing"`.')
    return tuple(name for name in table if name not in KINDS)


def _check_kinds(mappings: Iterable[Mapping], kinds: Sequence[str], workspace: Workspace) -> None:
    for mapping in mappings:
        targets = [*mapping.kinds.values(), *([mapping.negative] if mapping.negative else [])]
        source = mapping.columns.get("kind")
        if source is not None and source.how == "constant":
            targets.append(mapping.kinds.get(source.constant, source.constant))
        for kind in targets:
            if kind not in kinds:
                raise SpecError(
                    f"The mapping leads to the kind {kind!r}, which is not known. {did_you_mean(kind, kinds)} To have a kind "
                    f"of your own, declare it in {workspace.home / 'intently.toml'}: `[kinds.{kind}]` with `stage = "
                    '"browsing"`, "considering", "buying" or "none".'
                )
