"""``manage.py create_user``: the first person of an installation, who can then make the others."""

from __future__ import annotations

import sys
from getpass import getpass
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.access.models import Organisation
from apps.access.services import create_user
from apps.access.types import SYSTEM
from apps.core import clock
from apps.core.types import WatchfloorError


class Command(BaseCommand):
    """Makes a user; the password is asked for, or read from standard input."""

    help = "Make a user. The password is asked for; from a pipe, its first line is the password."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare who it is and what they are."""
        parser.add_argument("username")
        parser.add_argument("--email", default="")
        parser.add_argument("--display-name", default="")
        parser.add_argument("--organisation", metavar="SLUG", help="who administers the account")
        parser.add_argument("--staff", action="store_true", help="may use the admin")
        parser.add_argument("--superuser", action="store_true", help="may do everything; implies --staff")
        parser.add_argument("--service", action="store_true", help="a program's account, without a password")

    def handle(self, *_: Any, **options: Any) -> None:
        """Make the user, or say why not."""
        slug = options["organisation"]
        organisation = Organisation.objects.filter(slug=slug).first() if slug else None
        if slug and organisation is None:
            raise CommandError(f"There is no organisation {slug}.")
        try:
            user = create_user(
                username=options["username"],
                password=None if options["service"] else _password(),
                email=options["email"],
                display_name=options["display_name"],
                organisation_id=organisation.pk if organisation else None,
                is_staff=options["staff"] or options["superuser"],
                is_superuser=options["superuser"],
                is_service=options["service"],
                actor=SYSTEM,
                at=clock.now(),
            )
        except WatchfloorError as error:
            details = " ".join(each.detail for each in error.errors)
            raise CommandError(f"{error.message} {details}".strip()) from error
        self.stdout.write(f"Made {user.username}.")


def _password() -> str:
    if sys.stdin.isatty():
        return getpass("Password: ")
    return sys.stdin.readline().rstrip("\n")
