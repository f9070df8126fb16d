"""Transitions as they are asked for and shown."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apps.lifecycle.services import LONGEST_REASON
from apps.lifecycle.types import Cause, Tone


class StateSerializer(serializers.Serializer[Any]):
    """The state that something is in."""

    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # the metaclass takes fields out of the class
    tone = serializers.ChoiceField(choices=[each.value for each in Tone], help_text="How it may be coloured.")


class AllowedTransitionSerializer(serializers.Serializer[Any]):
    """A transition that the caller may make now."""

    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # the metaclass takes fields out of the class
    target = serializers.CharField(help_text="The state that it leads to.")
    needs_reason = serializers.BooleanField()


class DueTransitionSerializer(serializers.Serializer[Any]):
    """A transition that the clock will make."""

    name = serializers.CharField(source="transition")
    due_at = serializers.DateTimeField()


class TransitionsSerializer(serializers.Serializer[Any]):
    """What can happen next."""

    state = StateSerializer()
    since = serializers.DateTimeField()
    allowed = AllowedTransitionSerializer(many=True)
    due = DueTransitionSerializer(many=True, help_text="What the clock will do if nobody acts.")
    history = serializers.CharField(help_text="Where what has happened so far is.")


class TransitionRequestSerializer(serializers.Serializer[Any]):
    """A transition to make."""

    transition = serializers.CharField(max_length=40)
    reason = serializers.CharField(max_length=LONGEST_REASON, allow_blank=True, default="")


class HistorySerializer(serializers.Serializer[Any]):
    """A transition that was made."""

    id = serializers.UUIDField()
    transition = serializers.CharField(source="name")
    from_state = serializers.CharField(allow_blank=True, help_text="Empty for the first.")
    to_state = serializers.CharField()
    cause = serializers.ChoiceField(choices=[each.value for each in Cause])
    actor = serializers.CharField(source="actor_label")
    reason = serializers.CharField()
    effective_at = serializers.DateTimeField(help_text="From when it counts.")
    recorded_at = serializers.DateTimeField(help_text="When it was recorded.")
