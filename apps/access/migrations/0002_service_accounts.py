from django.db import migrations, models

from apps.access.triggers import bump_on


class Migration(migrations.Migration):
    """Service accounts, and OAuth tokens of theirs that end at once when they are taken back."""

    dependencies = [
        ("access", "0001_initial"),
        ("oauth2_provider", "0022_refreshtoken_token_family_index"),
    ]

    operations = [
        migrations.AddField(
            model_name="user",
            name="is_service",
            field=models.BooleanField(db_default=False, default=False, editable=False, verbose_name="service account"),
        ),
        migrations.AddConstraint(
            model_name="user",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("is_service", False),
                    models.Q(("is_staff", False), ("is_superuser", False), ("password__startswith", "!")),
                    _connector="OR",
                ),
                name="access_user_service_never_signs_in",
                violation_error_message="A service account has no password and is no staff.",
            ),
        ),
        bump_on(
            "oauth2_provider_accesstoken", update_of=("application_id", "expires", "scope", "user_id"), inserts=False
        ),
        bump_on("oauth2_provider_application", update_of=("user_id",), inserts=False),
    ]
