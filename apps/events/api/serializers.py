"""The log as it is shown."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers


class EventDataSerializer(serializers.Serializer[Any]):
    """What happened to the object; each type of event has a schema of its own."""

    change = serializers.ChoiceField(
        choices=["created", "updated", "deleted", "transitioned", "found", "removed", "sent"]
    )
    object = serializers.JSONField(allow_null=True, help_text="The object as it is now.")
    previous = serializers.JSONField(allow_null=True, help_text="The object as it was before.")
    lifecycle = serializers.JSONField(allow_null=True, help_text="The transition that it made.")


class CloudEventSerializer(serializers.Serializer[Any]):
    """A CloudEvents 1.0 envelope."""

    specversion = serializers.CharField()
    id = serializers.CharField(help_text="A UUID, or what the sender of an event from outside called it.")
    source = serializers.CharField()  # type: ignore[assignment]  # a member of the envelope, not DRF's argument
    type = serializers.CharField()
    subject = serializers.CharField(help_text="`<noun>/<id>`")
    time = serializers.DateTimeField(help_text="When it was true.")
    recordedtime = serializers.DateTimeField(help_text="When it was recorded.")
    sequence = serializers.CharField(help_text="Its offset in the log, as 20 digits.")
    actor = serializers.CharField()
    datacontenttype = serializers.CharField()
    data = EventDataSerializer(help_text="Of an event from outside: any JSON.")  # type: ignore[assignment]  # a member of the envelope, not DRF's property


class EventPageSerializer(serializers.Serializer[Any]):
    """A stretch of the log. An empty page whose cursor is behind the head only held nothing for this reader."""

    items = CloudEventSerializer(many=True)
    cursor = serializers.CharField(help_text="Send it as `after` to go on.")
    head = serializers.CharField(help_text="The end of the log when the page was read.")


class OutsideEventSerializer(serializers.Serializer[Any]):
    """A CloudEvents 1.0 event that you send; its extension attributes are kept as well."""

    specversion = serializers.ChoiceField(choices=["1.0"])
    id = serializers.CharField(max_length=200, help_text="Unique within the source.")
    source = serializers.CharField(max_length=200)  # type: ignore[assignment]  # a member of the event
    type = serializers.CharField(max_length=100, help_text="Nothing that begins with `watchfloor.`")
    subject = serializers.CharField(max_length=100, help_text="The object: `<noun>/<id>`")
    time = serializers.DateTimeField(required=False, help_text="When it was true; now, unless it says so.")
    datacontenttype = serializers.CharField(required=False, help_text="JSON only.")
    data = serializers.JSONField(required=False)  # type: ignore[assignment]  # a member of the event


class ReceivedSerializer(serializers.Serializer[Any]):
    """What became of the events that were sent."""

    accepted = serializers.IntegerField()
    duplicates = serializers.IntegerField(help_text="They had been sent before.")
