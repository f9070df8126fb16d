import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Feed tickets that were asked for with an OAuth token end with it."""

    dependencies = [
        ("live", "0001_initial"),
        ("oauth2_provider", "0022_refreshtoken_token_family_index"),
    ]

    operations = [
        migrations.AddField(
            model_name="feedticket",
            name="oauth_token",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="oauth2_provider.accesstoken",
            ),
        ),
    ]
