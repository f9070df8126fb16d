"""Rights to see the calls of services, and to settle them."""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('incidents', '0006_record_grants'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='incident',
            options={'ordering': ('-opened_at', '-id'), 'permissions': (('comment_incident', 'Can comment on incident'), ('assign_incident', 'Can assign incident'), ('acknowledge_incident', 'Can acknowledge incident'), ('escalate_incident', 'Can escalate incident'), ('resolve_incident', 'Can resolve incident'), ('close_incident', 'Can close incident'), ('reopen_incident', 'Can reopen incident'), ('view_calls_incident', 'Can see what services were asked about incident'), ('settle_calls_incident', 'Can try calls about incident again, or give them up'), ('share_incident', 'Can share incident'))},
        ),
    ]
