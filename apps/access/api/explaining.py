"""What the answers to "why" and "who" look like in JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from rest_framework import serializers

from apps.access.api.policies import EFFECTS, PolicyChangeSerializer
from apps.access.api.serializers import Shape
from apps.access.judging import Obligations
from apps.access.queries.dry_run import DryRun, sentences
from apps.access.queries.explaining import Explanation
from apps.access.queries.holders import Holders
from apps.access.queries.reasons import Kind, Reason
from apps.access.types import Channel
from apps.core.api.fields import InstantField
from apps.core.types import TimeWindow

CHANNELS = [each.value for each in Channel]
LONGEST_ACTION = 64


class AboutSerializer(Shape):
    """What is asked about: an action, and one object that you see."""

    action = serializers.CharField(max_length=LONGEST_ACTION, help_text="Such as `assets.view`.")
    noun = serializers.CharField(max_length=64, help_text="Such as `assets`.")
    object_id = serializers.UUIDField()
    channel = serializers.ChoiceField(
        choices=CHANNELS, required=False, help_text="By which door; policies may ask for it. Else the one you came by."
    )


class QuestionSerializer(AboutSerializer):
    """May somebody do this?"""

    user_id = serializers.UUIDField(required=False, help_text="Whom you administer; without it yourself.")
    at = InstantField(required=False, help_text="May they read what was true of the object then? Without it: now.")


class WhoSerializer(AboutSerializer):
    """Who may do this?"""

    after = serializers.CharField(max_length=150, required=False, help_text="From `next_after` of the page before.")
    limit = serializers.IntegerField(min_value=1, max_value=200, default=100)


class OfOrganisationSerializer(Shape):
    """An organisation; without its id it is one that you may not see."""

    id = serializers.UUIDField(allow_null=True)
    name = serializers.CharField()


class BecauseSerializer(Shape):
    """One thing that bears on a decision; what you may not see is `masked`, and says only whether it decided."""

    kind = serializers.ChoiceField(choices=[each.value for each in Kind])
    decided = serializers.BooleanField(help_text="The decision rests on it.")
    counts = serializers.BooleanField(
        allow_null=True,
        help_text="Of a right, whether it is in force; of a policy, what its condition says. Null is unknown.",
    )
    id = serializers.CharField(allow_null=True)
    name = serializers.CharField()
    organisation = OfOrganisationSerializer(allow_null=True)
    group = serializers.CharField(help_text="The group through which it is held, or nothing.")
    begins_at = serializers.DateTimeField(allow_null=True)
    ends_at = serializers.DateTimeField(allow_null=True)


class ExplanationSerializer(Shape):
    """May they, and why."""

    user_id = serializers.UUIDField()
    user = serializers.CharField()
    action = serializers.CharField()
    noun = serializers.CharField()
    object_id = serializers.UUIDField()
    channel = serializers.ChoiceField(choices=CHANNELS)
    at = serializers.DateTimeField()
    allowed = serializers.BooleanField()
    because = BecauseSerializer(many=True)
    hidden_fields = serializers.ListField(child=serializers.CharField())
    coarsen_m = serializers.FloatField(help_text="Positions are told on a grid of so many metres; 0 is exactly.")
    delay_s = serializers.FloatField(help_text="Positions are told so many seconds late.")


class HolderSerializer(Shape):
    """One person, or program, who may."""

    user_id = serializers.UUIDField()
    username = serializers.CharField()
    name = serializers.CharField()
    is_service = serializers.BooleanField()
    because = BecauseSerializer(many=True)


class HoldersSerializer(Shape):
    """A page of those who may, by username, whom you may see."""

    items = HolderSerializer(many=True)
    next_after = serializers.CharField(allow_null=True, help_text="Send it as `after`; null on the last page.")
    others = serializers.IntegerField(help_text="How many may as well whom you may not see; told on the first page.")
    at_least = serializers.BooleanField(help_text="Not everybody was judged: there may be more.")


def explanation_body(found: Explanation) -> dict[str, Any]:
    """Return an explanation as REST shows it."""
    asked = found.question
    return {
        "user_id": found.user_id,
        "user": found.label,
        "action": asked.action,
        "noun": asked.noun,
        "object_id": asked.object_id,
        "channel": found.channel.value,
        "at": found.at,
        "allowed": found.allowed,
        "because": [_reason(each) for each in found.reasons],
        **_kept(found.obligations),
    }


def holders_body(found: Holders) -> dict[str, Any]:
    """Return a page of people as REST shows it."""
    items = [
        {
            "user_id": each.user_id,
            "username": each.username,
            "name": each.label,
            "is_service": each.is_service,
            "because": [_reason(reason) for reason in each.reasons],
        }
        for each in found.items
    ]
    return {"items": items, "next_after": found.after, "others": found.others, "at_least": found.at_least}


def _reason(reason: Reason) -> dict[str, Any]:
    place = reason.organisation
    return {
        "kind": reason.kind.value,
        "decided": reason.decided,
        "counts": reason.counts,
        "id": None if reason.id is None else str(reason.id),
        "name": reason.name,
        "organisation": None if place is None else {"id": place[0], "name": place[1]},
        "group": reason.group,
        **_period(reason.during),
    }


def _period(during: TimeWindow) -> Mapping[str, Any]:
    return {"begins_at": during.start, "ends_at": during.end}


def _kept(owed: Obligations) -> Mapping[str, Any]:
    return {
        "hidden_fields": sorted(owed.hidden),
        "coarsen_m": owed.coarsen_m,
        "delay_s": owed.delay.total_seconds(),
    }


class DryRunChangesSerializer(PolicyChangeSerializer):
    """A new policy, or with ``id`` what would be changed of one; what is not said stays."""

    id = serializers.UUIDField(required=False, help_text="The policy that would be changed; without it a new one.")
    organisation_id = serializers.UUIDField(
        required=False, allow_null=True, help_text="Of a new policy; null is everything, for superusers."
    )
    name = serializers.CharField(max_length=100, required=False)
    effect = serializers.ChoiceField(choices=EFFECTS, required=False)
    actions = serializers.ListField(child=serializers.CharField(max_length=64), max_length=500, required=False)
    channel = serializers.ChoiceField(choices=CHANNELS, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Return what was said; a new policy has an effect and actions."""
        missing = [] if "id" in attrs else [name for name in ("effect", "actions") if name not in attrs]
        if missing:
            raise serializers.ValidationError(dict.fromkeys(missing, "This is needed for a new policy."))
        return attrs


