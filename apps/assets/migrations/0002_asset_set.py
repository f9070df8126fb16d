"""A token that says whether what somebody keeps of assets in memory still stands."""

from django.db import migrations, models

from apps.assets.triggers import create_token_function, renew_token_on


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
        create_token_function(),
        renew_token_on("assets_asset"),
        renew_token_on("assets_identifier"),
        renew_token_on("assets_assetkind"),
    ]
