"""A token that says whether what somebody keeps of assets in memory still stands."""

from django.db import migrations, models

from apps.core.triggers import TokenTrigger

TOKEN = TokenTrigger(
    table="assets_assetset",
    sequence="assets_assetset_token",
    function="assets_renew_token",
    trigger="asset_set_changed",
)


class Migration(migrations.Migration):

    dependencies = [
        ('assets', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='AssetSet',
            fields=[
                ('id', models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ('version', models.BigIntegerField()),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('id', 1)), name='asset_set_is_one_row')],
            },
        ),
        TOKEN.create(),
        TOKEN.renew_on("assets_asset"),
        TOKEN.renew_on("assets_identifier"),
        TOKEN.renew_on("assets_assetkind"),
    ]
