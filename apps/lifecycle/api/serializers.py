"""Transitions as they are asked for and shown."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.lifecycle.models import Transition
from apps.lifecycle.services import LONGEST_REASON
from apps.lifecycle.types import Cause, Tone


class StateSerializer(serializers.Serializer[Any]):
    """The state that something is in."""

    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # the metaclass takes fields out of the class
    tone = serializers.ChoiceField(choices=[each.value for each in Tone], help_text="How it may be coloured.")
    category = serializers.CharField(help_text="`open`, `active` or `done`.")
    is_final = serializers.BooleanField(help_text="Nothing leads out of it.")


class AllowedTransitionSerializer(serializers.Serializer[Any]):
    """A transition that the caller may make now."""

    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # the metaclass takes fields out of the class
    target = serializers.CharField(help_text="The state that it leads to.")
    needs_reason = serializers.BooleanField()
    form = serializers.DictField(allow_null=True, help_text="The JSON Schema of `answers`; null asks for none.")


class DueTransitionSerializer(serializers.Serializer[Any]):
    """A transition that the clock will make."""

    name = serializers.CharField(source="transition")
    due_at = serializers.DateTimeField()


class DemandSerializer(serializers.Serializer[Any]):
    """A condition in CQL2 that the object must meet."""

    text = serializers.CharField()
    is_met = serializers.BooleanField(allow_null=True, help_text="Null where you may not know.")
    values = serializers.DictField(help_text="What it looks at, as it is now.")


class WaySerializer(serializers.Serializer[Any]):
    """One way out of the state, and what it waits for."""

    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # the metaclass takes fields out of the class
    target = serializers.CharField()
    action = serializers.CharField(allow_null=True, help_text="What somebody must hold to make it by hand.")
    may = serializers.BooleanField(allow_null=True, help_text="Whether you hold it; null where no hand makes it.")
    against = serializers.CharField(allow_null=True, help_text="What stands against it now.")
    requires = DemandSerializer(allow_null=True)
    condition = DemandSerializer(allow_null=True)
    due_at = serializers.DateTimeField(allow_null=True, help_text="When the clock will make it.")
    attempts = serializers.IntegerField(help_text="How often the clock has tried in vain.")
    rests_until = serializers.DateTimeField(allow_null=True, help_text="When it tries again, after it has.")
    event = serializers.CharField(allow_null=True, help_text="The type of event that makes it.")
    match = serializers.CharField(allow_null=True, help_text="What must be true of that event.")
    by_outcome = serializers.BooleanField(help_text="A service makes it when it has answered.")


class FollowedSerializer(serializers.Serializer[Any]):
    """The definition that the object is pinned to."""

    key = serializers.CharField()
    version = serializers.IntegerField()
    title = serializers.CharField()


class TransitionsSerializer(serializers.Serializer[Any]):
    """What can happen next."""

    lifecycle = FollowedSerializer()
    state = StateSerializer()
    since = serializers.DateTimeField()
    allowed = AllowedTransitionSerializer(many=True)
    due = DueTransitionSerializer(many=True, help_text="What the clock will do if nobody acts.")
    ways = WaySerializer(many=True, help_text="Every way out, and what it waits for.")
    history = serializers.CharField(help_text="Where what has happened so far is.")


class TransitionRequestSerializer(serializers.Serializer[Any]):
    """A transition to make."""

    transition = serializers.CharField(max_length=40)
    reason = serializers.CharField(max_length=LONGEST_REASON, allow_blank=True, default="")
    answers = serializers.DictField(default=dict, help_text="What the form of the transition asks for.")


class HistorySerializer(serializers.Serializer[Any]):
    """A transition that was made."""

    id = serializers.UUIDField()
    transition = serializers.CharField(source="name")
    from_state = serializers.CharField(allow_blank=True, help_text="Empty for the first.")
    to_state = serializers.CharField()
    cause = serializers.ChoiceField(choices=[each.value for each in Cause])
    actor = serializers.CharField(source="actor_label")
    reason = serializers.CharField()
    answers = serializers.SerializerMethodField(help_text="To the form; null where you may not see them.")
    effective_at = serializers.DateTimeField(help_text="From when it counts.")
    recorded_at = serializers.DateTimeField(help_text="When it was recorded.")

    @extend_schema_field({"type": ["object", "null"]})
    def get_answers(self, step: Transition) -> dict[str, Any] | None:
        """Return the answers, to whoever may see everything of the object."""
        return step.answers if self.context.get("shows_answers") else None
