"""Rights to see the calls of services, and to settle them."""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('assets', '0006_lifecycles'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='asset',
            options={'ordering': ['name', 'id'], 'permissions': (('track_asset', 'Can follow asset'), ('report_asset', 'Can report positions of asset'), ('share_asset', 'Can share asset'), ('advance_asset', 'Can move asset along its lifecycle'), ('view_calls_asset', 'Can see what services were asked about asset'), ('settle_calls_asset', 'Can try calls about asset again, or give them up'))},
        ),
    ]
