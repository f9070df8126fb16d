"""The only writers of states, history, timers and effects."""

from __future__ import annotations

from apps.lifecycle.services.answering import answer_call, give_up_call, register_answering, retry_call
from apps.lifecycle.services.calling import claim_calls, expire_calls, is_call_due, settle_call
from apps.lifecycle.services.definitions import (
    change_draft,
    checked,
    create_draft,
    delete_draft,
    draft_from,
    load_shipped,
    publish_definition,
    retire_definition,
)
from apps.lifecycle.services.effects import (
    EFFECT_LEASE,
    claim_effects,
    forget_effects,
    perform_effects,
    retry_effect,
)
from apps.lifecycle.services.engine import EFFECTS_DOORBELL
from apps.lifecycle.services.known_services import create_service, delete_service, update_service
from apps.lifecycle.services.migrating import (
    Mapped,
    Migrated,
    MigrationPlan,
    migrate,
    require_may_migrate,
    try_migration,
)
from apps.lifecycle.services.moves import (
    LONGEST_REASON,
    advance,
    advance_after,
    begin,
    begin_all,
    plan_all_timers,
    plan_timers,
    prepare,
    record_begun,
)
from apps.lifecycle.services.runs import (
    RUN_LEASE,
    RUNS_DOORBELL,
    claim_runs,
    continue_run,
    release_run,
    start_run,
    stop_run,
)
from apps.lifecycle.services.sagas import CALLS_DOORBELL, forget_sagas, register_calling
from apps.lifecycle.services.telling import register_telling
from apps.lifecycle.services.timers import LEASE, Claim, advance_due, claim_due, retry_timer
from apps.lifecycle.services.triggers import read_log, register_triggers

__all__ = [
    "CALLS_DOORBELL",
    "EFFECTS_DOORBELL",
    "EFFECT_LEASE",
    "LEASE",
    "LONGEST_REASON",
    "RUNS_DOORBELL",
    "RUN_LEASE",
    "Claim",
    "Mapped",
    "Migrated",
    "MigrationPlan",
    "advance",
    "advance_after",
    "advance_due",
    "answer_call",
    "begin",
    "begin_all",
    "change_draft",
    "checked",
    "claim_calls",
    "claim_due",
    "claim_effects",
    "claim_runs",
    "continue_run",
    "create_draft",
    "create_service",
    "delete_draft",
    "delete_service",
    "draft_from",
    "expire_calls",
    "forget_effects",
    "forget_sagas",
    "give_up_call",
    "is_call_due",
    "load_shipped",
    "migrate",
    "perform_effects",
    "plan_all_timers",
    "plan_timers",
    "prepare",
    "publish_definition",
    "read_log",
    "record_begun",
    "register_answering",
    "register_calling",
    "register_telling",
    "register_triggers",
    "release_run",
    "require_may_migrate",
    "retire_definition",
    "retry_call",
    "retry_effect",
    "retry_timer",
    "settle_call",
    "start_run",
    "stop_run",
    "try_migration",
    "update_service",
]
