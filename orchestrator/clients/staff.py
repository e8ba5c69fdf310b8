"""What staff can do with clients and their keys, each with a reason and an audit row."""

from orchestrator.audit.acts import Act, NotDoneError
from orchestrator.audit.models import Kind
from orchestrator.clients.models import ApiClient, ApiKey
from orchestrator.clients.services import revoke_keys


def switch_client(*, on: bool = False) -> Act[ApiClient]:
    """Let none of a client's keys and tokens open anything, or again. Its sessions go on."""

    def plan(client: ApiClient) -> str:
        if client.is_active is on:
            raise NotDoneError(f"{client} is {'on' if on else 'off'} already")
        if on:
            return f"switch {client} on: its keys are good again"
        return f"switch {client} off: none of its keys and tokens is good; its sessions go on"

    def do(client: ApiClient) -> str:
        ApiClient.objects.filter(pk=client.pk).update(is_active=on)
        return f"{client} is {'on' if on else 'off'}"

    name = "switch_client_on" if on else "switch_client_off"
    return Act(name=name, kind=Kind.CLIENT, find=_lock_client, plan=plan, do=do)


def revoke_key() -> Act[ApiKey]:
    """Let a key and the tokens made with it open nothing, for ever."""

    def do(key: ApiKey) -> str:
        revoke_keys([key.pk])
        return f"key {key.pk} of {key.client} is revoked"

    return Act(name="revoke_key", kind=Kind.CLIENT, find=_lock_key, plan=_plan_revoke, do=do)


def _plan_revoke(key: ApiKey) -> str:
    if key.revoked_at is not None:
        raise NotDoneError(f"key {key.pk} is revoked already")
    others = ApiKey.objects.filter(client=key.client, revoked_at=None).exclude(pk=key.pk).count()
    return f"revoke key {key.pk} of {key.client}, for ever; it has {others} others"


def _lock_client(client_id: str) -> ApiClient:
    client = ApiClient.objects.select_for_update().filter(pk=client_id).first()
    if client is None:
        raise NotDoneError(f"no API client {client_id[:40]!r}: choose one in the list")
    return client


def _lock_key(key_id: str) -> ApiKey:
    rows = ApiKey.objects.select_for_update(of=("self",)).select_related("client")
    key = rows.filter(pk=key_id).first()
    if key is None:
        raise NotDoneError(f"no API key {key_id[:40]!r}: choose one in the list")
    return key
