from django.db import migrations, models


class Migration(migrations.Migration):
    """Sockets that were opened with a ticket of a session end with it."""

    dependencies = [("live", "0002_ticket_of_a_token")]

    operations = [
        migrations.AddField(
            model_name="feedticket",
            name="session_key",
            field=models.CharField(blank=True, default="", editable=False, max_length=40),
            preserve_default=False,
        ),
    ]
