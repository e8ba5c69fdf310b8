"""What staff can do with a route."""

from auctions_app.market import current_market
from auctions_app.models import RouteSwitch
from orchestrator.audit.acts import Act, NotDoneError
from orchestrator.audit.models import Kind


def pause_route(*, resume: bool = False) -> Act[RouteSwitch]:
    """Take no new quotes, sessions and fills by a route, or again; open swaps go on."""
    return Act(
        name="resume_route" if resume else "pause_route",
        kind=Kind.ROUTE,
        find=_lock_switch,
        plan=_plan_resume if resume else _plan_pause,
        do=_resume if resume else _pause,
    )


def sync_switches() -> None:
    """A row for each configured route; rows of routes that are gone stay, and switch nothing."""
    rows = [RouteSwitch(route_id=route_id) for route_id in current_market().routes]
    RouteSwitch.objects.bulk_create(rows, ignore_conflicts=True)


def _lock_switch(route_id: str) -> RouteSwitch:
    """Raises UnknownRouteError, which names the routes that there are."""
    route = current_market().route(route_id)
    RouteSwitch.objects.get_or_create(route_id=route.id)
    return RouteSwitch.objects.select_for_update().get(route_id=route.id)


def _plan_pause(switch: RouteSwitch) -> str:
    if switch.is_paused:
        raise NotDoneError(f"{switch} is paused already")
    return f"pause {switch}: no new quotes, sessions and fills; what is filled goes on to its end"


def _plan_resume(switch: RouteSwitch) -> str:
    if not switch.is_paused:
        raise NotDoneError(f"{switch} is running already")
    return f"resume {switch}: it takes new quotes, sessions and fills again"


def _pause(switch: RouteSwitch) -> str:
    RouteSwitch.objects.filter(pk=switch.pk).update(is_paused=True)
    return f"{switch} is paused"


def _resume(switch: RouteSwitch) -> str:
    RouteSwitch.objects.filter(pk=switch.pk).update(is_paused=False)
    return f"{switch} is running"
