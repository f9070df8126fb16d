"""Assets of others in volumes of what runs."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('assets', '0007_calls'),
        ('operations', '0002_following'),
    ]

    operations = [
        migrations.CreateModel(
            name='Intrusion',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('entered_at', models.DateTimeField()),
                ('left_at', models.DateTimeField(null=True)),
                ('asset', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='assets.asset')),
                ('operation', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='intrusions', to='operations.operation')),
            ],
            options={
                'ordering': ['id'],
                'constraints': [models.UniqueConstraint(condition=models.Q(('left_at', None)), fields=('asset', 'operation'), name='intrusion_open_once'), models.CheckConstraint(condition=models.Q(('left_at', None), ('left_at__gte', models.F('entered_at')), _connector='OR'), name='intrusion_ends_after_it_begins')],
            },
        ),
    ]