class TallySerializer(Shape):
    """How many objects, for how many people; an object counts once."""

    objects = serializers.IntegerField()
    people = serializers.IntegerField()


class EffectedSerializer(Shape):
    """What would appear and disappear for one action."""

    noun = serializers.CharField()
    action = serializers.CharField()
    appear = TallySerializer()
    disappear = TallySerializer()
    at_least = serializers.BooleanField(help_text="Counting was cut short.")


class ExampleSerializer(Shape):
    """One object that would appear or disappear for one person."""

    action = serializers.CharField()
    appears = serializers.BooleanField()
    object_id = serializers.UUIDField()
    name = serializers.CharField(source="label", help_text="Of the object; empty where it may be hidden.")
    user_id = serializers.UUIDField()
    user = serializers.CharField()


class DryRunSerializer(Shape):
    """What a policy would change, as far as you see objects and people."""

    sentence = serializers.CharField()
    effects = EffectedSerializer(many=True)
    examples = ExampleSerializer(many=True)
    people = serializers.IntegerField(help_text="For how many people it is, whom you see.")
    at_least = serializers.BooleanField(help_text="Somebody, or something, was left out: there may be more.")


def dry_run_body(found: DryRun) -> dict[str, Any]:
    """Return a dry run as REST shows it."""
    shown: dict[str, Any] = dict(DryRunSerializer({**asdict(found), "sentence": " ".join(sentences(found))}).data)
    return shown
